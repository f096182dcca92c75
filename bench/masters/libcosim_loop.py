"""A system in libcosim, by its API: system (JSON), steps. Nothing observes it before the last step."""

import json
import os
import sys
import time
from pathlib import Path

from libcosimpy.CosimExecution import CosimExecution
from libcosimpy.CosimLogging import CosimLogLevel, log_output_level
from libcosimpy.CosimObserver import CosimObserver
from libcosimpy.CosimSlave import CosimLocalSlave

# What libcosim prints is for people.
answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)

NS = 1e9
system = json.loads(Path(sys.argv[1]).read_text())
steps = int(sys.argv[2])
log_output_level(CosimLogLevel.WARNING)


def must(done, what):
    if not done:
        raise RuntimeError(f"libcosim cannot {what}")


execution = CosimExecution.from_step_size(system["step"] * NS)
components = system["components"]
slaves = [execution.add_local_slave(CosimLocalSlave(each["fmu"], each["name"])) for each in components]
references = {}
for slave, each in zip(slaves, components):
    if each["fmu"] not in references:
        references[each["fmu"]] = {
            variable.name.decode(): variable.reference for variable in execution.slave_variables(slave)
        }


def reference(component, name):
    return references[component["fmu"]][name]


for slave, each in zip(slaves, components):
    for name, value in each["start"].items():
        must(execution.real_initial_value(slave, reference(each, name), value), f"set {name}")
    if "input" in each:
        source = components[each["source"]]
        end = (slaves[each["source"]], reference(source, source["output"]), slave, reference(each, each["input"]))
        must(execution.connect_real_variables(*end) == 0, f"connect {each['name']}")

# It initialises with the first step.
must(execution.step(), "make the first step")
initialised = time.monotonic_ns()
if steps > 2:
    must(execution.step(steps - 2), f"make {steps - 2} steps")
last = None
if steps > 1:
    observer = CosimObserver.create_last_value()
    must(execution.add_observer(observer), "add an observer")
    must(execution.step(), "make the last step")
    (last,) = observer.last_real_values(slaves[-1], [reference(components[-1], components[-1]["output"])])
json.dump({"initialised": initialised, **({} if last is None else {"last": last})}, answer)
answer.close()

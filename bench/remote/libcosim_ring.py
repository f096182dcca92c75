"""A ring in libcosim: OspSystemStructure.xml, steps, times, the last output. Prints the µs of a step, as often as asked."""

import json
import os
import sys
import time

# What libcosim prints is for people.
answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)

from libcosimpy.CosimExecution import CosimExecution  # noqa: E402
from libcosimpy.CosimLogging import CosimLogLevel, log_output_level  # noqa: E402
from libcosimpy.CosimObserver import CosimObserver  # noqa: E402

file, steps, times, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
log_output_level(CosimLogLevel.WARNING)


def must(done, what):
    if not done:
        raise RuntimeError(f"libcosim cannot {what}")


execution = CosimExecution.from_osp_config_file(file)
must(execution.step(max(1, steps // 5)), "warm up")
made = max(1, steps // 5)
samples = []
for _ in range(times):
    begun = time.perf_counter()
    must(execution.step(steps), f"make {steps} steps")
    samples.append((time.perf_counter() - begun) * 1e6 / steps)
    made += steps
observer = CosimObserver.create_last_value()
must(execution.add_observer(observer), "add an observer")
must(execution.step(), "make the last step")
simulator, name = last.split(".")
slave = execution.slave_index_from_instance_name(simulator)
(variable,) = [one for one in execution.slave_variables(slave) if one.name.decode() == name]
(value,) = observer.last_real_values(slave, [variable.reference])
if value != made + 1:
    raise RuntimeError(f"{last} is {value} after {made + 1} steps")
json.dump(samples, answer)
answer.close()

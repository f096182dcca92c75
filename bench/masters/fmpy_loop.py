"""A Jacobi loop over FMPy's FMU2Slave: system (JSON), steps, and a CSV file if one Real of each FMU is to be recorded."""

import json
import shutil
import sys
import time
from pathlib import Path

from fmpy import extract, read_model_description
from fmpy.fmi2 import FMU2Slave

system = json.loads(Path(sys.argv[1]).read_text())
steps = int(sys.argv[2])
step = system["step"]
components = system["components"]
folders = {fmu: extract(fmu) for fmu in {component["fmu"] for component in components}}
descriptions = {fmu: read_model_description(fmu) for fmu in folders}
references = {
    fmu: {variable.name: variable.valueReference for variable in description.modelVariables}
    for fmu, description in descriptions.items()
}


def instantiate(component):
    description = descriptions[component["fmu"]]
    slave = FMU2Slave(
        guid=description.guid,
        unzipDirectory=folders[component["fmu"]],
        modelIdentifier=description.coSimulation.modelIdentifier,
        instanceName=component["name"],
    )
    slave.instantiate()
    for name, value in component["start"].items():
        slave.setReal([references[component["fmu"]][name]], [value])
    slave.setupExperiment(startTime=0.0)
    slave.enterInitializationMode()
    return slave


slaves = [instantiate(component) for component in components]
outputs = [[references[component["fmu"]][component["output"]]] for component in components]
inputs = [
    (slave, [references[component["fmu"]][component["input"]]], component["source"])
    for slave, component in zip(slaves, components)
    if "input" in component
]
for i, (slave, output) in enumerate(zip(slaves, outputs)):
    for target, reference, source in inputs:
        if target is slave and source < i:
            target.setReal(reference, slaves[source].getReal(outputs[source]))
for slave in slaves:
    slave.exitInitializationMode()
values = [slave.getReal(output)[0] for slave, output in zip(slaves, outputs)]
initialised = time.monotonic_ns()

csv = open(sys.argv[3], "w", encoding="ascii") if len(sys.argv) > 3 else None
if csv:
    csv.write(",".join(["time", *(component["name"] for component in components)]) + "\n")
    csv.write(",".join(map(repr, [0.0, *values])) + "\n")
readings = list(zip(slaves, outputs))
for k in range(steps):
    for slave, reference, source in inputs:
        slave.setReal(reference, [values[source]])
    for slave in slaves:
        slave.doStep(k * step, step)
    values = [slave.getReal(output)[0] for slave, output in readings]
    if csv:
        csv.write(",".join(map(repr, [(k + 1) * step, *values])) + "\n")
if csv:
    csv.close()

for slave in slaves:
    slave.terminate()
    slave.freeInstance()
for folder in folders.values():
    shutil.rmtree(folder, ignore_errors=True)
print(json.dumps({"initialised": initialised, "last": values[-1]}))

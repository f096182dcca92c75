"""Packs a system into one FMU whose output `last` is that of the last component: tool, system (JSON), FMU, recording or not."""

import json
import sys
import tempfile
from pathlib import Path

tool, system, target, recording = sys.argv[1], json.loads(Path(sys.argv[2]).read_text()), Path(sys.argv[3]), sys.argv[4]
components = system["components"]


def fmucontainer():
    from fmu_manipulation_toolbox.assembly import Assembly

    names = [f"{component['name']}.fmu" for component in components]
    description = {
        "name": target.name,
        "fmu": names,
        "path": {name: Path(component["fmu"]).name for name, component in zip(names, components)},
        "link": [
            [names[component["source"]], components[component["source"]]["output"], name, component["input"]]
            for name, component in zip(names, components)
            if "input" in component
        ],
        "start": [
            [name, variable, value]
            for name, component in zip(names, components)
            for variable, value in component["start"].items()
        ],
        "output": [[names[-1], components[-1]["output"], "last"]],
        **dict.fromkeys(["auto_input", "auto_output", "auto_link", "auto_parameter"], False),
        "step_size": system["step"],
    }
    file = target.with_suffix(".assembly.json")
    file.write_text(json.dumps(description))
    assembly = Assembly(str(file), fmu_directory=Path(components[0]["fmu"]).parent)
    assembly.make_fmu(datalog=recording == "recording", filename=str(target))


def fmpy_container():
    from attrs import evolve
    from fmpy import read_model_description
    from fmpy.container_fmu.cli import create_container_fmu
    from fmpy.container_fmu.config import Component, Configuration, Connection
    from fmpy.model_description import CoSimulation, DefaultExperiment, ModelDescription, ModelVariable, Unknown

    descriptions = {fmu: read_model_description(fmu) for fmu in {component["fmu"] for component in components}}
    parts = [Component(each["name"], Path(each["fmu"]), descriptions[each["fmu"]]) for each in components]

    def variable(index, name):
        return next(v for v in parts[index].modelDescription.modelVariables if v.name == name)

    def connector(index, name):
        """Its runtime knows the types of FMI 3 only, and connections of FMI 2 keep theirs."""
        return evolve(variable(index, name), type="Float64")

    connections = [
        Connection(
            parts[each["source"]],
            [connector(each["source"], components[each["source"]]["output"])],
            parts[i],
            [connector(i, each["input"])],
        )
        for i, each in enumerate(components)
        if "input" in each
    ]
    # The first variable is the time.
    time = ModelVariable(name="time", valueReference=0, type="Real", causality="independent", variability="continuous")
    last = ModelVariable(name="last", valueReference=0, type="Real", causality="output", variability="continuous")
    mappings = {last: [(parts[-1], variable(len(parts) - 1, components[-1]["output"]))]}
    for i, each in enumerate(components):
        for name, value in each["start"].items():
            parameter = variable(i, name).causality == "parameter"
            outer = ModelVariable(
                name=f"{each['name']}.{name}",
                valueReference=0,
                type="Real",
                causality="parameter" if parameter else "input",
                variability="tunable" if parameter else "continuous",
                start=repr(value),
            )
            mappings[outer] = [(parts[i], variable(i, name))]
    description = ModelDescription(
        fmiVersion="2.0",
        modelName="container",
        instantiationToken="{bench}",
        modelVariables=[time, *mappings],
        coSimulation=CoSimulation(modelIdentifier="container_fmu", fixedInternalStepSize=system["step"]),
        defaultExperiment=DefaultExperiment(stepSize=str(system["step"])),
        outputs=[Unknown(variable=last)],
    )
    configuration = Configuration(False, description, parts, connections, mappings)
    with tempfile.TemporaryDirectory() as folder:
        unzipped = Path(folder) / "container"
        unzipped.mkdir()  # it removes it first
        create_container_fmu(configuration, unzipped, target)


{"fmucontainer": fmucontainer, "fmpy-container": fmpy_container}[tool]()

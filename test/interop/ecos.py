"""The scenario of two-robots.ts in Ecos."""

import os
from pathlib import Path

import ecospy
from exchange import answer, question
from ecospy import EcosLib, EcosSimulation, EcosSimulationStructure

scenario = question()
os.chdir(Path(scenario["components"]["left"]).parent)  # it leaves logs where it runs
EcosLib.set_log_level("warn")
if scenario["prefix"]:
    # It starts this program, which its package forgets to mark as one.
    program = Path(ecospy.__file__).parent / "binaries" / "proxyfmu"
    program.chmod(program.stat().st_mode | 0o111)

with EcosSimulationStructure() as structure:
    for name, file in scenario["components"].items():
        structure.add_model(name, scenario["prefix"] + file)
    for connection in scenario["connections"]:
        connect = structure.make_real_connection if connection["type"] == "Real" else structure.make_bool_connection
        connect("::".join(connection["from"]), "::".join(connection["to"]))
    structure.add_parameter_set(
        "start",
        {f"{name}::{variable}": value for name, values in scenario["start"].items() for variable, value in values.items()},
    )
    with EcosSimulation(step_size=scenario["step"], structure=structure) as simulation:
        get = {
            "Real": simulation.get_real,
            "Integer": simulation.get_integer,
            "Boolean": simulation.get_bool,
            "String": simulation.get_string,
        }
        if not simulation.init(parameter_set="start"):
            raise RuntimeError(EcosLib.get_last_error())
        rows = []
        for _ in range(scenario["steps"]):
            simulation.step()
            row = {"time": simulation.get_time()}
            for component, variable, kind in scenario["outputs"]:
                row[f"{component}.{variable}"] = get[kind](f"{component}::{variable}")
            rows.append(row)
        simulation.terminate()

answer(rows)

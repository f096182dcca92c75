"""Several bridges in one process, stepped from as many threads. Scenario in, what was seen out."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from exchange import answer, question
from fmpy import read_model_description
from fmpy.fmi2 import FMU2Slave
from robot import Robot


def children():
    """Command lines of the processes that this one has started."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            # The name, in parentheses, may hold anything; after it come the state and the parent.
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip())
        except (OSError, IndexError, ValueError):
            pass  # no process, or gone meanwhile
    return found


class Bridge:
    def __init__(self, name, folder):
        description = read_model_description(folder)
        self.name = name
        self.references = {variable.name: variable.valueReference for variable in description.modelVariables}
        self.slave = FMU2Slave(
            guid=description.guid,
            unzipDirectory=folder,
            modelIdentifier=description.coSimulation.modelIdentifier,
            instanceName=name,
        )
        self.slave.instantiate()

    def initialise(self, exchange):
        names = ("config.exchangename", "config.routingkey", "config.routingkey.from_cosim")
        self.slave.setupExperiment(startTime=0.0)
        self.slave.setString(
            [self.references[name] for name in names], [exchange, f"{self.name}.to", f"{self.name}.from"]
        )
        self.slave.enterInitializationMode()
        self.slave.exitInitializationMode()

    def run(self, steps):
        """Every output; each step publishes its number."""
        values = []
        for k in range(steps):
            self.slave.setReal([self.references["u"]], [k + 0.5])
            self.slave.doStep(k * 0.1, 0.1)
            values += self.slave.getReal([self.references["x"]])
        return values

    def end(self):
        self.slave.terminate()
        self.slave.freeInstance()


scenario = question()
with Robot(scenario["url"], scenario["exchange"], scenario["samples"]) as robot:
    bridges = [Bridge(name, folder) for name, folder in scenario["bridges"].items()]
    for bridge in bridges:
        bridge.initialise(scenario["exchange"])
    during = children()
    with ThreadPoolExecutor(len(bridges)) as threads:
        outputs = list(threads.map(lambda bridge: bridge.run(scenario["steps"]), bridges))
    published = {bridge.name: robot.messages(bridge.name, scenario["steps"]) for bridge in bridges}
    for bridge in bridges:
        bridge.end()

answer(
    {
        "outputs": dict(zip(scenario["bridges"], outputs)),
        "published": published,
        "children during": during,
        "children afterwards": children(),
    }
)

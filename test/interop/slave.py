"""Drives a bridge call by call through fmpy.fmi2.FMU2Slave. Scenario in, what was seen out."""

import time
from ctypes import byref, c_double, c_void_p

from exchange import answer, question
from fmpy import read_model_description
from fmpy.fmi1 import FMICallException
from fmpy.fmi2 import (
    FMU2Slave,
    defaultCallbacks,
    fmi2CallbackFunctions,
    fmi2CallbackLoggerTYPE,
    fmi2LastSuccessfulTime,
    fmi2Terminated,
)
from fmpy.logging import addLoggerProxy
from robot import Robot

scenario = question()
description = read_model_description(scenario["fmu"])
variables = {variable.name: variable for variable in description.modelVariables}
log = []


def keep_log(_environment, _name, status, category, message):
    log.append([status, category.decode(), message.decode()])


callbacks = fmi2CallbackFunctions()
callbacks.logger = fmi2CallbackLoggerTYPE(keep_log)
callbacks.allocateMemory = defaultCallbacks.allocateMemory
callbacks.freeMemory = defaultCallbacks.freeMemory
addLoggerProxy(byref(callbacks))


class Bridge:
    """An instance whose variables are reached by name."""

    def __init__(self, robot, samples):
        robot.samples["bridge"] = samples
        self.slave = FMU2Slave(
            guid=description.guid,
            unzipDirectory=scenario["fmu"],
            modelIdentifier=description.coSimulation.modelIdentifier,
            instanceName="bridge",
        )
        self.slave.instantiate(callbacks=callbacks, loggingOn=True)

    def initialise(self):
        """With everything that the robot sends already in the bridge."""
        self.slave.setupExperiment(startTime=0.0)
        for name, value in scenario["parameters"].items():
            self.set(name, value)
        self.slave.enterInitializationMode()
        self.slave.exitInitializationMode()
        while self.get("used") + self.get("queue_depth") < len(scenario["samples"]):
            time.sleep(0.005)

    def get(self, name):
        variable = variables[name]
        (value,) = getattr(self.slave, f"get{variable.type}")([variable.valueReference])
        return value.decode() if variable.type == "String" else bool(value) if variable.type == "Boolean" else value

    def set(self, name, value):
        variable = variables[name]
        getattr(self.slave, f"set{variable.type}")([variable.valueReference], [value])

    def values(self):
        return {name: self.get(name) for name in ("r", "i", "b", "s")}

    def longest_step(self):
        """By the extension of INTO-CPS."""
        size = c_double()
        assert self.slave.dll.fmi2GetMaxStepsize(c_void_p(self.slave.component), byref(size)) == 0
        return size.value

    def step(self, start, end):
        self.slave.doStep(start, end - start)
        return self.values()


seen = {}
with Robot(scenario["url"], scenario["exchange"], {}) as robot:
    bridge = Bridge(robot, scenario["samples"])
    seen["version"] = bridge.slave.getVersion()
    bridge.initialise()
    seen["initial"] = bridge.values()
    seen["one step"] = bridge.step(0.0, 0.1)
    seen["longest step"] = bridge.longest_step()

    state = bridge.slave.getFMUstate()
    saved = bridge.slave.serializeFMUstate(state)
    for name, value in scenario["inputs"].items():
        bridge.set(name, value)
    seen["a long step"] = bridge.step(0.1, 0.3)
    bridge.slave.setFMUstate(state)
    seen["taken back"] = bridge.values()
    seen["a short step"] = bridge.step(0.1, 0.2)
    bridge.slave.freeFMUstate(state)
    seen["published"] = robot.messages("bridge", 2)

    try:
        bridge.step(0.2, 60.0)
    except FMICallException as refusal:
        seen["without data"] = {
            "function": refusal.function,
            "status": refusal.status,
            "terminated": bridge.slave.getBooleanStatus(fmi2Terminated),
            "last successful time": bridge.slave.getRealStatus(fmi2LastSuccessfulTime),
        }
    seen["tried again"] = bridge.step(0.2, 0.4)
    seen["longest step without data"] = bridge.longest_step()

    bridge.slave.terminate()
    seen["terminated"] = bridge.values()
    bridge.slave.reset()
    bridge.initialise()
    seen["reset"] = bridge.values()
    bridge.slave.terminate()
    bridge.slave.freeInstance()

    other = Bridge(robot, scenario["other samples"])
    other.initialise()
    seen["another instance"] = other.values()
    state = other.slave.deSerializeFMUstate(saved)
    other.slave.setFMUstate(state)
    seen["another instance, restored"] = other.values()
    other.slave.freeFMUstate(state)
    other.slave.terminate()
    other.slave.freeInstance()

answer({**seen, "log": log})

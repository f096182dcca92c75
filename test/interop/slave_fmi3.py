"""Drives a bridge of FMI 3.0 call by call through fmpy.fmi3.FMU3Slave. Scenario in, what was seen out."""

import tempfile
import time
from ctypes import byref, c_size_t

import numpy
from exchange import answer, question
from fmpy import extract, read_model_description
from fmpy.fmi1 import FMICallException
from fmpy.fmi3 import FMU3Slave, fmi3Float64, fmi3ValueReference
from robot import Robot

scenario = question()
unpacked = tempfile.TemporaryDirectory()  # until this script ends
extract(scenario["fmu"], unpacked.name)
description = read_model_description(scenario["fmu"])
variables = {variable.name: variable for variable in description.modelVariables}
log = []


def keep_log(_environment, status, category, message):
    log.append([status, category.decode(), message.decode()])


def accessor(variable):
    """Enumerations are read and set as Int64 (FMI 3.0, section 2.2.7)."""
    return "Int64" if variable.type == "Enumeration" else variable.type


class Bridge:
    """An instance whose variables are reached by name."""

    def __init__(self, robot, samples, **options):
        robot.samples["bridge"] = samples
        self.slave = FMU3Slave(
            guid=description.guid,
            unzipDirectory=unpacked.name,
            modelIdentifier=description.coSimulation.modelIdentifier,
            instanceName="bridge",
        )
        self.slave.instantiate(loggingOn=True, logMessage=keep_log, **options)

    def initialise(self, expected=None):
        """With everything that the robot sends already in the bridge."""
        for name, value in scenario["parameters"].items():
            self.set(name, value)
        self.slave.enterInitializationMode(startTime=0.0)
        self.slave.exitInitializationMode()
        expected = len(scenario["samples"]) if expected is None else expected
        while self.get("used") + self.get("queue_depth") < expected:
            time.sleep(0.005)

    def get(self, name):
        variable = variables[name]
        if variable.type == "Clock":
            return self.slave.getClock([variable.valueReference])[0]
        n = int(numpy.prod(variable.shape))
        values = getattr(self.slave, f"get{accessor(variable)}")([variable.valueReference], nValues=n)
        values = [list(value) if isinstance(value, bytes) else value for value in values]
        # JSON's numbers are doubles to those who read them: 64 bits go as text.
        values = [str(value) if variable.type in ("Int64", "UInt64") else value for value in values]
        return values if variable.shape else values[0]

    def set(self, name, value):
        variable = variables[name]
        values = value if variable.shape else [value]
        if variable.type == "Binary":
            values = [bytes(value) for value in values]
        if variable.type in ("Int64", "UInt64"):
            values = [int(value) for value in values]
        getattr(self.slave, f"set{accessor(variable)}")([variable.valueReference], values)

    def values(self):
        return {name: self.get(name) for name in scenario["outputs"]}

    def step(self, start, end):
        return self.slave.doStep(start, end - start)


def refusal(call, *arguments):
    """What a call that must not succeed says."""
    before = len(log)
    try:
        call(*arguments)
    except FMICallException as error:
        return [error.function, error.status, *[message for _, _, message in log[before:]]]
    return "not refused"


seen = {}
with Robot(scenario["url"], scenario["exchange"], {}) as robot:
    bridge = Bridge(robot, scenario["samples"])
    slave = bridge.slave
    seen["version"] = slave.getVersion()
    seen["too early"] = [refusal(bridge.step, 0.0, 0.1), refusal(slave.enterEventMode), refusal(slave.enterStepMode)]
    bridge.initialise()
    seen["initial"] = bridge.values()
    seen["first step"] = bridge.step(0.0, 0.1)
    seen["one step"] = {**bridge.values(), "time": bridge.get("time")}

    state = slave.getFMUState()
    saved = slave.serializeFMUState(state)
    for name, value in scenario["inputs"].items():
        bridge.set(name, value)
    seen["inputs"] = {name: bridge.get(name) for name in scenario["inputs"]}
    bridge.step(0.1, 0.3)
    seen["a long step"] = bridge.values()
    slave.setFMUState(state)
    seen["taken back"] = {**bridge.values(), "time": bridge.get("time")}
    bridge.step(0.1, 0.2)
    seen["a short step"] = bridge.values()
    slave.freeFMUState(state)
    seen["published"] = robot.messages("bridge", 2)

    real = variables["r"].valueReference
    one = (fmi3ValueReference * 1)(real)
    two = (fmi3Float64 * 2)()
    seen["refused"] = {
        "a type that it has not": refusal(slave.getInt32, [real]),
        "a variable that there is not": refusal(slave.getFloat64, [4711]),
        "too many values": refusal(slave.fmi3GetFloat64, slave.component, one, 1, two, 2),
        "an output set": refusal(slave.setFloat64, [real], [1.0]),
        "a parameter set late": refusal(slave.setString, [variables["config.hostname"].valueReference], ["x"]),
        "a text that is too long": refusal(bridge.set, "si", "x" * 61),
        "event mode that is not used": refusal(slave.enterEventMode),
        "configuration mode": refusal(slave.enterConfigurationMode),
        "a step back": refusal(bridge.step, 0.2, 0.1),
        "another FMU's state": refusal(slave.deserializeFMUState, b"x" * len(saved)),
        "derivatives": refusal(slave.getDirectionalDerivative, [real], [real], [1.0]),
    }
    n = c_size_t(7)
    slave.fmi3GetNumberOfVariableDependencies(slave.component, real, byref(n))
    seen["dependencies"] = n.value
    seen["unharmed"] = bridge.values()

    seen["without data"] = refusal(bridge.step, 0.2, 60.0)
    seen["tried again"] = bridge.step(0.2, 0.4)
    seen["after that"] = bridge.values()

    slave.terminate()
    seen["terminated"] = bridge.values()
    slave.reset()
    bridge.initialise()
    seen["reset"] = bridge.values()
    slave.terminate()
    slave.freeInstance()

    other = Bridge(robot, scenario["other samples"])
    other.initialise()
    seen["another instance"] = other.values()
    state = other.slave.deserializeFMUState(saved)
    other.slave.setFMUState(state)
    seen["another instance, restored"] = other.values()
    other.slave.freeFMUState(state)
    other.slave.terminate()
    other.slave.freeInstance()

answer({**seen, "log": log})

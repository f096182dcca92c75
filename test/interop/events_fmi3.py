"""A bridge of FMI 3.0 in Event Mode, through fmpy.fmi3.FMU3Slave: each step's answers, clocks and values out."""

import tempfile
import time

from exchange import answer, question
from fmpy import extract, read_model_description
from fmpy.fmi3 import FMU3Slave
from robot import Robot

scenario = question()
unpacked = tempfile.TemporaryDirectory()  # until this script ends
extract(scenario["fmu"], unpacked.name)
description = read_model_description(scenario["fmu"])
variables = {variable.name: variable for variable in description.modelVariables}


def drive(robot, event_mode, early_return):
    slave = FMU3Slave(
        guid=description.guid,
        unzipDirectory=unpacked.name,
        modelIdentifier=description.coSimulation.modelIdentifier,
        instanceName="bridge",
    )
    slave.instantiate(eventModeUsed=event_mode, earlyReturnAllowed=early_return)

    def get(name):
        variable = variables[name]
        return getattr(slave, f"get{variable.type}")([variable.valueReference])[0]

    def clocks():
        return {name: get(name) for name in scenario["clocks"]}

    def event():
        """What an importer does in Event Mode; the clocks before and after it."""
        ticking = clocks()
        values = {name: get(name) for name in scenario["outputs"]}
        again, terminate, _, _, defined, next_time = slave.updateDiscreteStates()
        assert not again and not terminate
        assert not any(clocks().values()), "a clock ticks once"
        slave.enterStepMode()
        return {"clocks": ticking, "values": values, "next": next_time if defined else None}

    slave.enterInitializationMode(startTime=0.0)
    slave.exitInitializationMode()
    later = scenario.get("later", [])
    for name, text in later:
        robot.publish(name, text)
    while get("used") + get("queue_depth") < len(scenario["samples"]) + len(later):
        time.sleep(0.005)
    seen = [event()] if event_mode else []
    now = 0.0
    for end in scenario["ends"]:
        while now < end:
            needed, terminate, early, now = slave.doStep(now, end - now)
            assert not terminate
            step = {"time": now, "needed": needed, "early": early, "clocks": clocks()}
            if needed:
                slave.enterEventMode()
                step["event"] = event()
            else:
                step["values"] = {name: get(name) for name in scenario["outputs"]}
            seen.append(step)
    slave.terminate()
    slave.freeInstance()
    return seen


with Robot(scenario["url"], scenario["exchange"], {"bridge": scenario["samples"]}) as robot:
    answer({name: drive(robot, *options) for name, options in scenario["runs"].items()})

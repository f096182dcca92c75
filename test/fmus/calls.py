"""The FMUs call by call, through FMPy's classes for FMI 1.0, 2.0 and 3.0. Folders of FMUs by name in, what was seen out."""

import ctypes
import time

import numpy
from exchange import answer, question
from fmpy import read_model_description
from fmpy.fmi1 import FMICallException, FMU1Slave, fmi1LastSuccessfulTime
from fmpy.fmi2 import FMU2Slave, fmi2LastSuccessfulTime
from fmpy.fmi3 import FMU3Slave, fmi3Float64, fmi3IntervalQualifier, fmi3ValueReference

folders = question()
log = []


class Instance:
    """An instance whose variables are reached by name."""

    def __init__(self, fmu, guid=None, **options):
        description = read_model_description(folders[fmu])
        self.version = description.fmiVersion[0]
        self.variables = {variable.name: variable for variable in description.modelVariables}
        kind = {"1": FMU1Slave, "2": FMU2Slave, "3": FMU3Slave}[self.version]
        self.slave = kind(
            guid=description.guid if guid is None else guid,
            unzipDirectory=folders[fmu],
            modelIdentifier=description.coSimulation.modelIdentifier,
            instanceName=fmu,
        )
        if self.version == "1":
            # FMPy takes the status of these functions for a text.
            for name in ("InitializeSlave", "DoStep", "CancelStep", "GetRealStatus", "GetStatus"):
                self.slave._functions[f"fmi1{name}"].restype = ctypes.c_int
        if self.version == "3":
            options["logMessage"] = lambda _environment, _status, _category, message: log.append(message.decode())
        self.slave.instantiate(**options)
        if not self.slave.component:
            raise Exception("Failed to instantiate")  # FMPy says so for 2.0 and 3.0 only

    def initialise(self, **start):
        for name, value in start.items():
            self.set(name, value)
        if self.version == "1":
            self.slave.initialize(tStart=0.0)
            return
        if self.version == "2":
            self.slave.setupExperiment(startTime=0.0)
        self.slave.enterInitializationMode()
        self.slave.exitInitializationMode()

    def _access(self, verb, name):
        variable = self.variables[name]
        kind = variable.type
        if kind == "Enumeration":
            kind = "Int64" if self.version == "3" else "Integer"
        return getattr(self.slave, verb + kind), variable

    def get(self, name):
        getter, variable = self._access("get", name)
        if self.version != "3" or variable.type == "Clock":
            value = getter([variable.valueReference])[0]
            return value.decode() if isinstance(value, bytes) else value
        values = getter([variable.valueReference], nValues=elements(self, variable))
        # JSON's integers are doubles to those who read them: those of 64 bits go as text.
        values = [
            list(v) if isinstance(v, bytes) else str(v) if variable.type in ("Int64", "UInt64", "Enumeration") else v
            for v in values
        ]
        return values if variable.dimensions else values[0]

    def set(self, name, value):
        setter, variable = self._access("set", name)
        setter([variable.valueReference], value if isinstance(value, list) else [value])

    def values(self, *names):
        return {name: self.get(name) for name in names}

    def free(self):
        self.slave.freeInstance()


def elements(instance, variable):
    sizes = [d.start if d.variable is None else int(instance.get(d.variable.name)) for d in variable.dimensions]
    return int(numpy.prod(sizes)) if sizes else 1


def refused(call, *arguments, **named):
    """The function and its status, or why there is no instance."""
    try:
        call(*arguments, **named)
    except FMICallException as error:
        return [error.function.replace("fmi1", "fmi"), error.status]
    except Exception as error:
        return str(error)
    return "not refused"


# -- What must not be called ---------------------------------------------------------------------------------------------


def order_1():
    one = Instance("dahlquist1")
    slave = one.slave
    seen = {
        "versions": [slave.getVersion(), slave.getTypesPlatform()],
        "a step before initialization": refused(slave.doStep, 0.0, 0.1),
        "a value before initialization": refused(one.get, "x"),
        "an output set": refused(one.set, "x", 1.0),
        "a variable that there is not": refused(slave.setReal, [7], [1.0]),
        "a variable of another type": refused(slave.setInteger, [1], [1]),
    }
    one.initialise(k=2.0, x0=4.0)
    seen |= {
        "initialized twice": refused(slave.initialize),
        "a parameter set late": refused(one.set, "k", 1.0),
        "a step back": refused(slave.doStep, 0.0, -0.1),
        "a step again": refused(slave.doStep, 0.0, 0.1, b"\0"),
        "a step that is not under way": refused(slave.cancelStep),
    }
    slave.doStep(0.0, 0.25)
    seen["unharmed"] = [one.get("x"), slave.getRealStatus(fmi1LastSuccessfulTime).value]
    slave.terminate()
    seen["a step after the end"] = refused(slave.doStep, 0.25, 0.25)
    slave.reset()
    one.initialise()
    seen["reset"] = one.get("x")
    one.free()
    seen["another GUID"] = refused(Instance, "dahlquist1", guid="{0}")
    seen["another MIME type"] = refused(Instance, "dahlquist1", mimeType="application/x-tool")
    return seen


def order_2():
    one = Instance("gain")
    slave = one.slave
    seen = {
        "a step before initialization": refused(slave.doStep, 0.0, 0.1),
        "a value before initialization": refused(one.get, "y"),
        "an output set": refused(one.set, "y", 1.0),
    }
    one.initialise()
    seen |= {"initialized twice": refused(slave.enterInitializationMode), "a step back": refused(slave.doStep, 0.0, -1.0)}
    slave.terminate()
    seen["a step after the end"] = refused(slave.doStep, 0.0, 0.1)
    one.free()
    return seen


def order_3():
    one = Instance("dahlquist3")
    slave = one.slave
    x = (fmi3ValueReference * 1)(1)
    two = (fmi3Float64 * 2)()
    seen = {
        "version": slave.getVersion(),
        "a step before initialization": refused(slave.doStep, 0.0, 0.1),
        "Step Mode before initialization": refused(slave.enterStepMode),
        "Configuration Mode": refused(slave.enterConfigurationMode),
        "an output set": refused(one.set, "x", 1.0),
        "a variable that there is not": refused(slave.getFloat64, [7]),
        "a variable of another type": refused(slave.getInt32, [1]),
        "too many values": refused(slave.fmi3GetFloat64, slave.component, x, 1, two, 2),
    }
    one.initialise(k=2.0, x0=4.0)
    seen |= {
        "a parameter set late": refused(one.set, "k", 1.0),
        "Event Mode that is not used": refused(slave.enterEventMode),
        "discrete states that there are not": refused(slave.updateDiscreteStates),
        "a step back": refused(slave.doStep, 0.0, -0.1),
        "a state that it does not save": refused(slave.getFMUState),
        "derivatives": refused(slave.getDirectionalDerivative, [1], [1], [1.0]),
    }
    slave.doStep(0.0, 0.25)
    seen["unharmed"] = one.values("x", "time")
    slave.terminate()
    seen["a step after the end"] = refused(slave.doStep, 0.25, 0.25)
    slave.reset()
    one.initialise()
    seen["reset"] = one.get("x")
    one.free()
    seen["another token"] = refused(Instance, "dahlquist3", guid="{0}")
    seen["Event Mode asked of it"] = refused(Instance, "dahlquist3", eventModeUsed=True)
    return seen


def only_once():
    seen = {}
    for name in ("once1", "once"):
        first = Instance(name)
        second = refused(Instance, name)
        # FreeInstance of FMPy unloads the library: what it has counted goes with it.
        (first.slave.fmi1FreeSlaveInstance if name == "once1" else first.slave.fmi2FreeInstance)(first.slave.component)
        third = Instance(name)
        seen[name] = [second, bool(third.slave.component)]
    return seen


# -- Values ---------------------------------------------------------------------------------------------------------------


def types_1():
    one = Instance("feedthrough1")
    names = ("real_out", "integer_out", "boolean_out", "string_out")
    one.initialise(real_in=1.5, integer_in=-2147483648, boolean_in=True, string_in="größer", offset=0.25)
    seen = [one.values(*names)]
    for name, value in (("real_in", -1.0), ("integer_in", 7), ("boolean_in", False), ("string_in", "")):
        one.set(name, value)
    seen.append(one.values(*names))
    one.slave.doStep(0.0, 0.1)
    seen.append(one.values(*names))
    one.free()
    return seen


def types_3(values):
    one = Instance("feedthrough3")
    one.initialise()
    seen = {"start": one.values("string_out", "choice_out")}
    for name, value in values.items():
        number = name in ("int64", "uint64", "choice")
        one.set(f"{name}_in", int(value) if number else bytes(value) if name == "binary" else value)
    one.slave.doStep(0.0, 0.1)
    seen["passed on"] = {name: one.get(f"{name}_out") for name in values}
    seen["too long"] = [refused(one.set, "string_in", "x" * 256), refused(one.slave.setBinary, [25], [bytes(257)])]
    one.free()
    return seen


def counted():
    one = Instance("counter")
    one.initialise()
    names = ("count", "odd", "text", "last_time", "last_step")
    seen = [one.values(*names)]
    for step in ((0.0, 0.5), (0.5, 0.125)):
        one.slave.doStep(*step)
        seen.append(one.values(*names))
    one.free()
    return seen


def live():
    """The outputs of gain follow its inputs, also between steps."""
    one = Instance("gain")
    one.slave.setupExperiment(startTime=0.0)
    one.slave.enterInitializationMode()
    seen = []
    for u, k, b in ((1.0, 2.0, 0.0), (3.0, 2.0, 1.0)):
        for name, value in (("u", u), ("k", k), ("b", b)):
            one.set(name, value)
        seen.append(one.get("y"))
    one.slave.exitInitializationMode()
    one.set("u", 10.0)
    seen.append(one.get("y"))
    one.slave.doStep(0.0, 0.1)
    one.set("b", -1.0)
    seen.append(one.get("y"))
    one.free()
    return seen


def cost():
    """Seconds of processor time that a step of slow takes, which is asked to take 50 ms."""
    one = Instance("slow")
    one.initialise(cost_us=50000.0)
    before = time.thread_time()
    one.slave.doStep(0.0, 0.1)
    after = time.thread_time()
    one.free()
    return after - before


def no_mode():
    one = Instance("enumer")
    one.initialise(mode_in=5, number_in=-3, flag_in=True)
    seen = [one.values("mode", "number", "flag")]
    one.set("mode_in", 2)
    seen.append(refused(one.slave.doStep, 0.0, 0.1))
    one.free()
    return seen


def arrays():
    one = Instance("arrays3")
    slave = one.slave
    one.initialise(k=10.0, u3=[1.0, 2.0, 3.0], u=[1.0, 1.0, 1.0, 2.0], matrix_in=[1, 2, 3, 4])
    seen = {"of four": one.values("n", "y3", "y", "matrix_out")}
    slave.reset()
    slave.enterConfigurationMode()
    one.set("n", 17)
    seen["too many"] = refused(slave.exitConfigurationMode)
    one.set("n", 2)
    slave.exitConfigurationMode()
    seen["set elsewhere"] = refused(one.set, "n", 3)
    seen["of two"] = one.values("A", "u")
    one.initialise(A=[1.0, 2.0, 3.0, 4.0], u=[5.0, 6.0])
    seen["A u"] = one.get("y")
    one.set("u", [0.0, 1.0])
    slave.doStep(0.0, 0.1)
    seen["its second column"] = one.get("y")
    seen["four values"] = refused(one.set, "u", [1.0] * 4)
    one.free()
    return seen


# -- States ---------------------------------------------------------------------------------------------------------------


def discarded():
    one = Instance("limited")
    slave = one.slave
    one.initialise()
    state = slave.getFMUstate()
    seen = {
        "too long": [refused(slave.doStep, 0.0, 0.25), slave.getRealStatus(fmi2LastSuccessfulTime), one.get("x")],
        "on from there": refused(slave.doStep, 0.1, 0.1),
    }
    slave.setFMUstate(state)
    slave.doStep(0.0, 0.1)
    slave.doStep(0.1, 0.05)
    seen["done again"] = [slave.getRealStatus(fmi2LastSuccessfulTime), one.get("x")]
    slave.freeFMUstate(state)
    one.free()
    return seen


def states():
    one = Instance("state3")
    slave = one.slave
    one.initialise(seed=42)

    def draw(instance, start):
        drawn = []
        for k in range(2):
            instance.slave.doStep(start + k, 1.0)
            drawn.append(instance.get("x"))
        return drawn

    seen = {"first": draw(one, 0.0)}
    state = slave.getFMUState()
    saved = slave.serializeFMUState(state)
    seen["then"] = draw(one, 2.0)
    slave.setFMUState(state)
    seen["again"] = draw(one, 2.0)
    other = Instance("state3")
    restored = other.slave.deserializeFMUState(saved)
    other.slave.setFMUState(restored)
    seen["elsewhere"] = draw(other, 2.0)
    seen["drawn"] = [one.get("drawn"), other.get("drawn")]
    seen["another FMU's state"] = refused(other.slave.deserializeFMUState, b"x")
    other.slave.freeFMUState(restored)
    slave.freeFMUState(state)
    other.free()
    return seen


# -- Events ---------------------------------------------------------------------------------------------------------------


def clocks():
    one = Instance("clocks3", eventModeUsed=True)
    slave = one.slave
    reached = ("reached_clock", "reached_count", "reached_time")

    def update():
        again, _, _, _, next_defined, _ = slave.updateDiscreteStates()
        assert not next_defined
        return again

    one.initialise(u=5.0)
    one.set("sample_clock", True)
    seen = {"at the start": [one.get("sampled"), update(), one.get("sample_clock")]}
    slave.enterStepMode()
    seen["steps"] = [slave.doStep(*step) for step in ((0.0, 0.25), (0.25, 0.125), (0.375, 0.125))]
    seen["a clock in Step Mode"] = [one.get("reached_clock"), refused(one.set, "sample_clock", True)]
    seen["a clocked input in Step Mode"] = refused(one.set, "increment", 2)
    slave.enterEventMode()
    seen["reached"] = one.values(*reached)
    one.set("u", 7.0)
    before = one.get("sampled")
    one.set("sample_clock", True)
    seen["sampled"] = [before, one.get("sampled")]
    seen["done"] = [update(), one.values("reached_clock", "sample_clock", "sampled", "reached_count")]
    slave.enterStepMode()
    slave.doStep(0.5, 0.25)
    slave.enterEventMode()
    one.set("count_clock", True)
    one.set("increment", 3)
    seen["before the tick counts"] = one.values("counter", "reached_clock")
    seen["first iteration"] = [update(), one.values("counter", *reached)]
    seen["second iteration"] = [update(), one.values("counter", *reached)]
    interval = (fmi3Float64 * 1)()
    qualifier = (fmi3IntervalQualifier * 1)()
    slave.getIntervalDecimal((fmi3ValueReference * 1)(4), interval, qualifier)
    seen["interval"] = [interval[0], qualifier[0]]
    seen["an interval that there is not"] = refused(
        slave.getIntervalDecimal, (fmi3ValueReference * 1)(2), interval, qualifier
    )
    one.free()
    return seen


def corners():
    """early3 with and without Event Mode and early return: steps, and where the wave is after them."""
    seen = {}
    for name, events, early in (
        ("neither", False, False),
        ("early return", False, True),
        ("Event Mode", True, False),
        ("both", True, True),
    ):
        one = Instance("early3", eventModeUsed=events, earlyReturnAllowed=early)
        slave = one.slave
        one.initialise()
        if events:
            next_event = slave.updateDiscreteStates()[4:]
            slave.enterStepMode()
        steps = []
        now = 0.0
        while now < 1.5:
            needed, _, returned, now = slave.doStep(now, min(0.75, 1.5 - now))
            if needed:
                slave.enterEventMode()
                next_event = slave.updateDiscreteStates()[4:]
                slave.enterStepMode()
            steps.append([now, needed, returned, one.get("x"), one.get("events")])
        seen[name] = {"steps": steps, "next": next_event if events else None}
        one.free()
    return seen


def updates():
    """inter3, whose importer sets u to x at each intermediate update, and then asks for an early return at 0.6."""
    seen = {}
    for name, early in (("to the end", False), ("early return", True)):
        times = []

        def update(_env, now, set_requested, get_allowed, finished, can_return, requested, return_time):
            times.append([now, set_requested, get_allowed, finished, can_return])
            one.set("u", one.get("x"))
            if early and now >= 0.5:
                requested[0] = True
                return_time[0] = 0.6

        one = Instance(
            "inter3", intermediateUpdate=update, requiredIntermediateVariables=[1, 2], earlyReturnAllowed=early
        )
        one.initialise(u=1.0)
        step = one.slave.doStep(0.0, 1.0)
        seen[name] = {"times": times, "step": step, **one.values("x", "calls")}
        one.free()
    seen["asked of another"] = refused(Instance, "dahlquist3", requiredIntermediateVariables=[1])
    return seen


answer(
    {
        "order 1": order_1(),
        "order 2": order_2(),
        "order 3": order_3(),
        "once": only_once(),
        "types 1": types_1(),
        "types 3": types_3(folders["values"]),
        "counter": counted(),
        "gain": live(),
        "slow": cost(),
        "enumer": no_mode(),
        "arrays": arrays(),
        "limited": discarded(),
        "state3": states(),
        "clocks": clocks(),
        "corners": corners(),
        "updates": updates(),
        "log": log,
    }
)

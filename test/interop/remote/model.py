"""One FMU of FMI 1.0 or 2.0 by FMPy, as the servers of server.py need it. Statuses are those of FMI."""

import shutil

from fmpy import extract, read_model_description
from fmpy.fmi1 import FMICallException, FMU1Slave
from fmpy.fmi2 import FMU2Slave

OK, ERROR = 0, 3


class Model:
    """An archive, unpacked until `close`."""

    def __init__(self, file):
        self.description = read_model_description(str(file))
        self.folder = extract(str(file))

    def instance(self, name):
        return Instance(self, name)

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class Instance:
    def __init__(self, model, name):
        description = model.description
        self.fmi1 = description.fmiVersion == "1.0"
        self.guid = description.guid
        self.slave = (FMU1Slave if self.fmi1 else FMU2Slave)(
            guid=description.guid,
            unzipDirectory=model.folder,
            modelIdentifier=description.coSimulation.modelIdentifier,
            instanceName=name,
        )
        self.slave.instantiate()
        if not self.slave.component:
            raise RuntimeError(f"the FMU cannot be instantiated as {name}")
        self.start, self.stop = 0.0, None

    def setup(self, start, stop, tolerance):
        self.start, self.stop = start, stop if stop > 0 else None
        if self.fmi1:
            return OK
        return status_of(self.slave.setupExperiment, tolerance if tolerance > 0 else None, start, self.stop)

    def enter(self):
        return OK if self.fmi1 else status_of(self.slave.enterInitializationMode)

    def exit(self):
        if self.fmi1:
            return status_of(self.slave.initialize, self.start, self.stop)
        return status_of(self.slave.exitInitializationMode)

    def step(self, time, size):
        return status_of(self.slave.doStep, time, size)

    def terminate(self):
        return status_of(self.slave.terminate)

    def reset(self):
        return status_of(self.slave.reset)

    def free(self):
        self.slave.freeInstance()

    def read(self, kind, references):
        """Values and a status; zeroes where the FMU refuses."""
        try:
            values = getattr(self.slave, f"get{kind}")(references)
        except FMICallException as error:
            return [{"String": "", "Boolean": False}.get(kind, 0)] * len(references), error.status
        if kind == "String":
            values = [value.decode() if isinstance(value, bytes) else value for value in values]
        return [bool(value) for value in values] if kind == "Boolean" else values, OK

    def write(self, kind, references, values):
        if len(values) != len(references):
            return ERROR
        if kind == "Boolean":
            values = [int(value) for value in values]
        return status_of(getattr(self.slave, f"set{kind}"), references, values)


def status_of(function, *arguments):
    try:
        function(*arguments)
    except FMICallException as error:
        return error.status
    return OK

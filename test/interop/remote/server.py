"""
Servers of nobody's house: Thrift's own code from its own compiler in front of FMPy. Called as proxyfmu is:

  -v
  --fmu FILE --instanceName NAME     one instance; prints `[proxyfmu] port=N`
  boot --port N                      starts one of these for each FMU that it is sent
  fmu-proxy --port N [FMU …]         FMU-proxy over TCP

Port 0 is any, which is printed as well. From the environment:

  PEER_CALLS      a file that gets a line of JSON for each call that was carried out: its method and arguments
  PEER_STATELESS  the methods of versions 0.2.2 to 0.3.x only
  PEER_FAULT      METHOD=WHAT: in that method `exit` at once, `hang`, `refuse` with a sentence, or answer the status WHAT
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

import fmuproxy.FmuService
import proxyfmu.BootService
import proxyfmu.FmuService
import proxyfmu.StatelessFmuService
from fmuproxy import ttypes as far
from model import ERROR, OK, Model
from proxyfmu import ttypes as near
from strict import missing_in
from thrift.protocol.TBinaryProtocol import TBinaryProtocolFactory
from thrift.server.TServer import TSimpleServer, TThreadedServer
from thrift.Thrift import TApplicationException
from thrift.transport.TSocket import TServerSocket
from thrift.transport.TTransport import TFramedTransportFactory

NOT_STARTED = -999
FAULT_METHOD, _, FAULT = os.environ.get("PEER_FAULT", "").partition("=")


def refused(sentence):
    return TApplicationException(TApplicationException.UNKNOWN, sentence)


class Recording:
    """Handler of a service: notes each call, misses nothing that a caller has to send, and fails where it is told to."""

    def __init__(self, handler):
        self._handler = handler
        self._lock = threading.Lock()

    def __getattr__(self, method):
        action = getattr(self._handler, method)

        def call(*arguments):
            missing = [problem for argument in arguments for problem in missing_in(argument)]
            if missing:
                raise TApplicationException(TApplicationException.PROTOCOL_ERROR, f"{method}: no {', '.join(missing)}")
            self._note(method, arguments)
            if method == FAULT_METHOD:
                if FAULT == "exit":
                    os._exit(7)
                if FAULT == "hang":
                    time.sleep(3600)
                if FAULT == "refuse":
                    raise refused(f"{method} is refused here")
                return int(FAULT)
            return action(*arguments)

        return call

    def _note(self, method, arguments):
        file = os.environ.get("PEER_CALLS")
        if file:
            line = json.dumps([method, *(each if isinstance(each, (str, int, float, list)) else None for each in arguments)])
            with self._lock, open(file, "a", encoding="utf-8") as calls:
                calls.write(f"{line}\n")


def forward(method, kind):
    """read_real and its like."""
    reads = method == "read"

    def call(self, *arguments):
        *names, references = arguments if reads else arguments[:-1]
        instance = self.instance_of(*names)
        if reads:
            values, status = instance.read(kind, references)
            return getattr(self.types, f"{kind}Read")(values, status)
        return instance.write(kind, references, arguments[-1])

    return call


KINDS = ("Integer", "Real", "String", "Boolean")
ACCESSORS = {f"{method}_{kind.lower()}": forward(method, kind) for method in ("read", "write") for kind in KINDS}


class OneInstance(type("Accessors", (), ACCESSORS)):
    """proxyfmu's FmuService"""

    types = near

    def __init__(self, file, name):
        self.file, self.name = file, name
        self.model = self.instance = None
        self.states = {}
        self.freed = False

    def instance_of(self):
        if self.instance is None:
            raise near.NoSuchInstanceException("instantiate comes first")
        return self.instance

    def instantiate(self):
        self.model = Model(self.file)
        self.instance = self.model.instance(self.name)

    def setup_experiment(self, start, stop, tolerance):
        return self.instance_of().setup(start, stop, tolerance)

    def enter_initialization_mode(self):
        return self.instance_of().enter()

    def exit_initialization_mode(self):
        return self.instance_of().exit()

    def step(self, time, size):
        return self.instance_of().step(time, size)

    def terminate(self):
        return self.instance_of().terminate()

    def freeInstance(self):
        self.instance_of().free()
        self.model.close()
        self.freed = True

    def slave(self):
        if self.instance_of().fmi1:
            raise near.UnsupportedOperationException("FMI 1.0 has no states")
        return self.instance.slave

    def add_state(self, state):
        index = max(self.states, default=-1) + 1
        self.states[index] = state
        return index

    def save_state(self):
        return self.add_state(self.slave().getFMUstate())

    def save_state_by_index(self, index):
        self.slave().freeFMUstate(self.states[index])
        self.states[index] = self.slave().getFMUstate()

    def restore_state(self, index):
        self.slave().setFMUstate(self.states[index])

    def release_state(self, index):
        self.slave().freeFMUstate(self.states.pop(index))

    def export_state(self, index):
        return near.ExportedState(0, self.instance.guid, self.slave().serializeFMUstate(self.states[index]), True, True)

    def import_state(self, exported):
        if exported.uuid != self.instance_of().guid:
            raise refused(f"a state of {exported.uuid} is none of {self.instance.guid}")
        return self.add_state(self.slave().deSerializeFMUstate(exported.fmuState))


class ManyInstances(type("Accessors", (), ACCESSORS)):
    """FMU-proxy's FmuService"""

    types = far

    def __init__(self, files):
        self.models, self.instances, self.times = {}, {}, {}
        for file in files:
            self.add(Model(file))

    def add(self, model):
        self.models[model.description.guid] = model
        return model.description.guid

    def model_of(self, fmu):
        if fmu not in self.models:
            raise far.NoSuchFmuException(f"there is no FMU {fmu} here")
        return self.models[fmu]

    def instance_of(self, name):
        if name not in self.instances:
            raise far.NoSuchInstanceException(f"there is no instance {name} here")
        return self.instances[name]

    def load_from_url(self, url):
        raise refused(f"{url}: nothing is loaded from elsewhere here")

    def load_from_file(self, name, data):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"{name}.fmu"
            file.write_bytes(data)
            return self.add(Model(file))

    def get_model_description(self, fmu):
        return description_of(self.model_of(fmu).description)

    def create_instance(self, fmu):
        name = str(uuid.uuid4())
        self.instances[name] = self.model_of(fmu).instance(name)
        return name

    def setup_experiment(self, name, start, stop, tolerance):
        self.times[name] = start
        return self.instance_of(name).setup(start, stop, tolerance)

    def enter_initialization_mode(self, name):
        return self.instance_of(name).enter()

    def exit_initialization_mode(self, name):
        return self.instance_of(name).exit()

    def step(self, name, size):
        status = self.instance_of(name).step(self.times[name], size)
        if status == OK:
            self.times[name] += size
        return far.StepResult(status, self.times[name])

    def reset(self, name):
        return self.instance_of(name).reset()

    def terminate(self, name):
        return self.instance_of(name).terminate()

    def freeInstance(self, name):
        self.instance_of(name).free()
        del self.instances[name]

    def get_directional_derivative(self, name, unknowns, knowns, values):
        raise far.UnsupportedOperationException("there are no derivatives here")


def description_of(description):
    def number(text, kind=float):
        return kind(text) if text else kind(0)

    def attribute(variable):
        start = variable.start
        if variable.type == "Boolean":
            return {"boolean_attribute": far.BooleanAttribute(start == "true")}
        if variable.type == "String":
            return {"string_attribute": far.StringAttribute(start or "")}
        kind = int if variable.type in ("Integer", "Enumeration") else float
        bounds = (number(variable.min, kind), number(variable.max, kind), number(start, kind), variable.quantity or "")
        return {f"{variable.type.lower()}_attribute": getattr(far, f"{variable.type}Attribute")(*bounds)}

    def variable_of(variable):
        return far.ScalarVariable(
            variable.name,
            variable.valueReference,
            variable.description,
            variable.initial,
            {"calculatedParameter": "calculated_parameter"}.get(variable.causality, variable.causality),
            variable.variability,
            far.ScalarVariableAttribute(**attribute(variable)),
        )

    def unknown(each):
        index = description.modelVariables.index(each.variable) + 1
        return far.Unknown(index, [], [])

    slave = description.coSimulation
    return far.ModelDescription(
        guid=description.guid,
        fmi_version=description.fmiVersion,
        modelName=description.modelName,
        description=description.description,
        model_variables=[variable_of(each) for each in description.modelVariables],
        model_structure=far.ModelStructure([unknown(each) for each in description.outputs], [], []),
        model_identifier=slave.modelIdentifier,
        can_get_and_set_fmu_state=bool(slave.canGetAndSetFMUstate),
        can_serialize_fmu_state=bool(slave.canSerializeFMUstate),
        provides_directional_derivative=False,
        can_handle_variable_communication_step_size=bool(slave.canHandleVariableCommunicationStepSize),
        can_interpolate_inputs=False,
        max_output_derivative_order=0,
    )


class Boot:
    def loadFromBinaryData(self, name, instance, data):
        folder = Path(tempfile.mkdtemp(prefix="peer-"))
        file = folder / f"{name}.fmu"
        file.write_bytes(data)
        child = subprocess.Popen(
            [sys.executable, __file__, "--fmu", str(file), "--instanceName", instance], stdout=subprocess.PIPE, text=True
        )
        for line in child.stdout:
            if line.startswith("[proxyfmu] port="):
                return int(line.partition("=")[2])
        return NOT_STARTED


class Listener(TServerSocket):
    """On this machine only; answers go at once."""

    def __init__(self, port):
        super().__init__("127.0.0.1", port)

    def listen(self):
        super().listen()
        print(f"[proxyfmu] port={self.handle.getsockname()[1]}", flush=True)

    def accept(self):
        client = super().accept()
        if client is not None:
            client.handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client


class Until:
    """A processor that ends the process after a call."""

    def __init__(self, processor, is_over):
        self.processor, self.is_over = processor, is_over

    def process(self, *protocols):
        self.processor.process(*protocols)
        if self.is_over():
            print("[proxyfmu] freed", flush=True)
            sys.exit(0)


def serve(kind, processor, port):
    # Strict: what is not of this version of the protocol is refused.
    protocols = TBinaryProtocolFactory(strictRead=True, strictWrite=True)
    kind(processor, Listener(port), TFramedTransportFactory(), protocols).serve()


def main(arguments):
    if arguments in (["-v"], ["--version"]):
        print("0.0.0 of nobody")
        return 0
    command = arguments.pop(0) if arguments and not arguments[0].startswith("-") else None
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--fmu")
    parser.add_argument("--instanceName")
    parser.add_argument("fmus", nargs="*")
    options = parser.parse_args(arguments)
    if command == "boot":
        serve(TSimpleServer, proxyfmu.BootService.Processor(Recording(Boot())), options.port)
    elif command == "fmu-proxy":
        handler = ManyInstances(options.fmus)
        serve(TThreadedServer, fmuproxy.FmuService.Processor(Recording(handler)), options.port)
    else:
        service = proxyfmu.StatelessFmuService if os.environ.get("PEER_STATELESS") else proxyfmu.FmuService
        handler = OneInstance(options.fmu, options.instanceName)
        serve(TSimpleServer, Until(service.Processor(Recording(handler)), lambda: handler.freed), options.port)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

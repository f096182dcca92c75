"""OspSystemStructure.xml and what lies beside it, given to libcosim: does it take the file, and what comes out?"""

import json
import os
from ctypes import POINTER, c_char_p, c_int

from exchange import answer, question
from libcosimpy import CosimConstants
from libcosimpy._internal import get_last_error_message, libcosimc, wrap_function
from libcosimpy.CosimExecution import CosimExecution
from libcosimpy.CosimLogging import CosimLogLevel, log_output_level
from libcosimpy.CosimManipulator import CosimManipulator
from libcosimpy.CosimObserver import CosimObserver

NS = 1e9
log_output_level(CosimLogLevel.ERROR)


def must(done, what):
    if not done:
        raise RuntimeError(f"libcosim cannot {what}: {get_last_error_message()}")


def in_a_child(work, *arguments):
    """Some files crash libcosim. What `work` raises is answered as a text."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            result = work(*arguments)
        except BaseException as error:
            result = str(error)
        with os.fdopen(writer, "w") as out:
            json.dump(result, out)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as source:
        text = source.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else "it crashed"


def load(file):
    """None if libcosim takes the file and makes two steps, else why not."""
    execution = CosimExecution.from_osp_config_file(file)
    must(execution.step() and execution.step(), "make a step")
    return None


def run(file, steps, variables, scenario=None):
    """By step, the time and the values of `variables`: pairs of simulator and variable."""
    execution = CosimExecution.from_osp_config_file(file)
    observer = CosimObserver.create_last_value()
    must(execution.add_observer(observer), "add an observer")
    if scenario is not None:
        manager = CosimManipulator.create_scenario_manager()
        must(execution.add_manipulator(manager), "add a manipulator")
        must(execution.load_scenario(manager, scenario), "load the scenario")
    last = [observer.last_real_values, observer.last_integer_values, None, observer.last_boolean_values]
    readers = []
    for simulator, name in variables:
        slave = execution.slave_index_from_instance_name(simulator)
        (found,) = [one for one in execution.slave_variables(slave) if one.name.decode() == name]
        readers.append((last[found.type], slave, found.reference))
    rows = []
    for _ in range(steps):
        must(execution.step(), f"make the step after {execution.status().current_time / NS} s")
        values = [float(read(slave, [reference])[0]) for read, slave, reference in readers]
        rows.append([execution.status().current_time / NS, *values])
    return rows


def log(file, steps, config, folder):
    """Makes the steps with a file observer that writes to the folder."""
    execution = CosimExecution.from_osp_config_file(file)
    lib = libcosimc()
    create = wrap_function(
        lib=lib,
        funcname="cosim_file_observer_create_from_cfg",
        argtypes=[c_char_p, c_char_p],
        restype=POINTER(CosimObserver),
    )
    add = wrap_function(
        lib=lib,
        funcname="cosim_execution_add_observer",
        argtypes=[POINTER(CosimExecution), POINTER(CosimObserver)],
        restype=c_int,
    )
    observer = create(os.fsencode(folder), os.fsencode(config))
    pointer = execution._CosimExecution__ptr
    must(observer and add(pointer, observer) == CosimConstants.success, "add the file observer")
    must(execution.step(steps), "make the steps")
    # The files are complete when nobody has the observer any more, the execution included.
    destroy = wrap_function(
        lib=lib, funcname="cosim_observer_destroy", argtypes=[POINTER(CosimObserver)], restype=c_int
    )
    destroy(observer)
    return None


WORK = {"load": load, "run": run, "log": log}
answer([in_a_child(WORK[work], *arguments) for work, *arguments in question()])

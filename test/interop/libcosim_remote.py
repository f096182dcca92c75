"""
A system with remote FMUs in libcosim, which looks for `proxyfmu` in the working directory. Asked:

  file       an OspSystemStructure.xml, or a package of SSP
  steps      how many
  variables  [simulator, variable]
  lose       {after, variable, value}: after so many steps all servers of instances with this in their environment are killed

Answers {rows: by step the time and the values, failed: what libcosim said, or null} before the execution is given up, in
which libcosim may end the process.
"""

import os
import signal
import zipfile
from pathlib import Path

from exchange import answer, question
from libcosimpy._internal import get_last_error_message
from libcosimpy.CosimExecution import CosimExecution
from libcosimpy.CosimLogging import CosimLogLevel, log_output_level
from libcosimpy.CosimObserver import CosimObserver

NS = 1e9
asked = question()
log_output_level(CosimLogLevel.WARNING)


class Failed(Exception):
    pass


def must(done):
    if not done:
        raise Failed(get_last_error_message())


def kill_instances(variable, value):
    killed = 0
    for process in Path("/proc").iterdir():
        try:
            is_one = (
                process.name.isdigit()
                and b"--instanceName" in (process / "cmdline").read_bytes()
                and f"{variable}={value}".encode() in (process / "environ").read_bytes().split(b"\0")
            )
        except OSError:
            continue
        if is_one:
            os.kill(int(process.name), signal.SIGKILL)
            killed += 1
    if killed == 0:
        raise RuntimeError("there was no server to kill")


def readers(execution, observer):
    last = [
        observer.last_real_values,
        observer.last_integer_values,
        observer.last_string_values,
        observer.last_boolean_values,
    ]
    for simulator, name in asked["variables"]:
        slave = execution.slave_index_from_instance_name(simulator)
        (found,) = [one for one in execution.slave_variables(slave) if one.name.decode() == name]
        yield last[found.type], slave, found.reference


def unpacked(package):
    """The description. What libcosim unpacks by itself it removes before a server has opened it."""
    folder = f"{package}.unpacked"
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
    return f"{folder}/SystemStructure.ssd"


def plain(value):
    return value.decode() if isinstance(value, bytes) else value


rows = []
failed = None
try:
    execution = (
        CosimExecution.from_ssp_file(unpacked(asked["file"]))
        if asked["file"].endswith(".ssp")
        else CosimExecution.from_osp_config_file(asked["file"])
    )
    observer = CosimObserver.create_last_value()
    must(execution.add_observer(observer))
    read = list(readers(execution, observer))
    for step in range(asked["steps"]):
        lose = asked.get("lose")
        if lose and lose["after"] == step:
            kill_instances(lose["variable"], lose["value"])
        must(execution.step())
        values = [plain(values(slave, [reference])[0]) for values, slave, reference in read]
        rows.append([execution.status().current_time / NS, *values])
except Exception as error:
    failed = str(error)
answer({"rows": rows, "failed": failed})

"""FMUs in fmpy.simulate_fmu, each as it is and wrapped, several wrapped ones at once. Pairs of files in, results out."""

from concurrent.futures import ThreadPoolExecutor
from shutil import rmtree

from exchange import answer, question
from fmpy import extract, simulate_fmu
from fmpy.validation import validate_fmu

scenario = question()
log = []


def simulate(folder):
    result = simulate_fmu(
        folder,
        stop_time=scenario["stop"],
        output_interval=scenario["step"],
        logger=lambda *said: log.append([said[-3], said[-1].decode()]),
    )
    # In the order of their names: a description of another version may have another order.
    return {name: result[name].tolist() for name in sorted(result.dtype.names)}


# FMPy goes to the folder of an FMU and back while it loads it, and threads have one working directory: none of these folders
# may go while another thread is in it.
folders = {file: extract(file) for file in {*scenario["files"].values(), *scenario.get("plain", {}).values()}}

with ThreadPoolExecutor(max_workers=len(scenario["files"])) as threads:
    at_once = list(threads.map(simulate, (folders[file] for file in scenario["files"].values())))

answer(
    {
        "problems": {name: validate_fmu(file) for name, file in scenario["files"].items()},
        "results": dict(zip(scenario["files"], at_once)),
        "plain": {name: simulate(folders[file]) for name, file in scenario.get("plain", {}).items()},
        "log": log,
    }
)

for folder in folders.values():
    rmtree(folder)

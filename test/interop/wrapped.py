"""FMUs in fmpy.simulate_fmu, each as it is and wrapped, several wrapped ones at once. Pairs of files in, results out."""

from concurrent.futures import ThreadPoolExecutor
from shutil import rmtree

from exchange import answer, question
from fmpy import extract, read_model_description, simulate_fmu
from fmpy.validation import validate_fmu

scenario = question()
log = []


def simulate(fmu):
    folder, description = fmu
    result = simulate_fmu(
        folder,
        model_description=description,
        stop_time=scenario["stop"],
        output_interval=scenario["step"],
        logger=lambda *said: log.append([said[-3], said[-1].decode()]),
    )
    # In the order of their names: a description of another version may have another order.
    return {name: result[name].tolist() for name in sorted(result.dtype.names)}


# What FMPy cannot do in several threads at once: it reads XML by a library that may not, and it goes to the folder of an FMU and
# back while it loads it, though threads have one working directory, so that none of these folders may go meanwhile.
folders = {file: extract(file) for file in {*scenario["files"].values(), *scenario.get("plain", {}).values()}}
fmus = {file: (folder, read_model_description(folder)) for file, folder in folders.items()}

with ThreadPoolExecutor(max_workers=len(scenario["files"])) as threads:
    at_once = list(threads.map(simulate, (fmus[file] for file in scenario["files"].values())))

answer(
    {
        "problems": {name: validate_fmu(file) for name, file in scenario["files"].items()},
        "results": dict(zip(scenario["files"], at_once)),
        "plain": {name: simulate(fmus[file]) for name, file in scenario.get("plain", {}).items()},
        "log": log,
    }
)

for folder in folders.values():
    rmtree(folder)

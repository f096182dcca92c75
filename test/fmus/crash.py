"""How a process ends that runs crash: named scenarios in; exit code, minus the signal, or "still running" out."""

import json
import subprocess
import sys

from exchange import answer, question


def run(scenario):
    from fmpy import read_model_description, simulate_fmu
    from fmpy.fmi2 import FMU2Slave

    instance = FMU2Slave(
        guid=read_model_description(scenario["fmu"]).guid,
        unzipDirectory=scenario["fmu"],
        modelIdentifier="crash",
        instanceName=scenario.get("instance", "crash"),
    )
    instance.instantiate()
    result = simulate_fmu(
        scenario["fmu"],
        fmu_instance=instance,
        stop_time=1.0,
        output_interval=0.25,
        start_values=scenario.get("start", {}),
    )
    return 0 if result["steps"][-1] == 4 else 99


def ending(process, patience):
    try:
        return process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return "still running"


if len(sys.argv) > 1:
    sys.exit(run(json.loads(sys.argv[1])))
scenarios = question()
running = {
    name: subprocess.Popen([sys.executable, __file__, json.dumps(scenario)], stdout=sys.stderr)
    for name, scenario in scenarios.items()
}
# What does not end is waited for last, so that it has had at least the time of the others.
names = sorted(running, key=lambda name: "patience" in scenarios[name])
answer({name: ending(running[name], scenarios[name].get("patience", 20)) for name in names})

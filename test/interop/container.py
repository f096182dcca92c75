"""The scenario of two-robots.ts packed into one FMU by the FMU Manipulation Toolbox, which FMPy then simulates."""

import json
import subprocess
import sys
from pathlib import Path

from exchange import answer, question
from fmpy import simulate_fmu
from fmpy.validation import validate_fmu

# A linked output is already in the container, as a local variable with its own name.
SEEN = "seen."
scenario = question()
folder = Path(scenario["components"]["left"]).parent
name = f"{scenario['mode']}-{scenario['fmi']}"
components = scenario["components"]
# FMPy's simulate_fmu records numbers.
outputs = [output for output in scenario["outputs"] if output[2] in ("Real", "Integer")]

(folder / f"{name}.json").write_text(
    json.dumps(
        {
            "fmu": list(components),
            "path": {component: Path(file).name for component, file in components.items()},
            "link": [[*connection["from"], *connection["to"]] for connection in scenario["connections"]],
            "start": [
                [component, variable, value]
                for component, values in scenario["start"].items()
                for variable, value in values.items()
            ],
            "output": [[component, variable, SEEN + f"{component}.{variable}"] for component, variable, _ in outputs],
            "auto_input": False,
            "auto_output": False,
            "auto_link": False,
            "step_size": scenario["step"],
        }
    )
)
modes = {"jacobi": [], "sequential": ["-sequential"], "threads": ["-mt"]}
command = [Path(sys.executable).parent / "fmucontainer", "-fmu-directory", folder, "-container", f"{name}.json"]
built = subprocess.run([*command, "-fmi", scenario["fmi"], *modes[scenario["mode"]]], capture_output=True, text=True)
print(built.stdout, built.stderr)
container = folder / f"{name}.fmu"
if built.returncode != 0 or not container.exists():
    raise RuntimeError(f"fmucontainer ended with {built.returncode}: {built.stdout}{built.stderr}")

result = simulate_fmu(
    container,
    stop_time=scenario["steps"] * scenario["step"],
    output_interval=scenario["step"],
    output=[SEEN + f"{component}.{variable}" for component, variable, _ in outputs],
)
rows = [{name.removeprefix(SEEN): value for name, value in zip(result.dtype.names, row)} for row in result.tolist()]
answer({"rows": rows[1:], "problems": validate_fmu(str(container)), "said": built.stdout + built.stderr})

"""A bridge of FMI 3.0 inside a container of the FMU Manipulation Toolbox, which FMPy simulates."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from exchange import answer, question
from fmpy import simulate_fmu
from fmpy.validation import validate_fmu
from robot import Robot

scenario = question()
BUILD = "from fmu_manipulation_toolbox.cli.fmucontainer import fmucontainer; fmucontainer()"

with tempfile.TemporaryDirectory() as folder:
    os.symlink(scenario["fmu"], Path(folder, "bridge.fmu"))
    Path(folder, "box.csv").write_text("rule;from_fmu;from_port;to_fmu;to_port\nFMU;bridge.fmu;;;\n")
    built = subprocess.run(
        [sys.executable, "-c", BUILD, "-fmi", "3", "-fmu-directory", folder, "-container", f"box.csv:{scenario['step']}"],
        capture_output=True,
        text=True,
        check=False,
    )
    box = Path(folder, "box.fmu")
    if not box.exists():
        sys.exit(f"no container was built:\n{built.stdout}{built.stderr}")
    log = []
    with Robot(scenario["url"], scenario["exchange"], {"bridge": scenario["samples"]}) as robot:
        result = simulate_fmu(
            str(box),
            stop_time=scenario["stop"],
            output_interval=scenario["step"],
            start_values=scenario["inputs"],
            output=scenario["outputs"],
            debug_logging=True,
            logger=lambda _environment, status, _category, message: log.append([status, message.decode()]),
            timeout=30,
        )
        published = robot.messages("bridge", 1)
    rows = [dict(zip(result.dtype.names, row)) for row in result.tolist()]
    answer({"problems": validate_fmu(str(box)), "rows": rows, "published": published, "log": log})

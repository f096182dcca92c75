"""A closed loop: FMPy steps the bridge, and a robot answers each message with the sample of that step's end."""

import json

import numpy as np
from exchange import answer, question
from fmpy import simulate_fmu
from robot import Robot

scenario = question()


def sample(y, milliseconds):
    return json.dumps({"y": y, "time": f"{scenario['day']}T00:00:{milliseconds / 1000:09.6f}Z"})


def respond(_name, message):
    return sample(message["u"] * message["u"], float(message["simstep"]))


times = np.arange(scenario["steps"] + 1) * scenario["step"]
table = np.array([(t, t / 3) for t in times], dtype=[("time", np.float64), ("u", np.float64)])

with Robot(scenario["url"], scenario["exchange"], {"bridge": [sample(-1.0, 0)]}, respond) as robot:
    result = simulate_fmu(
        scenario["fmu"],
        stop_time=times[-1],
        output_interval=scenario["step"],
        start_values={"config.exchangename": scenario["exchange"], "config.howtosend": True},
        input=table,
        output=["y", "used", "skipped", "late"],
    )
    sent = robot.messages("bridge", scenario["steps"])

rows = [dict(zip(result.dtype.names, row)) for row in result.tolist()]
answer({"rows": rows, "sent": [message["u"] for message in sent], "steps": [m["simstep"] for m in sent]})

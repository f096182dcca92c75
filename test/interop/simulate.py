"""Simulates a bridge FMU with fmpy.simulate_fmu while a robot on the broker talks to it. Scenario in, observations out."""

import numpy as np
from exchange import answer, question
from fmpy import simulate_fmu
from robot import Robot

scenario = question()
texts = []
log = []


def keep_text(_time, recorder):
    """FMPy records numbers only. It answers a text in bytes for FMI 2.0, as a text for FMI 3.0."""
    (text,) = recorder.fmu.getString([scenario["text"]])
    texts.append(text.decode() if isinstance(text, bytes) else text)
    return True


inputs = scenario["inputs"]
table = np.array(
    [(row["time"], row["u"], row["n"], row["go"]) for row in inputs],
    dtype=[("time", np.float64), ("u", np.float64), ("n", np.int32), ("go", np.bool_)],
)

with Robot(scenario["url"], scenario["exchange"], {"bridge": scenario["samples"]}) as robot:
    result = simulate_fmu(
        scenario["fmu"],
        stop_time=scenario["stop"],
        output_interval=scenario["step"],
        start_values={"config.exchangename": scenario["exchange"], "title": scenario["title"]},
        input=table,
        output=["r", "i", "b", "data_age"],
        step_finished=keep_text,
        debug_logging=True,
        # Environment and, in FMI 2.0, the instance's name; status, category, message.
        logger=lambda *said: log.append([said[-3], said[-1].decode()]),
        use_event_mode=scenario.get("events", False),
        early_return_allowed=scenario.get("events", False),
        timeout=20,
    )
    published = robot.messages("bridge", scenario["messages"])

rows = [dict(zip(result.dtype.names, row)) for row in result.tolist()]
answer({"rows": rows, "texts": texts, "published": published, "log": log})

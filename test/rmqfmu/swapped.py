"""A co-simulation as users of RMQFMU have it: FMPy steps the FMU, a script with pika plays the robot. Scenario in, seen out."""

import json
import locale
import os
import sys
import threading
from datetime import datetime, timedelta

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "interop"))

import pika
from exchange import answer, question
from fmpy import simulate_fmu

scenario = question()
decimal_point = "."
if scenario["locale"] is not None:
    locale.setlocale(locale.LC_ALL, scenario["locale"])
    decimal_point = locale.localeconv()["decimal_point"]

EPOCH = datetime(2026, 1, 1)
received = []
listening = threading.Event()
over = threading.Event()


def robot():
    connection = pika.BlockingConnection(pika.URLParameters(scenario["url"]))
    channel = connection.channel()
    channel.exchange_declare(exchange="fmi_digital_twin", exchange_type="direct")
    queue = channel.queue_declare(queue="", exclusive=True).method.queue
    channel.queue_bind(exchange="fmi_digital_twin", queue=queue, routing_key="data.from_cosim")
    listening.set()
    for _, _, body in channel.consume(queue, auto_ack=True, inactivity_timeout=0.05):
        if over.is_set() and body is None:
            break
        if body is None:
            continue
        received.append(body.decode())
        if "waiting for input data for simulation" in received[-1]:
            for k, values in enumerate(scenario["samples"]):
                stamp = (EPOCH + timedelta(milliseconds=100 * k)).isoformat() + scenario["zone"]
                channel.basic_publish("fmi_digital_twin", "data.to_cosim", json.dumps({"time": stamp, **values}))
    connection.close()


thread = threading.Thread(target=robot)
thread.start()
listening.wait()
try:
    result = simulate_fmu(
        scenario["fmu"],
        start_time=0,
        stop_time=0.1 * (len(scenario["samples"]) - 1),
        step_size=0.1,
        output_interval=0.1,
        start_values=scenario["parameters"],
        input=None,
        output=scenario["outputs"],
    )
finally:
    over.set()
    thread.join()

answer(
    {
        "decimal point": decimal_point,
        "rows": [[float(cell) for cell in row] for row in result.tolist()],
        "received": received,
    }
)

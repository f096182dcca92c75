"""What a Python client sees of the broker whose port is given: one JSON object on stdout."""

import json
import sys
from decimal import Decimal

import pika

parameters = pika.ConnectionParameters(host="127.0.0.1", port=int(sys.argv[1]), heartbeat=5)
connection = pika.BlockingConnection(parameters)
seen = {}

channel = connection.channel()
channel.confirm_delivery()
channel.exchange_declare("robot", exchange_type="topic")
queue = channel.queue_declare("", exclusive=True).method.queue
channel.queue_bind(queue, "robot", "pose.#")

headers = {"text": "grüß dich", "int": 42, "big": 2**40, "decimal": Decimal("0.5"), "yes": True, "none": None, "list": [1, "two"]}
properties = pika.BasicProperties(content_type="application/json", delivery_mode=2, headers=headers, message_id="m1")
channel.basic_publish("robot", "pose.arm", b'{"x": 1}', properties, mandatory=True)
method, got, body = channel.basic_get(queue, auto_ack=True)
seen["get"] = {
    "exchange": method.exchange,
    "routing_key": method.routing_key,
    "body": body.decode(),
    "content_type": got.content_type,
    "message_id": got.message_id,
    "headers_equal": got.headers == headers,
}

try:
    channel.basic_publish("robot", "nobody.listens", b"", mandatory=True)
    seen["unroutable"] = "accepted"
except pika.exceptions.UnroutableError as error:
    seen["unroutable"] = error.messages[0].method.reply_text

large = bytes(range(256)) * 2048
channel.basic_publish("robot", "pose.large", large)
seen["large_equal"] = channel.basic_get(queue, auto_ack=True)[2] == large

for number in range(1000):
    channel.basic_publish("robot", "pose.n", str(number).encode())
channel.basic_qos(prefetch_count=10)
numbers = []
for method, _, body in channel.consume(queue, inactivity_timeout=5):
    if method is None:
        break
    numbers.append(int(body))
    channel.basic_ack(method.delivery_tag)
    if len(numbers) == 1000:
        break
channel.cancel()
seen["in_order"] = numbers == list(range(1000))

limited = channel.queue_declare(
    "", exclusive=True, arguments={"x-max-length": 1, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": queue}
).method.queue
for body in (b"first", b"second"):
    channel.basic_publish("", limited, body)
_, dead, body = channel.basic_get(queue, auto_ack=True)
death = dead.headers["x-death"][0]
seen["dead_letter"] = {"body": body.decode(), "reason": death["reason"], "count": death["count"]}

try:
    connection.channel().queue_declare("no-such", passive=True)
except pika.exceptions.ChannelClosedByBroker as error:
    seen["missing"] = [error.reply_code, error.reply_text]

connection.process_data_events(time_limit=0)
seen["open_channels_work_on"] = channel.queue_declare(queue, passive=True).method.message_count
connection.close()
json.dump(seen, sys.stdout)

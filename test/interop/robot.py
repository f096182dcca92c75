"""A robot on the broker, by pika.

It speaks AMQP in a thread of its own: the thread that simulates sits in the FMU's calls. Messages to a bridge `name` have
the routing key `name.to`, messages from it `name.from`.
"""

import json
import threading
import time

import pika


class Robot:
    def __init__(self, url, exchange, samples, answer=None):
        """
        samples  by name of the bridge: texts to publish when it says that it receives, or [name, text] to the
                 routing key of another name
        answer   called with the bridge's name and each of its messages; what it returns is published to it
        """
        self.received = []
        self._url = url
        self._exchange = exchange
        self.samples = samples
        self._answer = answer
        self._over = threading.Event()
        self._listening = threading.Event()
        self._changed = threading.Condition()
        self._failure = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        self._listening.wait()
        self._check()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
        self._check()

    def publish(self, name, text):
        """From any thread."""
        self._connection.add_callback_threadsafe(lambda: self._publish(name, text))

    def messages(self, name, count, timeout=10):
        """The first `count` messages of that bridge, once they have come."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while len(found := [body for sender, body in self.received if sender == name]) < count:
                if not self._changed.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"{len(found)} of {count} messages of {name} came in {timeout} s")
            return found

    def _run(self):
        try:
            self._connection = pika.BlockingConnection(pika.URLParameters(self._url))
            self._channel = self._connection.channel()
            self._channel.exchange_declare(self._exchange, exchange_type="topic")
            queue = self._channel.queue_declare("", exclusive=True).method.queue
            self._channel.queue_bind(queue, self._exchange, "*.from")
            self._channel.basic_consume(queue, self._take, auto_ack=True)
            self._listening.set()
            while not self._over.is_set():
                self._connection.process_data_events(time_limit=0.01)
            self._connection.close()
        except Exception as failure:
            self._failure = failure
            self._listening.set()

    def _take(self, _channel, delivery, _properties, body):
        name = delivery.routing_key.removesuffix(".from")
        message = json.loads(body)
        if "internal_status" in message:
            for sample in self.samples.get(name, []):
                self._publish(*([name, sample] if isinstance(sample, str) else sample))
            return
        with self._changed:
            self.received.append((name, message))
            self._changed.notify_all()
        if self._answer is not None:
            self._publish(name, self._answer(name, message))

    def _publish(self, name, text):
        self._channel.basic_publish(self._exchange, f"{name}.to", text.encode())

    def _check(self):
        if self._failure is not None:
            raise self._failure

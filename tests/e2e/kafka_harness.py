"""What the tests of Kafka share: a broker, clients, and a job whose every message counts."""
import json
import os
import socket
import struct
import subprocess
import threading
import time

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from harness import MILLRACE, ROOT, free_port, wait_for

TOOL = ROOT / "tools/peers/kafka"


def start_broker(folder, port, *options):
    started = subprocess.run([TOOL, "start", "--port", str(port), "--dir", folder, *options], stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True)
    if started.returncode == 69:
        pytest.skip(started.stderr)
    assert started.returncode == 0, started.stderr


def stop_broker(folder):
    subprocess.run([TOOL, "stop", "--dir", folder, "--kill"], check=True)


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("kafka"), free_port()
    start_broker(folder, port)
    yield f"127.0.0.1:{port}"
    stop_broker(folder)


def produce(broker, topic, messages, *options):
    """Each message is a text, or a pair of key and value."""
    text = "".join((m if isinstance(m, str) else "\t".join(m)) + "\n" for m in messages)
    keyed = [] if not messages or isinstance(messages[0], str) else ["-K", "\t"]
    subprocess.run(["kcat", "-b", broker, "-P", "-t", topic, *keyed, *options], input=text, text=True, check=True)


def create_topic(broker, topic):
    """Asking for a topic makes it."""
    def partitions():
        told = subprocess.run(["kcat", "-b", broker, "-L", "-t", topic, "-J"], stdout=subprocess.PIPE, text=True, check=True)
        (found,) = json.loads(told.stdout)["topics"]
        return len(found["partitions"]) == 4 and all(part["leader"] > 0 for part in found["partitions"])
    wait_for(f"the topic {topic}", partitions, 30, 0.1)


def add_partitions(broker, topic, count):
    """Until it has so many. kcat has no command for it: CreatePartitions of Kafka's protocol, version 0."""
    def text(value):
        return struct.pack(">h", len(value)) + value.encode()
    request = (struct.pack(">hhi", 37, 0, 1) + text("test") + struct.pack(">i", 1) + text(topic) + struct.pack(">ii", count, -1) +
               struct.pack(">i?", 10_000, False))
    host, port = broker.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        answer = connection.makefile("rb")
        (size,) = struct.unpack(">i", answer.read(4))
        answer = answer.read(size)
    (error,) = struct.unpack_from(">h", answer, 14 + len(topic))
    assert error == 0, answer


def consume(broker, topic, template="%s\n", *options):
    """What readers of committed messages see, partition by partition."""
    done = subprocess.run(["kcat", "-b", broker, "-C", "-t", topic, "-e", "-q", "-o", "beginning", "-f", template,
                           "-X", "isolation.level=read_committed", *options], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()


def sql(text, *arguments, patience_s=60):
    return subprocess.run([MILLRACE, "sql", "-e", text, "--output", "json", *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=patience_s)


def rows(text, *arguments):
    done = sql(text, *arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def table(name, broker, topic, columns, more=""):
    return (f"CREATE TABLE {name} ({columns}) WITH ('connector' = 'kafka', 'topic' = '{topic}', "
            f"'properties.bootstrap.servers' = '{broker}', 'properties.group.id' = 'g', {more});\n")


EARLIEST_TO_END = "'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset'"


EXACTLY_ONCE = """
CREATE TABLE source (k STRING, v BIGINT, at AS PROCTIME()) WITH (
    'connector' = 'kafka', 'topic' = '{name}-in', 'properties.bootstrap.servers' = '{broker}',
    'scan.startup.mode' = 'earliest-offset', 'format' = 'json');
CREATE TABLE first (k STRING, v BIGINT, n BIGINT) WITH (
    'connector' = 'kafka', 'topic' = '{name}-first', 'properties.bootstrap.servers' = '{broker}',
    'key.format' = 'csv', 'key.fields' = 'k', 'value.format' = 'json',
    'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = '{name}-first');
CREATE TABLE second (k STRING, v BIGINT, n BIGINT) WITH (
    'connector' = 'kafka', 'topic' = '{name}-second', 'properties.bootstrap.servers' = '{broker}',
    'key.format' = 'csv', 'key.fields' = 'k', 'value.format' = 'json',
    'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = '{name}-second');
CREATE VIEW counted AS
    SELECT k, v, COUNT(*) OVER (PARTITION BY k ORDER BY at ROWS UNBOUNDED PRECEDING) AS n FROM source;
EXECUTE STATEMENT SET BEGIN
    INSERT INTO first SELECT * FROM counted;
    INSERT INTO second SELECT * FROM counted;
END;
"""
KEYS = 16
KILLS = int(os.environ.get("KAFKA_KILLS", "10"))
MESSAGES = 200_000  # at least, through jobs that are killed and brokers that fail
CLIENT = {"reconnect.backoff.max.ms": 1000, "log_level": 0}
PASSING = (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT)  # while a broker is away


class Feed(threading.Thread):
    """Every key's values 1, 2, ..., into one partition each, until finish() is called. Goes on when the broker does."""

    def __init__(self, broker, topic, messages_a_second):
        super().__init__(daemon=True)
        self.values, self.due, self.stopping = 0, 0, threading.Event()
        self.undelivered = []
        self.pause_s = KEYS / messages_a_second
        self.topic = topic
        self.client = Producer({**CLIENT, "bootstrap.servers": broker, "enable.idempotence": True, "linger.ms": 5})

    def run(self):
        while not self.stopping.wait(self.pause_s):
            self.write()
            while self.values * KEYS < self.due and not self.stopping.is_set():
                self.write()

    def write(self):
        self.values += 1
        for key in range(KEYS):
            while True:
                try:
                    self.client.produce(self.topic, f'{{"k":"k{key}","v":{self.values}}}', f"k{key}", on_delivery=self.delivered)
                    break
                except BufferError:
                    self.client.poll(0.1)
        self.client.poll(0)

    def delivered(self, error, message):
        if error:
            self.undelivered.append((str(error), message.value()))

    def reach(self, messages):
        """As fast as it can until there have been so many."""
        self.due = messages
        wait_for(f"{messages} messages", lambda: self.values * KEYS >= messages, 120)

    def finish(self):
        self.stopping.set()
        self.join()
        assert self.client.flush(60) == 0


class Reader(threading.Thread):
    """Reads committed messages while they come, and goes on when the broker does; what it sees must be right at any time."""

    def __init__(self, broker, topic):
        super().__init__(daemon=True)
        self.client = Consumer({**CLIENT, "bootstrap.servers": broker, "group.id": "reader", "enable.auto.commit": False,
                                "isolation.level": "read_committed", "auto.offset.reset": "error"})
        self.client.assign([TopicPartition(topic, partition, 0) for partition in range(4)])
        self.last, self.wrong, self.closing = {f"k{key}": 0 for key in range(KEYS)}, [], threading.Event()

    def run(self):
        while not self.closing.is_set():
            for message in self.client.consume(1000, 0.1):
                if message.error():
                    if not message.error().retriable() and message.error().code() not in PASSING:
                        self.wrong.append(str(message.error()))
                    continue
                row = json.loads(message.value())
                if row["v"] != self.last[row["k"]] + 1 or row["n"] != row["v"]:
                    self.wrong.append((self.last[row["k"]], row))
                self.last[row["k"]] = row["v"]
        self.client.close()

    def seen(self):
        return min(self.last.values())

    def close(self):
        self.closing.set()
        self.join()


class Once:
    """A job that copies messages exactly once, what it is fed, and those who read what it writes."""

    def __init__(self, broker, name):
        self.broker, self.topics = broker, [f"{name}-first", f"{name}-second"]
        self.sql = EXACTLY_ONCE.format(broker=broker, name=name)
        for topic in (f"{name}-in", *self.topics):
            create_topic(broker, topic)
        self.feed = Feed(broker, f"{name}-in", messages_a_second=2000)
        self.readers = [Reader(broker, topic) for topic in self.topics]
        for thread in (self.feed, *self.readers):
            thread.start()
        self.seen = 0

    def progress(self, what, patience_s=60):
        wait_for(what, lambda: min(reader.seen() for reader in self.readers) > self.seen, patience_s, 0.02)
        self.seen = min(reader.seen() for reader in self.readers)

    def complete(self):
        for reader in self.readers:
            assert not reader.wrong, reader.wrong[:5]
        return all(reader.seen() >= self.feed.values for reader in self.readers)

    def finish(self, patience_s=120):
        """Every value of every key was seen once and in order, by those who read all the time and by one who reads now."""
        self.feed.finish()
        assert not self.feed.undelivered, self.feed.undelivered[:5]
        try:
            wait_for("every value", self.complete, patience_s, 0.1)
        except AssertionError as error:
            now = [len(consume(self.broker, topic)) for topic in self.topics]
            raise AssertionError(f"{error}; {self.feed.values} of each key were written, {[reader.last for reader in self.readers]} seen, and who "
                                 f"reads now sees {now} rows") from None
        time.sleep(1)  # a message too many would come with the next checkpoint
        for reader in self.readers:
            reader.close()
            assert not reader.wrong, reader.wrong[:5]
            assert all(last == self.feed.values for last in reader.last.values())
        for topic in self.topics:
            final = {}
            for line in consume(self.broker, topic):
                row = json.loads(line)
                final.setdefault(row["k"], []).append(row["v"])
            assert final == {f"k{key}": list(range(1, self.feed.values + 1)) for key in range(KEYS)}

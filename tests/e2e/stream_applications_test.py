"""The examples of Kafka, a schema registry and Kinesis as applications of the service, by the aws cli: created, started, stopped with a
snapshot while records come, and started again from it."""
import collections
import io
import json
import os
import subprocess
import time

import fastavro
import pytest
from formats_test import Registry, consume_bytes, encoded, produce_bytes, registry
from harness import CREDENTIALS, ROLE, ROOT, metric, sql_application, wait_for
from kafka_harness import broker, consume, create_topic, produce
from kinesis_harness import fast

__all__ = ["broker", "fast", "registry"]  # the fixtures
AWS = ROOT / "build/venv/bin/aws"


class Application:
    def __init__(self, service, name, file, properties):
        self.service, self.name = service, name
        self.call("create-application", "--application-name", name, "--runtime-environment", "FLINK-1_20", "--service-execution-role", ROLE,
                  "--application-configuration", json.dumps(sql_application((ROOT / "examples" / file).read_text(), properties, 200, 2)))

    def call(self, action, *arguments):
        done = subprocess.run([AWS, "kinesisanalyticsv2", action, "--endpoint-url", self.service.url, "--output", "json", *arguments],
                              env={**os.environ, **CREDENTIALS, "AWS_PAGER": ""}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0, done.stderr + self.service.log_tail()
        return json.loads(done.stdout or "{}")

    def become(self, status):
        def told():
            detail = self.call("describe-application", "--application-name", self.name)["ApplicationDetail"]
            return detail["ApplicationStatus"] == status
        wait_for(f"{self.name} to be {status}", told, 60, 0.5)

    def start(self, *arguments):
        self.call("start-application", "--application-name", self.name, *arguments)
        self.become("RUNNING")

    def stop_and_start(self):
        """With a snapshot, and from it."""
        self.call("stop-application", "--application-name", self.name)
        self.become("READY")
        assert len(self.call("list-application-snapshots", "--application-name", self.name)["SnapshotSummaries"]) == 1
        self.start("--run-configuration", json.dumps({"ApplicationRestoreConfiguration": {
            "ApplicationRestoreType": "RESTORE_FROM_LATEST_SNAPSHOT"}}))


def test_dead_letters(broker, service):  # noqa: F811
    create_topic(broker, "incoming-events")
    application = Application(service, "events", "dead-letters/events.sql", {
        "kafka": {"servers": broker}, "input": {"until": "unbounded"}})
    application.start()

    def put(numbers):
        produce(broker, "incoming-events", [json.dumps({"id": n, "message": f"event {n}", "price": "?" if n % 10 == 7 else 1.5}) for n in numbers])

    def done():
        return (sorted(json.loads(line)["id"] for line in consume(broker, "sink-topic")),
                sorted(json.loads(json.loads(line)["record_text"])["id"] for line in consume(broker, "exception-topic")))

    put(range(100))
    wait_for("the events", lambda: done() == ([n for n in range(100) if n % 10 != 7], list(range(7, 100, 10))), 60, 0.5)
    assert metric(service, "millrace_num_records_dead_lettered_total") == metric(service, "millrace_num_records_dead_lettered_type_total") == 10
    application.stop_and_start()
    put(range(100, 150))
    wait_for("later events", lambda: done() == ([n for n in range(150) if n % 10 != 7], list(range(7, 150, 10))), 60, 0.5)


@pytest.fixture
def credentials(monkeypatch):
    """In the environment of whatever is started next."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


def test_kinesis(credentials, fast, service, tmp_path):  # noqa: F811
    fast.create("behavior", 2)
    application = Application(service, "behavior", "kinesis/behavior.sql", {
        "kinesis": {"endpoint": fast.url, "assigner": "uniform"}, "output": {"folder": str(tmp_path)}})
    application.start()
    steps = iter(range(1, 1000))

    def put(count):
        for _ in range(count):
            step = next(steps)
            fast.put("behavior", [(str(user), f"{user},{step},look") for user in range(20)])

    def seen():
        rows = [json.loads(line) for part in (tmp_path / "steps").glob("[!._]*") for line in part.read_text().splitlines()]
        assert all(row["step"] == row["seen"] for row in rows), "out of order, lost or twice"
        return collections.Counter(row["user_id"] for row in rows)

    put(10)
    (shard, _) = fast.open_shards("behavior")
    fast.client.split_shard(StreamName="behavior", ShardToSplit=shard[2], NewStartingHashKey=str((shard[0] + shard[1]) // 2))
    wait_for("the stream to be changed", lambda: fast.active("behavior"))
    put(10)
    wait_for("every step", lambda: seen() == dict.fromkeys(range(20), 20), 60, 0.5)
    application.stop_and_start()
    put(10)
    wait_for("later steps", lambda: seen() == dict.fromkeys(range(20), 30), 60, 0.5)


TRANSACTION = {"type": "record", "name": "Transaction", "namespace": "shop", "fields": [
    {"name": "userIdentifier", "type": "string"}, {"name": "state", "type": "string"},
    {"name": "createdAt", "type": {"type": "long", "logicalType": "timestamp-millis"}}]}
VELOCITY = {"type": "record", "name": "Velocity", "namespace": "shop", "fields": [
    {"name": "userIdentifier", "type": "string"},
    {"name": "windowStart", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "windowEnd", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "paymentAttempts", "type": "long"},
    {"name": "decision", "type": {"type": "enum", "name": "Decision", "symbols": ["PASS", "REVIEW", "BLOCK"]}}]}


def test_velocity_check(broker, registry: Registry, service, tmp_path):  # noqa: F811
    number = registry.register("shop.Transaction", TRANSACTION)
    registry.register("shop.Velocity", VELOCITY)
    create_topic(broker, "payments")
    application = Application(service, "velocity", "velocity-check/application.sql", {
        "kafka": {"servers": broker}, "registry": {"url": registry.url},
        "input": {"topic": "payments", "subject": "shop.Transaction", "time": "createdAt", "until": "unbounded"},
        "output": {"topic": "velocity", "subject": "shop.Velocity"},
        "query": {"sql": (ROOT / "examples/velocity-check/velocity.sql").read_text()}})
    application.start()

    def put(first, seconds, per_second):
        # To every partition: one without rows would hold the windows back.
        for partition in range(4):
            produce_bytes(broker, "payments", [encoded(TRANSACTION, {"userIdentifier": f"user-{partition}", "state": "NEW", "createdAt":
                                                                     (first + second) * 1000 + n}, number)
                                               for second in range(seconds) for n in range(per_second)], tmp_path, "-p", str(partition))

    def windows():
        found = collections.Counter()
        for message in consume_bytes(broker, "velocity"):
            one = fastavro.schemaless_reader(io.BytesIO(message[5:]), fastavro.parse_schema(VELOCITY), None)
            key = one["userIdentifier"], one["windowStart"].timestamp() // 10
            found[key] = one["paymentAttempts"], one["decision"]
        return dict(found)

    begin = 1_772_366_400
    put(begin, 14, 1)
    whole = {(f"user-{user}", begin // 10): (10, "BLOCK") for user in range(4)}
    wait_for("the first window", lambda: windows() == whole, 60, 0.5)
    application.stop_and_start()  # in the middle of a window
    put(begin + 14, 9, 1)
    whole |= {(f"user-{user}", begin // 10 + 1): (10, "BLOCK") for user in range(4)}
    wait_for("the window that was begun before", lambda: windows() == whole, 60, 0.5)
    time.sleep(1)
    assert windows() == whole

"""Kafka when brokers fail: each message counts once, whether they stop, hang, or get more partitions."""
import json
import os
import signal
import subprocess
import time

import pytest
from harness import ROOT, free_port, wait_for
from kafka_harness import EXACTLY_ONCE, Once, consume, create_topic, produce, start_broker, stop_broker, table

HANG_S = 3
PATIENCE_S = 150  # a broker that starts has its log to look through


class Broker:
    """One that is stopped and hangs."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.address, self.jobs = f"127.0.0.1:{self.port}", []
        self.start()

    def start(self):
        start_broker(self.folder, self.port)

    def pid(self):
        return int((self.folder / "pid").read_text())

    def start_job(self, text, slots, step="none", times=0, *command):
        """Of those that end with the broker at the latest."""
        folder = self.folder.parent
        (folder / "job.sql").write_text(text)
        with open(folder / "log", "a") as log:
            self.jobs.append(subprocess.Popen(
                [ROOT / "build/release/tests/kill_at_step", folder / "job.sql", folder / "state", str(slots), step, str(times), *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        return self.jobs[-1]


@pytest.fixture
def frail(tmp_path):
    broker = Broker(tmp_path / "broker")
    yield broker
    for job in broker.jobs:
        job.kill()
        job.wait()
    os.kill(broker.pid(), signal.SIGCONT)
    stop_broker(broker.folder)


def test_every_message_counts_once_when_the_broker_is_restarted(frail):
    """kcat ends with the broker: what is fed and read is so between the restarts."""
    keys, each, parts = 8, 2000, 3
    for topic in ("restarted-in", "restarted-first", "restarted-second"):
        create_topic(frail.address, topic)
    job = frail.start_job(EXACTLY_ONCE.format(broker=frail.address, name="restarted"), 3)

    def written(topic):
        values = {}
        for line in consume(frail.address, topic):
            row = json.loads(line)
            values.setdefault(row["k"], []).append(row["v"])
        return values

    for part in range(parts):
        if part > 0:
            stop_broker(frail.folder)
            frail.start()
        values = range(part * each + 1, (part + 1) * each + 1)
        produce(frail.address, "restarted-in",
                [(f"k{key}", json.dumps({"k": f"k{key}", "v": value})) for value in values for key in range(keys)])
        if part < parts - 1:  # and then stop it in the middle of the work
            wait_for("something to be committed",
                     lambda: any(rows[-1] > part * each for rows in written("restarted-first").values()), PATIENCE_S, 0.1)
    expected = {f"k{key}": list(range(1, parts * each + 1)) for key in range(keys)}
    for topic in ("restarted-first", "restarted-second"):
        wait_for(f"every value in {topic}",
                 lambda topic=topic: sum(map(len, written(topic).values())) >= keys * parts * each, PATIENCE_S, 0.5)
    time.sleep(1)  # a message too many would come with the next checkpoint
    for topic in ("restarted-first", "restarted-second"):
        assert written(topic) == expected
    assert job.poll() is None


def test_every_message_counts_once_when_the_broker_hangs(frail, tmp_path):
    once = Once(frail.address, "hanging")
    pid = frail.pid()
    hang = f"kill -STOP {pid}; (sleep {HANG_S}; kill -CONT {pid}) &"
    hit = {}
    for step in ("pre-commit", "commit"):
        mark = tmp_path / step
        job = frail.start_job(once.sql, 3, step, 3, f"{hang} touch {mark}")
        wait_for(f"the broker to hang before a {step}", mark.exists, 60, 0.05)
        hit[step] = True
        time.sleep(HANG_S)
        once.progress(f"progress after the broker hung before a {step}", PATIENCE_S)
        assert job.poll() is None, (tmp_path / "log").read_text()[-2000:]
        job.kill()
        job.wait()
    job = frail.start_job(once.sql, 3)
    once.progress("progress without a fault", PATIENCE_S)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(HANG_S)
    os.kill(pid, signal.SIGCONT)
    once.progress("progress after the broker hung", PATIENCE_S)
    once.finish()
    assert len(hit) == 2 and job.poll() is None


def test_partitions_that_appear_while_it_runs_are_read_from_their_beginning(frail, tmp_path):
    produce(frail.address, "growing-1", [f'{{"id":{n}}}' for n in range(10)])
    source = table("growing", frail.address, "", "id BIGINT, topic STRING METADATA VIRTUAL",
                   "'topic-pattern' = 'growing-.*', 'scan.startup.mode' = 'earliest-offset', "
                   "'scan.topic-partition-discovery.interval' = '300 ms', 'format' = 'json'").replace("'topic' = '', ", "")
    out = tmp_path / "out"
    frail.start_job(
        source + f"CREATE TABLE seen (id BIGINT, topic STRING) WITH ('connector' = 'filesystem', 'path' = '{out}', 'format' = 'csv');\n"
        "INSERT INTO seen SELECT id, topic FROM growing;", 2)

    def seen():
        files = [file for file in out.rglob("*") if file.is_file() and not file.name.startswith(".")] if out.exists() else []
        return sorted(line for file in files for line in file.read_text().splitlines())

    wait_for("the first topic", lambda: len(seen()) == 10, 60, 0.1)
    create_topic(frail.address, "growing-2")
    produce(frail.address, "growing-2", [f'{{"id":{n}}}' for n in range(5)])
    wait_for("the second topic", lambda: len(seen()) == 15, 60, 0.1)
    assert sum(line.endswith("growing-2") for line in seen()) == 5

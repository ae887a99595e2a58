"""Kafka when brokers fail: each message counts once, whether they stop, hang, or get more partitions."""
import collections
import os
import signal
import subprocess
import time

import pytest
from harness import ROOT, free_port, wait_for
from kafka_harness import KEYS, KILLS, MESSAGES, Once, create_topic, produce, start_broker, stop_broker, table

FAULTS = max(2, KILLS // 5)  # of each kind
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


def test_every_message_counts_once_when_the_broker_is_restarted(frail, tmp_path):
    once = Once(frail.address, "restarted")
    job = frail.start_job(once.sql, 3)
    for number in range(FAULTS):
        once.feed.reach(MESSAGES * (number + 1) // FAULTS)
        once.progress(f"progress before restart {number + 1}", PATIENCE_S)
        former = frail.pid()
        stop_broker(frail.folder)
        frail.start()
        assert frail.pid() != former
    once.progress("progress after the last restart", PATIENCE_S)
    once.finish(2 * PATIENCE_S)  # the last progress may be of what was committed before the last fault
    assert job.poll() is None, (tmp_path / "log").read_text()[-2000:]
    print(f"{FAULTS} restarts of the broker, {KEYS * once.feed.values} messages")


def test_every_message_counts_once_when_the_broker_hangs(frail, tmp_path):
    """Before a pre-commit, before a commit, and at any time."""
    once = Once(frail.address, "hanging")
    pid = frail.pid()
    hang = f"kill -STOP {pid}; (sleep {HANG_S}; kill -CONT {pid}) &"
    hit, job = collections.Counter(), None
    for number in range(3 * FAULTS):
        once.feed.reach(MESSAGES * (number + 1) // (3 * FAULTS))
        step = ("pre-commit", "commit", "any time")[number % 3]
        if step == "any time":
            job = frail.start_job(once.sql, 3)
            once.progress("progress without a fault", PATIENCE_S)
            os.kill(pid, signal.SIGSTOP)
            time.sleep(HANG_S)
            os.kill(pid, signal.SIGCONT)
        else:
            mark = tmp_path / f"{step}-{number}"
            job = frail.start_job(once.sql, 3, step, 3, f"{hang} touch {mark}")
            wait_for(f"the broker to hang before a {step}", mark.exists, 60, 0.05)
            time.sleep(HANG_S)
        hit[step] += 1
        once.progress(f"progress after the broker hung: {step}", PATIENCE_S)
        assert job.poll() is None, (tmp_path / "log").read_text()[-2000:]
        if number < 3 * FAULTS - 1:
            job.kill()
            job.wait()
    once.finish(2 * PATIENCE_S)  # the last progress may be of what was committed before the last fault
    assert set(hit.values()) == {FAULTS} and job.poll() is None
    print(f"the broker hung: {dict(hit)}; {KEYS * once.feed.values} messages")


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

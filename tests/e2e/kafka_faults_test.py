"""Kafka when brokers fail: each message counts once, whether they stop, hang, or get more partitions."""
import os
import signal
import subprocess
import time

import pytest
from harness import ROOT, free_port, wait_for
from kafka_harness import Once, create_topic, produce, start_broker, stop_broker, table

HANG_S = 3


class Broker:
    """One that is stopped and hangs."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.start()

    def start(self):
        start_broker(self.folder, self.port)

    def pid(self):
        return int((self.folder / "pid").read_text())


@pytest.fixture
def frail(tmp_path):
    broker = Broker(tmp_path / "broker")
    yield broker
    os.kill(broker.pid(), signal.SIGCONT)
    stop_broker(broker.folder)


def start_job(once, tmp_path, step="none", times=0, *command):
    (tmp_path / "once.sql").write_text(once.sql)
    with open(tmp_path / "log", "a") as log:
        return subprocess.Popen([ROOT / "build/release/tests/kill_at_step", tmp_path / "once.sql", tmp_path / "state", "3", step, str(times),
                                 *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def test_every_message_counts_once_when_the_broker_is_restarted(frail, tmp_path):
    once = Once(frail.address, "restarted")
    job = start_job(once, tmp_path)
    for number in range(2):
        once.progress(f"progress before restart {number + 1}")
        stop_broker(frail.folder)
        frail.start()
    once.progress("progress after the restarts")
    once.finish()
    assert job.poll() is None, (tmp_path / "log").read_text()[-2000:]
    job.kill()
    job.wait()


def test_every_message_counts_once_when_the_broker_hangs(frail, tmp_path):
    once = Once(frail.address, "hanging")
    pid = frail.pid()
    hang = f"kill -STOP {pid}; (sleep {HANG_S}; kill -CONT {pid}) &"
    hit = {}
    for step in ("pre-commit", "commit"):
        mark = tmp_path / step
        job = start_job(once, tmp_path, step, 3, f"{hang} touch {mark}")
        wait_for(f"the broker to hang before a {step}", mark.exists, 60, 0.05)
        hit[step] = True
        time.sleep(HANG_S)
        once.progress(f"progress after the broker hung before a {step}")
        assert job.poll() is None, (tmp_path / "log").read_text()[-2000:]
        job.kill()
        job.wait()
    job = start_job(once, tmp_path)
    once.progress("progress without a fault")
    os.kill(pid, signal.SIGSTOP)
    time.sleep(HANG_S)
    os.kill(pid, signal.SIGCONT)
    once.progress("progress after the broker hung")
    once.finish()
    assert len(hit) == 2 and job.poll() is None
    job.kill()
    job.wait()


def test_partitions_that_appear_while_it_runs_are_read_from_their_beginning(frail, tmp_path):
    produce(frail.address, "growing-1", [f'{{"id":{n}}}' for n in range(10)])
    source = table("growing", frail.address, "", "id BIGINT, topic STRING METADATA VIRTUAL",
                   "'topic-pattern' = 'growing-.*', 'scan.startup.mode' = 'earliest-offset', "
                   "'scan.topic-partition-discovery.interval' = '300 ms', 'format' = 'json'").replace("'topic' = '', ", "")
    out = tmp_path / "out"
    (tmp_path / "growing.sql").write_text(
        source + f"CREATE TABLE seen (id BIGINT, topic STRING) WITH ('connector' = 'filesystem', 'path' = '{out}', 'format' = 'csv');\n"
        "INSERT INTO seen SELECT id, topic FROM growing;")
    with open(tmp_path / "log", "a") as log:
        job = subprocess.Popen([ROOT / "build/release/tests/kill_at_step", tmp_path / "growing.sql", tmp_path / "state", "2", "none", "0"],
                               stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def seen():
        files = [file for file in out.rglob("*") if file.is_file() and not file.name.startswith(".")] if out.exists() else []
        return sorted(line for file in files for line in file.read_text().splitlines())

    try:
        wait_for("the first topic", lambda: len(seen()) == 10, 60, 0.1)
        create_topic(frail.address, "growing-2")
        produce(frail.address, "growing-2", [f'{{"id":{n}}}' for n in range(5)])
        wait_for("the second topic", lambda: len(seen()) == 15, 60, 0.1)
        assert sum(line.endswith("growing-2") for line in seen()) == 5
    finally:
        job.kill()
        job.wait()

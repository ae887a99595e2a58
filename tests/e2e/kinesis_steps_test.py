"""A job between streams of Kinesis is killed at each step of reading, of a split or merge, of writing and of a checkpoint: from the
source every record counts once and in the order of its key; the sink, which is at least once, lacks none."""
import collections
import json
import os
import random
import signal
import subprocess
import threading
import time

import pytest
from fake_kinesis import FakeKinesis
from harness import ROOT, wait_for
from kinesis_harness import HORIZON, KEYS, RECORDS, table

KILLS = int(os.environ.get("KINESIS_KILLS", "10"))
# A step of the double or of a checkpoint, and how often it is reached before the kill.
STEPS = [("records read", 3), ("capture", 3), ("end told", 1), ("acknowledge", 2), ("shards listed", 1), ("put", 4), ("upload", 2),
         ("child asked for", 1), ("pre-commit", 3), ("put taken", 4), ("reshard", 1), ("clean-up", 3),
         ("end told", 2), ("commit", 2), ("child asked for", 2), ("put taken", 1)]
OF_CHECKPOINTS = {"capture", "acknowledge", "upload", "pre-commit", "clean-up", "commit"}
EFO = (", 'source.reader.type' = 'EFO', 'source.efo.consumer.name' = 'millrace', "
       "'source.efo.describe.retry-strategy.delay.min' = '50 ms'")


class Feed(threading.Thread):
    """Every key's values 1, 2, ... until finish() is called, while shards are split and merged."""

    def __init__(self, kinesis, stream):
        super().__init__(daemon=True)
        self.kinesis, self.stream, self.stopping = kinesis, stream, threading.Event()
        self.values = self.changes = self.due = 0

    def run(self):
        dice, due = random.Random(5), time.monotonic()
        while not self.stopping.wait(0.04):
            more = max(1, min(4000, self.due - self.values * KEYS) // KEYS)
            self.kinesis.put(self.stream, [(f"k{key}", json.dumps({"k": f"k{key}", "v": self.values + 1 + value}))
                                           for value in range(more) for key in range(KEYS)])
            self.values += more
            if time.monotonic() > due:
                self.kinesis.reshard(self.stream, dice)
                self.changes += 1
                due = time.monotonic() + 0.4

    def reach(self, records):
        """Until there have been so many."""
        self.due = records
        wait_for(f"{records} records", lambda: self.values * KEYS >= records, 60)

    def finish(self):
        self.stopping.set()
        self.join()


@pytest.fixture
def kinesis():
    double = FakeKinesis()
    yield double
    double.shutdown()


@pytest.mark.parametrize("reader", ["POLLING", "EFO"])
def test_every_record_counts_once_and_in_order_at_every_step(kinesis, reader, tmp_path):
    kinesis.create("in", 2)
    kinesis.create("out", 2)
    file, log, counted = tmp_path / "job.sql", tmp_path / "log", tmp_path / "counted"
    retries = ", 'retry-strategy.delay.min' = '20 ms', 'retry-strategy.delay.max' = '100 ms'"
    file.write_text(
        table("source", kinesis.url, "in", "k STRING, v BIGINT, at AS PROCTIME()", HORIZON + retries +
              ", 'source.shard.get-records.idle-source-interval' = '60 ms'" + (EFO if reader == "EFO" else "")) +
        table("written", kinesis.url, "out", "k STRING, v BIGINT, n BIGINT", retries + ", 'sink.flush-buffer.timeout' = '50'",
              "PARTITIONED BY (k)") +
        f"CREATE TABLE counted (k STRING, v BIGINT, n BIGINT) WITH ('connector' = 'filesystem', 'path' = '{counted}', 'format' = 'json');\n"
        "CREATE VIEW numbered AS SELECT k, v, COUNT(*) OVER (PARTITION BY k ORDER BY at ROWS UNBOUNDED PRECEDING) AS n FROM source;\n"
        "EXECUTE STATEMENT SET BEGIN INSERT INTO counted SELECT * FROM numbered; INSERT INTO written SELECT * FROM numbered; END;")

    def run(step="none", times=0):
        with open(log, "a") as out:
            return subprocess.Popen([ROOT / "build/release/tests/kill_at_step", file, tmp_path / "state", "2", step, str(times)],
                                    stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def rows():
        return [json.loads(line) for part in counted.glob("[!._]*") for line in part.read_text().splitlines()]

    def seen():
        last = collections.Counter()
        for row in rows():
            last[row["k"]] = max(last[row["k"]], row["v"])
        return min(last.values()) if len(last) == KEYS else 0

    feed, hit, before = Feed(kinesis, "in"), collections.Counter(), 0
    feed.start()
    job = None
    try:
        kills = max(KILLS, len(STEPS))
        for number in range(kills):
            feed.reach(RECORDS * (number + 1) // kills)
            step, times = STEPS[number % len(STEPS)]
            if number % 4 == 0:  # so that kills do not only follow upon kills
                job = run()
                wait_for(f"progress before kill {number + 1}", lambda: seen() > before, 60, 0.1)
                before = seen()
                job.kill()
                job.wait()
            job = run(*((step, times) if step in OF_CHECKPOINTS else ()))
            if step not in OF_CHECKPOINTS:
                kinesis.strike(step, times, job.kill)
            assert job.wait(60) == -signal.SIGKILL, f"'{step}' was not reached: {log.read_text()[-3000:]}"
            hit[step] += 1
        job = run()
        feed.finish()
        wait_for("every value", lambda: seen() >= feed.values, 120, 0.3)
        time.sleep(1)  # a row too many would come with the next checkpoint
        assert job.poll() is None, log.read_text()[-3000:]
    finally:
        if job is not None:
            job.kill()
            job.wait()
    values = collections.defaultdict(list)
    for row in rows():
        values[row["k"]].append(row["v"])
        assert row["n"] == row["v"], row  # the n-th of its key
    expected = list(range(1, feed.values + 1))
    assert {key: sorted(of) for key, of in values.items()} == {f"k{key}": expected for key in range(KEYS)}
    last, repeated = collections.Counter(), 0
    for key, text in kinesis.read("out"):
        row = json.loads(text)
        assert row["k"] == key and row["n"] == row["v"] <= last[key] + 1, (row, last[key])  # goes on, or begins again further back
        repeated += row["v"] <= last[key]
        last[key] = max(last[key], row["v"])
    assert last == {f"k{key}": feed.values for key in range(KEYS)}
    assert set(hit) == {step for step, _ in STEPS} and feed.changes >= 8
    print(f"{reader}: {sum(hit.values())} kills, {KEYS * feed.values} records, {feed.changes} splits and merges, {repeated} written again")

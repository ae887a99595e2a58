"""Topics whose partitions are not of one pace, in whole jobs: the fast one waits for the slow one, a silent one is waited for as long
as the table says, and partitions that a topic gets while it is read are read from their beginning, once."""
import json
import os
import signal
import subprocess
import threading
import time

import pytest
from harness import ROOT, Query, wait_for
from kafka_harness import add_partitions, broker, create_topic, produce, table
from kafka_harness import rows as sql_rows

__all__ = ["broker"]  # the fixture
FAST_ROWS, DRIFT_S = 20_000, 300


def at(second):
    return f"2026-01-01 {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"


def rows_of(who, seconds):
    return [json.dumps({"who": who, "ts": at(second), "s": second}) for second in seconds]


def timed(name, broker, topic, more):  # noqa: F811
    return table(name, broker, topic, "who STRING, s INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts",
                 f"'scan.startup.mode' = 'earliest-offset', 'format' = 'json'{more}")


ALIGNED = (f", 'scan.watermark.alignment.group' = 'one', 'scan.watermark.alignment.max-drift' = '{DRIFT_S} s', "
           "'scan.watermark.alignment.update-interval' = '50 ms', 'scan.watermark.idle-timeout' = '4 s'")


class Pace(threading.Thread):
    """Into one partition as many seconds of event time as there are, 5000 of them a second; into the other one again and again
    the same one, until it is silent."""

    def __init__(self, broker, slow, fast):  # noqa: F811
        super().__init__(daemon=True)
        self.broker, self.slow, self.fast, self.now, self.silent = broker, slow, fast, 0, False

    def run(self):
        for begin in range(0, FAST_ROWS, 1000):
            produce(self.broker, self.fast, rows_of("fast", range(begin, begin + 1000)), "-p", "1")
            time.sleep(0.2)

    def tell(self):
        while not self.silent:
            produce(self.broker, self.slow, rows_of("slow", [self.now]), "-p", "0")
            time.sleep(0.3)


@pytest.mark.parametrize("parallelism, topics", [(1, 1), (2, 1), (2, 2)])
def test_a_fast_partition_waits_for_a_slow_one_until_that_is_silent(broker, parallelism, topics):  # noqa: F811
    """Of one topic, or of two tables in one group."""
    slow, fast = (f"pace-{parallelism}-{topics}-{number}" for number in (1, topics))
    used = {(slow, 0), (fast, 1)}
    for topic in sorted({slow, fast}):
        create_topic(broker, topic)
        for partition in range(4):
            if (topic, partition) not in used:  # those without a row would hold everybody back
                produce(broker, topic, rows_of("other", [23 * 3600]), "-p", str(partition))
    tables = [timed(f"t{number}", broker, topic, ALIGNED) for number, topic in enumerate(sorted({slow, fast}))]
    query = Query("".join(tables) + " UNION ALL ".join(f"SELECT who, s FROM t{number}" for number in range(len(tables))) + ";",
                  "--set", f"parallelism.default={parallelism}")
    pace = Pace(broker, slow, fast)
    telling = threading.Thread(target=pace.tell, daemon=True)

    def last():
        return max((row["s"] for row in query.rows if row["who"] == "fast"), default=-1)

    try:
        pace.start()
        telling.start()
        wait_for("the fast one", lambda: last() >= DRIFT_S, 60)
        time.sleep(4)
        held = last()
        assert held < DRIFT_S + FAST_ROWS // 4, "it did not wait"
        time.sleep(2)
        assert last() == held, "it went on"
        pace.now = 10_000
        wait_for("the fast one to go on", lambda: last() >= pace.now + DRIFT_S, 60)
        pace.silent = True
        wait_for("the slow one to be idle", lambda: last() == FAST_ROWS - 1, 60)
        assert [row["s"] for row in query.rows if row["who"] == "fast"] == list(range(FAST_ROWS))
        print(f"held at {held} s of {FAST_ROWS}")
    finally:
        pace.silent = True
        query.process.kill()
        pace.join()
        telling.join()


def test_a_queue_that_was_full_does_not_run_dry(broker):  # noqa: F811
    """Each batch of messages fills the client's queue, whose thread then sleeps for up to a second unless it is woken."""
    batches, rows = 200, 100
    produce(broker, "short-queue", [json.dumps({"id": number, "filler": "x" * 100}) for number in range(batches * rows)], "-p", "0",
            "-X", f"batch.num.messages={rows}")
    source = table("source", broker, "short-queue", "id BIGINT",
                   "'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', 'format' = 'json', "
                   f"'properties.queued.min.messages' = '{rows // 2}', 'properties.max.partition.fetch.bytes' = '10000'")
    begun = time.monotonic()
    (row,) = sql_rows(source + "SELECT count(*) AS n, sum(id) AS s FROM source;", "--set", "execution.runtime-mode=batch")
    took_s = time.monotonic() - begun
    assert row == {"n": batches * rows, "s": batches * rows * (batches * rows - 1) // 2}
    print(f"{batches} fetches in {took_s:.1f} s")
    assert took_s < batches / 5, "it waited between fetches"


def test_partitions_that_a_topic_gets_are_read_once_also_after_a_kill(broker, tmp_path):  # noqa: F811
    create_topic(broker, "widened")
    out, log, file = tmp_path / "out", tmp_path / "log", tmp_path / "job.sql"
    file.write_text(
        table("source", broker, "widened", "id BIGINT, part INT METADATA FROM 'partition' VIRTUAL",
              "'scan.startup.mode' = 'latest-offset', 'scan.topic-partition-discovery.interval' = '300 ms', 'format' = 'json'") +
        f"CREATE TABLE seen (id BIGINT, part INT) WITH ('connector' = 'filesystem', 'path' = '{out}', 'format' = 'json');\n"
        "INSERT INTO seen SELECT id, part FROM source;")
    ids, jobs = iter(range(1_000_000)), []
    expected = []

    def run():
        with open(log, "a") as text:
            jobs.append(subprocess.Popen([ROOT / "build/release/tests/kill_at_step", file, tmp_path / "state", "2", "none", "0"],
                                         stdin=subprocess.DEVNULL, stdout=text, stderr=text))
        return jobs[-1]

    def put(partition):
        rows = [next(ids) for _ in range(50)]
        produce(broker, "widened", [f'{{"id":{row}}}' for row in rows], "-p", str(partition))
        expected.extend((row, partition) for row in rows)

    def seen():
        rows = [json.loads(line) for part in out.glob("[!._]*") for line in part.read_text().splitlines()]
        return sorted((row["id"], row["part"]) for row in rows)

    try:
        job = run()
        wait_for("the job to read", lambda: log.read_text().count("reads widened-") == 4, 60, 0.1)
        for partition in range(4):
            put(partition)
        wait_for("four partitions", lambda: seen() == expected, 60, 0.1)
        add_partitions(broker, "widened", 6)
        put(4)  # before they are found: a new partition is read from its beginning, whatever the startup mode is
        put(5)
        wait_for("two more partitions", lambda: seen() == expected, 60, 0.1)
        for count in (8, 9, 11):
            os.kill(job.pid, signal.SIGKILL)
            job.wait()
            put(count - 4)
            job = run()
            add_partitions(broker, "widened", count)  # while it is restored, or just after
            for partition in range(count):
                put(partition)
            wait_for(f"{count} partitions", lambda: len(seen()) >= len(expected), 60, 0.1)
        time.sleep(1)  # a row too many would come with the next checkpoint
        assert seen() == sorted(expected)
    finally:
        for one in jobs:
            one.kill()
            one.wait()

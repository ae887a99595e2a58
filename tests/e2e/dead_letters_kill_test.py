"""Jobs with dead letters are killed, at any moment and at the steps of a checkpoint, and go on from their checkpoints: every
record that can be read is in the sink once, every other one in the dead letters once. KILLS, halved, is how often."""
import json
import os
import random
import signal
import subprocess
import threading
import time

import pytest
from harness import ROOT, wait_for
from kafka_harness import broker, consume, create_topic, table
from kinesis_harness import HORIZON, Emulator
from kinesis_harness import table as stream_table

__all__ = ["broker"]  # the fixture
KILLS = max(4, int(os.environ.get("KILLS", "10")) // 2)
STEPS = ("upload", "pre-commit", "commit", "acknowledge", "clean-up")
RECORDS_A_FEED, PAUSE_S = 10, 0.04
LETTERS = "source_name STRING, source_partition INT, source_offset BIGINT, cause STRING, error STRING, record_text STRING"


def record(number):
    """The text of the record of a number, and why it is a dead letter, or None. One in five is."""
    if number % 5:
        return f'{{"id":{number}}}', None
    return {0: (f'{{"id":"number {number}"}}', "type"), 5: (f'{{"id":{number}', "malformed"),
            10: (f'{{"other":{number}}}', "missing")}[number % 15]


class Folder:
    """What a job writes to files, as far as it is committed."""

    def __init__(self, path):
        self.path = path

    def table(self, name, columns):
        return f"CREATE TABLE {name} ({columns}) WITH ('connector' = 'filesystem', 'path' = '{self.path}', 'format' = 'json');\n"

    def rows(self):
        return [json.loads(line) for file in self.path.glob("[!._]*") for line in file.read_text().splitlines()]


class Topic:
    def __init__(self, broker, name):  # noqa: F811
        self.broker, self.name = broker, name
        create_topic(broker, name)

    def table(self, name, columns):
        return table(name, self.broker, self.name, columns, "'format' = 'json', 'sink.delivery-guarantee' = 'exactly-once', "
                     f"'sink.transactional-id-prefix' = '{self.name}'")

    def rows(self):
        return [json.loads(line) for line in consume(self.broker, self.name)]


class OfKafka:
    def __init__(self, broker):  # noqa: F811
        self.broker = broker
        create_topic(broker, "lettered-in")
        self.good, self.bad = Topic(broker, "lettered-good"), Topic(broker, "lettered-bad")
        self.client = subprocess.Popen(["kcat", "-b", broker, "-P", "-t", "lettered-in", "-K", "\t"], stdin=subprocess.PIPE, text=True)

    def table(self):
        return table("source", self.broker, "lettered-in", "id BIGINT NOT NULL",
                     "'scan.startup.mode' = 'earliest-offset', 'format' = 'json', 'scan.dead-letter.table' = 'bad'")

    def put(self, _number, texts):
        self.client.stdin.write("".join(f"{text}\t{text}\n" for text in texts))
        self.client.stdin.flush()

    def end(self):
        """kcat keeps what it has read until more comes or nothing does."""
        self.client.stdin.close()
        assert self.client.wait(60) == 0

    def close(self):
        self.client.kill()

    @staticmethod
    def place(letter):
        return letter["source_partition"], letter["source_offset"]


class OfFiles:
    def __init__(self, folder):
        self.folder, self.good, self.bad = folder / "in", Folder(folder / "good"), Folder(folder / "bad")
        self.folder.mkdir()

    def table(self):
        return (f"CREATE TABLE source (id BIGINT NOT NULL) WITH ('connector' = 'filesystem', 'path' = '{self.folder}', "
                "'source.monitor-interval' = '50 ms', 'format' = 'json', 'scan.dead-letter.table' = 'bad');\n")

    def put(self, number, texts):
        hidden = self.folder / f".{number:09}"
        hidden.write_text("".join(text + "\n" for text in texts))
        hidden.rename(self.folder / f"{number:09}")

    def end(self):
        pass

    def close(self):
        pass

    @staticmethod
    def place(letter):
        return letter["source_name"], letter["source_offset"]


class OfKinesis:
    def __init__(self, folder):
        self.emulator = Emulator("kinesalite", folder / "kinesis")
        self.emulator.create("lettered", 3)
        self.good, self.bad = Folder(folder / "good"), Folder(folder / "bad")

    def table(self):
        return stream_table("source", self.emulator.url, "lettered", "id BIGINT NOT NULL", HORIZON + ", 'scan.dead-letter.table' = 'bad', "
                            "'source.shard.get-records.idle-source-interval' = '20 ms'")

    def put(self, _number, texts):
        self.emulator.put("lettered", [(text, text) for text in texts])

    def end(self):
        pass

    def close(self):
        self.emulator.close()

    @staticmethod
    def place(letter):
        assert letter["source_name"].endswith(":stream/lettered")
        return letter["error"].rsplit("sequence number ", 1)[1]


@pytest.fixture
def source(request, tmp_path):
    made = OfKafka(request.getfixturevalue("broker")) if request.param == "kafka" else {
        "files": OfFiles, "kinesis": OfKinesis}[request.param](tmp_path)
    yield made
    made.close()


class Feed(threading.Thread):
    """Numbers from 1 on, until finish() is called."""

    def __init__(self, source):
        super().__init__(daemon=True)
        self.source, self.count, self.stopping = source, 0, threading.Event()

    def run(self):
        while not self.stopping.wait(PAUSE_S):
            first, self.count = self.count + 1, self.count + RECORDS_A_FEED
            self.source.put(first, [record(number)[0] for number in range(first, self.count + 1)])

    def finish(self):
        self.stop()
        self.source.end()

    def stop(self):
        self.stopping.set()
        self.join()


@pytest.mark.parametrize("source", ["kafka", "files", "kinesis"], indirect=True)
def test_every_dead_letter_is_written_once_whenever_the_job_is_killed(source, tmp_path):
    file, log, dice = tmp_path / "job.sql", tmp_path / "log", random.Random(3)
    file.write_text(source.bad.table("bad", LETTERS) + source.table() + source.good.table("good", "id BIGINT") +
                    "INSERT INTO good SELECT id FROM source;")

    def run(step="none", times=0):
        with open(log, "a") as out:
            return subprocess.Popen([ROOT / "build/release/tests/kill_at_step", file, tmp_path / "state", "2", step, str(times)],
                                    stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    feed, committed, killed = Feed(source), (0, 0), 0
    feed.start()

    def progress(what):
        """Both the sink and the dead letters have more than before."""
        def grown():
            assert job.poll() is None, log.read_text()[-3000:]
            now = len(source.good.rows()), len(source.bad.rows())
            return now[0] > committed[0] and now[1] > committed[1] and now
        return wait_for(what, grown, 60, 0.1)

    job = None
    try:
        for number in range(KILLS):
            if number % 2:
                step = STEPS[number // 2 % len(STEPS)]
                job = run(step, dice.randint(1, 6))
                assert job.wait(60) == -signal.SIGKILL, f"{step} was not reached: {log.read_text()[-3000:]}"
            else:
                job = run()
                committed = progress(f"progress before kill {number + 1}")
                time.sleep(dice.uniform(0, 0.3))
                os.kill(job.pid, signal.SIGKILL)
                assert job.wait(10) == -signal.SIGKILL
            killed += 1
        job = run()
        feed.finish()
        numbers = range(1, feed.count + 1)
        good = [number for number in numbers if record(number)[1] is None]
        bad = sorted(record(number) for number in numbers if record(number)[1] is not None)
        wait_for("every record", lambda: len(source.good.rows()) >= len(good) and len(source.bad.rows()) >= len(bad), 120, 0.3)
        time.sleep(1)  # a row too many would come with the next checkpoint
        letters = source.bad.rows()
        assert sorted(row["id"] for row in source.good.rows()) == good
        assert sorted((letter["record_text"], letter["cause"]) for letter in letters) == bad
        assert len({source.place(letter) for letter in letters}) == len(bad), "each says where its record lies"
        assert killed == KILLS
        print(f"{killed} kills, {len(good)} records, {len(bad)} dead letters")
    finally:
        feed.stop()
        if job is not None:
            job.kill()
            job.wait()

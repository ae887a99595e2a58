"""A job whose schema registry is out of reach when a new schema comes: it says so soon, tries again, and no record is lost, nor
blamed for it."""
import json
import os
import signal
import subprocess

import pytest
from fake_registry import FakeRegistry
from formats_test import encoded, produce_bytes
from harness import ROOT, wait_for
from kafka_harness import broker, create_topic, table

__all__ = ["broker"]  # the fixture
SCHEMA = {"type": "record", "name": "Reading", "fields": [{"name": "id", "type": "long"}]}
TOLD_WITHIN_S = 12  # five for the registry, the rest for this machine
PER_SCHEMA = 20
WORDS = "the schema registry cannot be asked: "
REASONS = {"failing": "{url}/schemas/ids/2: the store is not open", "hanging": "{url}/schemas/ids/2 did not answer in 2000 ms",
           "gone": "cannot reach {url}/schemas/ids/2"}


@pytest.fixture
def registry():
    double = FakeRegistry()
    yield double
    double.close()


@pytest.mark.parametrize("mood", list(REASONS))
def test_a_registry_out_of_reach_loses_nothing(broker, registry, mood, tmp_path):  # noqa: F811
    topic, good, bad = f"schemas-{mood}", tmp_path / "good", tmp_path / "bad"
    create_topic(broker, topic)
    file, log = tmp_path / "job.sql", tmp_path / "log"
    file.write_text(
        f"CREATE TABLE bad (record BYTES) WITH ('connector' = 'filesystem', 'path' = '{bad}', 'format' = 'json');\n" +
        table("source", broker, topic, "id BIGINT NOT NULL",
              "'scan.startup.mode' = 'earliest-offset', 'scan.dead-letter.table' = 'bad', 'format' = 'avro-confluent', "
              f"'avro-confluent.url' = '{registry.url}'") +
        f"CREATE TABLE good (id BIGINT) WITH ('connector' = 'filesystem', 'path' = '{good}', 'format' = 'json');\n"
        "INSERT INTO good SELECT id FROM source;")

    def run():
        with open(log, "a") as out:
            return subprocess.Popen([ROOT / "build/release/tests/kill_at_step", file, tmp_path / "state", "2", "none", "0"],
                                    stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def produce(number, schema):
        """Of the same schema under a new number, to all partitions."""
        registry.schemas[number] = json.dumps(SCHEMA)
        for partition in range(4):
            produce_bytes(broker, topic, [encoded(SCHEMA, {"id": schema * PER_SCHEMA + n}, number)
                                          for n in range(partition, PER_SCHEMA, 4)], tmp_path, "-p", str(partition))

    def ids():
        return sorted(json.loads(line)["id"] for part in good.glob("[!._]*") for line in part.read_text().splitlines())

    job = run()
    try:
        produce(1, 0)
        wait_for("what is read while the registry is well", lambda: len(ids()) == PER_SCHEMA or job.poll() is not None, 60, 0.1)
        registry.be(mood)
        produce(1, 1)  # what is known needs no registry
        wait_for("records of a known schema", lambda: len(ids()) == 2 * PER_SCHEMA, 60, 0.1)
        produce(2, 2)
        words = WORDS + REASONS[mood].format(url=registry.url)
        wait_for("the job to say what is wrong", lambda: words in log.read_text(), TOLD_WITHIN_S, 0.1)
        wait_for("the job to restart", lambda: "to RESTARTING" in log.read_text() or "state RESTARTING" in log.read_text(), 60, 0.1)
        os.kill(job.pid, signal.SIGKILL)
        assert job.wait(10) == -signal.SIGKILL
        former = len(log.read_text())
        job = run()
        wait_for("the restored job to ask, too", lambda: words in log.read_text()[former:], 60, 0.1)
        assert ids() == list(range(2 * PER_SCHEMA)) and job.poll() is None
        registry.be("well")
        wait_for("every record", lambda: len(ids()) >= 3 * PER_SCHEMA, 90, 0.1)
        produce(3, 3)
        wait_for("what comes later", lambda: len(ids()) >= 4 * PER_SCHEMA, 60, 0.1)
        assert ids() == list(range(4 * PER_SCHEMA))
        assert not [part for part in bad.glob("[!._]*") if part.read_text()], "no record is to blame"
        assert registry.asked["well"] >= 3 and (mood == "gone" or registry.asked[mood] >= 2), registry.asked
    finally:
        job.kill()
        job.wait()

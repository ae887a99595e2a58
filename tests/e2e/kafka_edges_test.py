"""Kafka where things are not as a table expects them: topics that are trimmed, made anew or deleted, open transactions, rules of
access, messages that are too large, bytes that are no text."""
import json
import signal
import subprocess
import time

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import (AclBinding, AclOperation, AclPermissionType, AdminClient, NewTopic, ResourcePatternType,
                                   ResourceType)
from harness import ROOT, Query, free_port, wait_for
from kafka_harness import (EARLIEST_TO_END, broker, consume, create_topic, produce, rows, sql, start_broker, stop_broker, table)

__all__ = ["broker"]  # the fixture
NO_RESTART = ("--set", "restart-strategy.type=none")


def numbers(*values):
    return [f'{{"id":{value}}}' for value in values]


def done(futures):
    for future in futures.values():
        future.result(20)


class Admin:
    def __init__(self, broker):  # noqa: F811
        self.client = AdminClient({"bootstrap.servers": broker})

    def create(self, topic):
        done(self.client.create_topics([NewTopic(topic, 1, 1)]))

    def delete(self, topic):
        done(self.client.delete_topics([topic]))

    def trim(self, topic, offset):
        done(self.client.delete_records([TopicPartition(topic, 0, offset)]))

    def allow(self, resource, name, operation, pattern=ResourcePatternType.LITERAL):
        done(self.client.create_acls([AclBinding(resource, name, pattern, "User:alice", "*", operation, AclPermissionType.ALLOW)]))


@pytest.mark.parametrize("reset, expected", [("none", None), ("earliest", list(range(100, 107))), ("latest", [105, 106])])
def test_a_topic_that_is_made_anew_while_it_is_read(broker, reset, expected):  # noqa: F811
    """Its offsets begin before those that were read."""
    topic, admin = f"anew-{reset}", Admin(broker)
    admin.create(topic)
    produce(broker, topic, numbers(*range(20)))
    query = Query(table("t", broker, topic, "id INT", "'scan.startup.mode' = 'earliest-offset', 'format' = 'json', "
                        f"'properties.auto.offset.reset' = '{reset}'") + "SELECT id FROM t;")
    try:
        wait_for("what it has", lambda: len(query.rows) == 20, 30, 0.1)
        admin.delete(topic)
        time.sleep(1)
        admin.create(topic)
        produce(broker, topic, numbers(*range(100, 105)))
        if expected is None:
            assert query.process.wait(60) != 0
            message = query.process.stderr.read()
            assert f"topic '{topic}', partition 0: offset 20, to go on from, is not there: it has 0 to 5" in message
            assert "properties.auto.offset.reset" in message
            return
        time.sleep(4)
        produce(broker, topic, numbers(105, 106))
        assert [row["id"] for row in query.take(20 + len(expected))[20:]] == expected
    finally:
        query.process.kill()


def test_positions_before_what_a_topic_still_has(broker):  # noqa: F811
    Admin(broker).create("trimmed")
    produce(broker, "trimmed", numbers(*range(20)))
    subprocess.run(["kcat", "-b", broker, "-G", "trimmed-by", "-c", "4", "-q", "-X", "auto.offset.reset=earliest", "trimmed"],
                   check=True, stdout=subprocess.DEVNULL)
    Admin(broker).trim("trimmed", 10)

    def read(*options):
        text = table("t", broker, "trimmed", "id INT", ", ".join(("'scan.bounded.mode' = 'latest-offset'", "'format' = 'json'", *options)))
        return sql(text.replace("'properties.group.id' = 'g'", "'properties.group.id' = 'trimmed-by'") + "SELECT id FROM t;", *NO_RESTART)

    failed = read()
    assert failed.returncode != 0
    assert "topic 'trimmed', partition 0: offset 4, to go on from, is not there: it has 10 to 20" in failed.stderr
    for reset, expected in (("earliest", list(range(10, 20))), ("latest", [])):
        got = read(f"'properties.auto.offset.reset' = '{reset}'")
        assert [json.loads(line)["id"] for line in got.stdout.splitlines()] == expected, got.stderr
        assert got.returncode == 0


def test_a_deleted_topic_of_a_pattern_does_not_hold_up_the_others(broker, tmp_path):  # noqa: F811
    """Neither while the job runs nor when it is restored, and what the client says of it is not told again and again."""
    admin, out, log = Admin(broker), tmp_path / "out", tmp_path / "log"
    for topic in ("some-1", "some-2"):
        admin.create(topic)
        produce(broker, topic, numbers(1))
    source = table("source", broker, "", "id INT", "'topic-pattern' = 'some-.*', 'scan.startup.mode' = 'earliest-offset', 'format' = 'json'")
    (tmp_path / "job.sql").write_text(
        source.replace("'topic' = '', ", "") +
        f"CREATE TABLE seen (id INT) WITH ('connector' = 'filesystem', 'path' = '{out}', 'format' = 'csv');\n"
        "INSERT INTO seen SELECT id FROM source;")

    def run():
        with open(log, "a") as text:
            return subprocess.Popen([ROOT / "build/release/tests/kill_at_step", tmp_path / "job.sql", tmp_path / "state", "2", "none", "0"],
                                    stdin=subprocess.DEVNULL, stdout=text, stderr=text)

    def seen():
        return sorted(int(line) for part in out.glob("[!._]*") for line in part.read_text().splitlines())

    job = run()
    try:
        wait_for("both", lambda: seen() == [1, 1], 60, 0.1)
        admin.delete("some-1")
        produce(broker, "some-2", numbers(2))
        wait_for("what the other has", lambda: seen() == [1, 1, 2], 60, 0.1)
        job.kill()
        job.wait()
        job = run()
        produce(broker, "some-2", numbers(3))
        wait_for("what it has later", lambda: seen() == [1, 1, 2, 3], 60, 0.1)
        time.sleep(5)
        assert job.poll() is None and seen() == [1, 1, 2, 3]
        told = [line for line in log.read_text().splitlines() if "Unknown topic or partition" in line]
        assert 1 <= len(told) <= 6, told
    finally:
        job.kill()
        job.wait()


def test_the_end_is_that_of_those_who_read(broker):  # noqa: F811
    """With read_committed an open transaction is the end; else it is not."""
    Admin(broker).create("open")
    produce(broker, "open", numbers(1, 2))
    writer = Producer({"bootstrap.servers": broker, "transactional.id": "open"})
    writer.init_transactions()
    writer.begin_transaction()
    writer.produce("open", '{"id":3}')
    writer.flush()
    produce(broker, "open", numbers(4))

    def ids(more=""):
        return [row["id"] for row in rows(table("t", broker, "open", "id INT", f"{EARLIEST_TO_END}, 'format' = 'json'{more}") + "SELECT id FROM t;")]

    committed = ", 'properties.isolation.level' = 'read_committed'"
    assert ids() == [1, 2, 3, 4] and ids(committed) == [1, 2]
    writer.abort_transaction()
    assert ids() == [1, 2, 3, 4] and ids(committed) == [1, 2, 4]


@pytest.mark.parametrize("partitioner", ["default", "fixed", "round-robin"])
def test_topics_that_writing_makes(broker, partitioner):  # noqa: F811
    for number in range(5):  # the first answer of a broker comes before or after it has made the topic
        topic = f"made-{partitioner}-{number}"
        rows(table("t", broker, topic, "id INT", f"'format' = 'json', 'sink.partitioner' = '{partitioner}'") +
             "INSERT INTO t VALUES (1), (2);", *NO_RESTART)
        assert sorted(consume(broker, topic)) == numbers(1, 2)


def test_a_message_that_is_too_large(broker):  # noqa: F811
    create_topic(broker, "large")
    for more in ("", ", 'properties.max.request.size' = '5000000'"):  # for the client; for the topic
        failed = sql(table("t", broker, "large", "x STRING", f"'format' = 'raw'{more}") + "INSERT INTO t VALUES (REPEAT('x', 2000000));",
                     *NO_RESTART)
        assert failed.returncode != 0 and "kafka.message-too-large" in failed.stderr and "'max.message.bytes'" in failed.stderr


def test_headers_that_are_no_texts(broker):  # noqa: F811
    Admin(broker).create("odd-headers")
    subprocess.run(["kcat", "-b", broker, "-P", "-t", "odd-headers", "-H", b"a\xffb=1", "-H", "ok=2"], input=b"x\n", check=True)
    (row,) = rows(table("t", broker, "odd-headers", "x STRING, headers MAP<STRING, BYTES> METADATA", f"{EARLIEST_TO_END}, 'format' = 'raw'") +
                  "SELECT x, MAP_KEYS(headers) AS names FROM t;")
    assert row == {"x": "x", "names": ["a\ufffdb", "ok"]}


ONCE = "'format' = 'json', 'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'ours'"


def test_sinks_of_a_job_have_transactions_of_their_own(broker):  # noqa: F811
    create_topic(broker, "apart-a")
    create_topic(broker, "apart-b")
    sinks = [table(name, broker, f"apart-{name}", "id INT", ONCE) for name in "ab"]
    inserts = "EXECUTE STATEMENT SET BEGIN INSERT INTO a VALUES (1); INSERT INTO b VALUES (2); END;"
    failed = sql("".join(sinks) + inserts, *NO_RESTART)
    assert failed.returncode != 0 and "kafka.shared-prefix" in failed.stderr and "'sink.transactional-id-prefix', 'ours'" in failed.stderr
    rows(sinks[0] + sinks[1].replace("'ours'", "'ours-b'") + inserts)
    assert consume(broker, "apart-a") == numbers(1) and consume(broker, "apart-b") == numbers(2)


def test_two_jobs_with_one_prefix_hear_of_each_other(broker, tmp_path):  # noqa: F811
    create_topic(broker, "fenced-in")
    create_topic(broker, "fenced-out")
    produce(broker, "fenced-in", numbers(1))
    log = tmp_path / "log"
    (tmp_path / "job.sql").write_text(
        table("source", broker, "fenced-in", "id INT", "'scan.startup.mode' = 'earliest-offset', 'format' = 'json'") +
        table("sink", broker, "fenced-out", "id INT", ONCE.replace("'ours'", "'fenced'")) + "INSERT INTO sink SELECT id FROM source;")
    with open(log, "w") as text:
        job = subprocess.Popen([ROOT / "build/release/tests/kill_at_step", tmp_path / "job.sql", tmp_path / "state", "1", "none", "0"],
                               stdin=subprocess.DEVNULL, stdout=text, stderr=text)
    try:
        wait_for("the first job's message", lambda: consume(broker, "fenced-out") == numbers(1), 60, 0.2)
        rows(table("sink", broker, "fenced-out", "id INT", ONCE.replace("'ours'", "'fenced'")) + "INSERT INTO sink VALUES (2);")
        produce(broker, "fenced-in", numbers(3))
        wait_for("the first job to hear of it", lambda: "topic 'fenced-out' failed: Failed to add partitions to transaction: Local: This instance has been fenced" in log.read_text(), 30, 0.2)
        wait_for("all of it", lambda: sorted(consume(broker, "fenced-out")) == numbers(1, 2, 3), 60, 0.2)
    finally:
        job.kill()
        job.wait()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A broker where nobody but this test may do anything that no rule allows, and the address that alice comes to."""
    folder, port, port_of_alice = tmp_path_factory.mktemp("guarded"), free_port(), free_port()
    start_broker(folder, port, "--security", f"sasl-plain={port_of_alice}", "--property",
                 "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer", "--property", "super.users=User:ANONYMOUS")
    yield f"127.0.0.1:{port}", f"127.0.0.1:{port_of_alice}"
    stop_broker(folder)


def of_alice(name, address, topic, more):
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    return table(name, address, topic, "id INT", "'properties.security.protocol' = 'SASL_PLAINTEXT', 'properties.sasl.mechanism' = 'PLAIN', "
                 f"'properties.sasl.jaas.config' = '{module} required username=\"alice\" password=\"alice-secret\";', {more}")


def test_what_no_rule_allows_fails_at_once(guarded):
    ours, address = guarded
    create_topic(ours, "guarded")
    create_topic(ours, "readable")
    Admin(ours).allow(ResourceType.TOPIC, "readable", AclOperation.READ)
    by_group = of_alice("t", address, "readable", "'format' = 'json', 'scan.startup.mode' = 'group-offsets'")
    for text, what in ((by_group + "SELECT * FROM t;", "Group"),
                       (of_alice("t", address, "guarded", f"'format' = 'json', {EARLIEST_TO_END}") + "SELECT * FROM t;", "Topic"),
                       (of_alice("t", address, "guarded", "'format' = 'json'") + "INSERT INTO t VALUES (1);", "Topic"),
                       (of_alice("t", address, "guarded", ONCE) + "INSERT INTO t VALUES (1);", "Transactional Id")):
        begin = time.monotonic()
        failed = sql(text, *NO_RESTART)
        assert failed.returncode != 0 and "kafka.denied" in failed.stderr and f"{what} authorization failed" in failed.stderr, failed.stderr
        assert time.monotonic() - begin < 15


def test_reading_needs_no_group(guarded):
    ours, address = guarded
    create_topic(ours, "groupless")
    Admin(ours).allow(ResourceType.TOPIC, "groupless", AclOperation.READ)
    source = of_alice("t", address, "groupless", "'format' = 'json', 'scan.startup.mode' = 'earliest-offset'").replace("'properties.group.id' = 'g', ", "")
    query = Query(source + "SELECT id FROM t;", *NO_RESTART)
    for number in range(5):  # it hears after a while that the group may not be used
        produce(ours, "groupless", numbers(number))
        time.sleep(0.5)
    assert [row["id"] for row in query.take(5)] == list(range(5))


def test_exactly_once_needs_what_the_page_says(guarded, tmp_path):
    """Also when a transaction is to be written again: then it is read back, and marked in a group."""
    ours, address = guarded
    create_topic(ours, "rules-in")
    create_topic(ours, "rules-out")
    produce(ours, "rules-in", numbers(*range(50)), "-p", "0")
    admin = Admin(ours)
    admin.allow(ResourceType.TOPIC, "rules-in", AclOperation.READ)
    admin.allow(ResourceType.TOPIC, "rules-out", AclOperation.WRITE)
    admin.allow(ResourceType.TOPIC, "rules-out", AclOperation.READ)
    admin.allow(ResourceType.TRANSACTIONAL_ID, "ours", AclOperation.WRITE, ResourcePatternType.PREFIXED)
    source = of_alice("source", address, "rules-in", "'scan.startup.mode' = 'earliest-offset', 'format' = 'json'")
    (tmp_path / "job.sql").write_text(source + of_alice("sink", address, "rules-out", ONCE) + "INSERT INTO sink SELECT id FROM source;")
    log = tmp_path / "log"

    def run(step, times):
        with open(log, "a") as text:
            return subprocess.Popen([ROOT / "build/release/tests/kill_at_step", tmp_path / "job.sql", tmp_path / "state", "1", step, str(times)],
                                    stdin=subprocess.DEVNULL, stdout=text, stderr=text)

    assert run("commit", 1).wait(60) == -signal.SIGKILL, log.read_text()[-2000:]
    assert run("none", 0).wait(60) != 0
    assert "recovering a transaction failed: Broker: Group authorization failed" in log.read_text()
    admin.allow(ResourceType.GROUP, "ours", AclOperation.READ, ResourcePatternType.PREFIXED)
    job = run("none", 0)
    try:
        wait_for("what is written again", lambda: len(consume(ours, "rules-out")) >= 50, 60, 0.2)
        time.sleep(1)
        assert consume(ours, "rules-out") == numbers(*range(50))
        assert "messages were written again" in log.read_text()
    finally:
        job.kill()
        job.wait()

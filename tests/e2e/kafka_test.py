"""Kafka as source and sink, with a real broker: positions, formats, keys, and that each message counts once, whatever is
killed."""
import json
import os
import random
import re
import signal
import subprocess
import sysconfig
import time
from pathlib import Path

import pytest
from harness import MILLRACE, ROLE, ROOT, deaf_port, free_port, sql_application, wait_for, wait_for_status
from kafka_harness import (EARLIEST_TO_END, KEYS, KILLS, MESSAGES, Once, broker, consume, create_topic, produce, rows, sql, start_broker,
                           stop_broker, table)

__all__ = ["broker"]  # the fixture


class Secured:
    """A broker that lets in who shows a certificate or a password."""

    def __init__(self, folder):
        self.folder, self.files = folder, folder / "security"
        self.port = free_port()
        self.ports = {kind: free_port() for kind in ("tls", "mtls", "sasl-plain", "sasl-scram", "sasl-scram-plaintext")}
        start_broker(folder, self.port, *(part for kind, port in self.ports.items() for part in ("--security", f"{kind}={port}")))

    def tls(self, **more):
        return {"security.protocol": "SSL", "ssl.truststore.type": "PEM", "ssl.truststore.location": self.files / "ca.pem", **more}

    @staticmethod
    def login(mechanism, password):
        module = "scram.ScramLoginModule" if mechanism.startswith("SCRAM") else "plain.PlainLoginModule"
        return {"sasl.mechanism": mechanism, "sasl.jaas.config":
                f'org.apache.kafka.common.security.{module} required username="alice" password="{password}";'}

    def table(self, kind, settings, more, topic="secret"):
        properties = ", ".join(f"'properties.{key.replace('_', '.')}' = '{value}'" for key, value in settings.items())
        return table("t", f"127.0.0.1:{self.ports[kind]}", topic, "id BIGINT", f"{properties}, 'format' = 'json', {more}")


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    secured = Secured(tmp_path_factory.mktemp("secured"))
    produce(f"127.0.0.1:{secured.port}", "secret", ['{"id":1}'])
    yield secured
    stop_broker(secured.folder)


def test_a_topic_is_read_to_its_end_and_written(broker):
    produce(broker, "numbers", [json.dumps({"id": n, "name": f"n{n}"}) for n in range(1000)])
    source = table("numbers", broker, "numbers", "id BIGINT, name STRING", f"{EARLIEST_TO_END}, 'format' = 'json'")
    for parallelism in (1, 3):
        got = rows(source + "SELECT COUNT(*) AS n, SUM(id) AS total, COUNT(DISTINCT name) AS names FROM numbers;",
                   "--set", f"parallelism.default={parallelism}", "--set", "execution.runtime-mode=streaming")
        assert got[-1].items() >= {"n": 1000, "total": 499500, "names": 1000}.items()
    sink = table("doubled", broker, "doubled", "id BIGINT, twice BIGINT", "'format' = 'json'")
    rows(source + sink + "INSERT INTO doubled SELECT id, id * 2 FROM numbers;")
    written = [json.loads(line) for line in consume(broker, "doubled")]
    assert sorted(row["id"] for row in written) == list(range(1000))
    assert all(row["twice"] == 2 * row["id"] for row in written)


def test_where_reading_starts_and_ends(broker):
    produce(broker, "positions", [f'{{"id":{n}}}' for n in range(10)], "-p", "0")
    produce(broker, "positions", [f'{{"id":{n}}}' for n in range(100, 105)], "-p", "1")

    def ids(*options):
        text = table("positions", broker, "positions", "id BIGINT", ", ".join(options + ("'format' = 'json'",)))
        return sorted(row["id"] for row in rows(text + "SELECT id FROM positions;"))

    bounded = "'scan.bounded.mode' = 'latest-offset'"
    assert ids("'scan.startup.mode' = 'earliest-offset'", bounded) == [*range(10), *range(100, 105)]
    assert ids("'scan.startup.mode' = 'latest-offset'", bounded) == []
    assert ids("'scan.startup.mode' = 'specific-offsets'",
               "'scan.startup.specific-offsets' = 'partition:0,offset:7;partition:1,offset:3'", bounded) == [7, 8, 9, 103, 104]
    assert ids("'scan.startup.mode' = 'earliest-offset'", "'scan.bounded.mode' = 'specific-offsets'",
               "'scan.bounded.specific-offsets' = 'partition:0,offset:2;partition:1,offset:1;partition:2,offset:0;partition:3,offset:0'"
               ) == [0, 1, 100]
    later = int(time.time() * 1000) + 3_600_000
    assert ids("'scan.startup.mode' = 'timestamp'", "'scan.startup.timestamp-millis' = '1000'", bounded) == [
        *range(10), *range(100, 105)]
    assert ids("'scan.startup.mode' = 'timestamp'", f"'scan.startup.timestamp-millis' = '{later}'", bounded) == []
    assert ids("'properties.auto.offset.reset' = 'earliest'", bounded) == [*range(10), *range(100, 105)]
    failed = sql(table("positions", broker, "positions", "id BIGINT", f"{bounded}, 'format' = 'json'") +
                 "SELECT id FROM positions;")
    assert failed.returncode != 0 and "the group 'g' has no offset for 'positions-" in failed.stderr


def test_keys_and_values(broker):
    produce(broker, "keyed", [("a", '{"v":1}'), ("b", '{"v":2}'), ("a", '{"v":3}')])
    source = table("keyed", broker, "keyed", "k_id STRING, v INT",
                   f"{EARLIEST_TO_END}, 'key.format' = 'csv', 'key.fields' = 'k_id', 'key.fields-prefix' = 'k_', "
                   "'value.fields-include' = 'EXCEPT_KEY', 'value.format' = 'json'")
    got = rows(source + "SELECT k_id, v FROM keyed;")
    assert sorted((row["k_id"], row["v"]) for row in got) == [("a", 1), ("a", 3), ("b", 2)]
    assert [row["v"] for row in rows(source + "SELECT v FROM keyed WHERE k_id = 'a';")] == [1, 3]
    sink = table("copied", broker, "copied", "k STRING, v INT",
                 "'key.format' = 'csv', 'key.fields' = 'k', 'value.format' = 'json', 'value.json.encode.decimal-as-plain-number' = 'true'")
    rows(source + sink + "INSERT INTO copied SELECT k_id, v FROM keyed;")
    assert sorted(consume(broker, "copied", "%k %s\n")) == ['a {"k":"a","v":1}', 'a {"k":"a","v":3}', 'b {"k":"b","v":2}']


def test_metadata_of_messages(broker):
    before = int(time.time() * 1000)
    produce(broker, "described", [("a", '{"v":1}')], "-p", "2", "-H", "trace=one", "-H", "trace=two", "-H", "empty=")
    columns = """`topic` STRING METADATA, v INT, part BIGINT METADATA FROM 'partition' VIRTUAL, `offset` BIGINT METADATA,
        headers MAP<STRING, BYTES> METADATA, at TIMESTAMP_LTZ(3) METADATA FROM 'timestamp', kind STRING METADATA FROM 'timestamp-type',
        epoch INT METADATA FROM 'leader-epoch'"""
    source = table("described", broker, "described", columns, f"{EARLIEST_TO_END}, 'format' = 'json'")
    (row,) = rows(source + """SELECT topic, v, part, `offset`, CAST(headers['trace'] AS STRING) AS trace,
        CARDINALITY(headers) AS headers, at > TO_TIMESTAMP_LTZ(""" + str(before - 60_000) + """, 3) AS recent, kind, epoch FROM described;""")
    assert row == {"topic": "described", "v": 1, "part": 2, "offset": 0, "trace": "two", "headers": 2, "recent": True,
                   "kind": "CreateTime", "epoch": None}
    assert rows(source + "SELECT `offset` FROM described WHERE topic = 'described';") == [{"offset": 0}]
    sink = table("written", broker, "described-out",
                 "at STRING METADATA FROM 'timestamp', v INT, headers MAP<STRING, BYTES> METADATA, part INT METADATA FROM 'partition' VIRTUAL",
                 "'format' = 'json'")
    rows(source + sink + """INSERT INTO written VALUES ('2026-02-03 04:05:06.789', 1, MAP['h', x'6869']),
        (CAST(NULL AS STRING), 2, CAST(NULL AS MAP<STRING, BYTES>));""", "--set", "table.local-time-zone=UTC")
    first, second = sorted(consume(broker, "described-out", "%s %T %h\n"))
    assert first == '{"v":1} 1770091506789 h=hi'
    value, at, *headers = second.split()
    assert value == '{"v":2}' and int(at) >= before - 60_000 and not headers
    failed = sql(table("t", broker, "described", "v INT, x STRING METADATA FROM 'ofset'", f"{EARLIEST_TO_END}, 'format' = 'json'") +
                 "SELECT * FROM t;")
    assert "did you mean 'offset'? keys are: topic, partition, headers, leader-epoch, offset, timestamp, timestamp-type" in failed.stderr
    failed = sql(table("t", broker, "described", "v INT, topic STRING METADATA", "'format' = 'json'") + "INSERT INTO t VALUES (1, 'x');")
    assert "can be written: headers, timestamp" in failed.stderr


def test_errors_say_what_is_wrong(broker):
    def error(text):
        done = sql(text)
        assert done.returncode != 0, done.stdout
        return done.stderr

    read = "SELECT * FROM t;"
    produce(broker, "wrong", ["{broken"])
    text = table("t", broker, "nobody-has-this", "id INT", f"{EARLIEST_TO_END}, 'format' = 'json'") + read
    assert "nobody-has-this" in error(text) and "create the topic" in error(text)
    message = error(table("t", broker, "wrong", "id INT", f"{EARLIEST_TO_END}, 'format' = 'json'") + read)
    assert "topic 'wrong', partition " in message
    assert rows(table("t", broker, "wrong", "id INT",
                      f"{EARLIEST_TO_END}, 'format' = 'json', 'json.ignore-parse-errors' = 'true'") + read) == []
    assert "'properties.no.such'" in error(
        table("t", broker, "wrong", "id INT", f"{EARLIEST_TO_END}, 'format' = 'json', 'properties.no.such' = '1'") + read)
    assert "Java key stores cannot be read" in error(
        table("t", broker, "wrong", "id INT", f"{EARLIEST_TO_END}, 'format' = 'json', 'properties.ssl.truststore.type' = 'JKS'")
        + read)
    assert "sink.transactional-id-prefix" in error(
        table("t", broker, "wrong", "id INT", "'format' = 'json', 'sink.delivery-guarantee' = 'exactly-once'") +
        "INSERT INTO t VALUES (1);")
    unreachable = table("t", f"127.0.0.1:{deaf_port()}", "wrong", "id INT", f"{EARLIEST_TO_END}, 'format' = 'json'") + read
    done = sql(unreachable, patience_s=90)
    assert done.returncode != 0 and "do the brokers of 'properties.bootstrap.servers' run" in done.stderr


def checkpointing(folder):
    return "--set", "execution.checkpointing.interval=200 ms", "--set", f"execution.checkpointing.dir=file://{folder}"


def test_offsets_of_the_group_go_with_checkpoints(broker, tmp_path):
    def read(messages, *options):
        produce(broker, "grouped", messages)
        source = table("grouped", broker, "grouped", "id BIGINT",
                       "'scan.bounded.mode' = 'latest-offset', 'properties.auto.offset.reset' = 'earliest', 'format' = 'json'")
        source = source.replace("'properties.group.id' = 'g'", "'properties.group.id' = 'followed'")
        return sorted(row["id"] for row in rows(source + "SELECT id FROM grouped;", *options))

    first = [f'{{"id":{n}}}' for n in range(20)]
    assert read(first) == list(range(20))
    assert read([]) == list(range(20)), "without checkpoints nothing is committed"
    assert read([], *checkpointing(tmp_path / "a")) == list(range(20))
    assert read([f'{{"id":{n}}}' for n in range(20, 25)], *checkpointing(tmp_path / "b")) == list(range(20, 25))


def test_rows_are_late_by_the_watermark_of_their_partition(broker):
    create_topic(broker, "timed")
    for partition in range(4):  # each in the order of time, read one after the other
        produce(broker, "timed", [json.dumps({"at": f"2026-01-01 00:{n // 60:02}:{n % 60:02}"}) for n in range(600)], "-p", str(partition))
    source = table("timed", broker, "timed", "at TIMESTAMP(3), WATERMARK FOR at AS at", f"{EARLIEST_TO_END}, 'format' = 'json'")
    for parallelism in (1, 3):
        got = rows(source + """SELECT window_start, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE timed, DESCRIPTOR(at), INTERVAL '1' MINUTE))
            GROUP BY window_start, window_end;""", "--set", f"parallelism.default={parallelism}")
        assert [row["n"] for row in got] == [240] * 10, got


def test_an_empty_partition_is_idle_in_time(broker):
    create_topic(broker, "lonely")
    produce(broker, "lonely", [json.dumps({"at": f"2026-01-01 00:00:{n:02}"}) for n in range(60)], "-p", "1")
    source = table("lonely", broker, "lonely", "at TIMESTAMP(3), WATERMARK FOR at AS at",
                   "'scan.startup.mode' = 'earliest-offset', 'scan.watermark.idle-timeout' = '500 ms', 'format' = 'json'")
    running = subprocess.Popen([MILLRACE, "sql", "--output", "json", "--set", "parallelism.default=2", "-e", source +
                                """SELECT window_start, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE lonely, DESCRIPTOR(at), INTERVAL '10' SECOND))
                                GROUP BY window_start, window_end;"""], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        assert [json.loads(running.stdout.readline())["n"] for _ in range(5)] == [10] * 5
    finally:
        running.kill()
        running.wait()


def test_memory_is_bounded_while_the_sink_takes_nothing(broker):
    create_topic(broker, "much")
    produce(broker, "much", [json.dumps({"text": f"{n:06}" + "x" * 994}) for n in range(300_000)])  # 300 MB
    source = table("much", broker, "much", "text STRING", f"{EARLIEST_TO_END}, 'format' = 'json'")
    text = source + "CREATE TABLE p (text STRING) WITH ('connector' = 'print'); INSERT INTO p SELECT * FROM much;"
    job = subprocess.Popen([MILLRACE, "sql", "-e", text],
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert job.stdout.read(1)  # and then nothing: the pipe is full
        time.sleep(8)
        status = dict(line.split(":", 1) for line in Path(f"/proc/{job.pid}/status").read_text().splitlines())
        peak_mb = int(status["VmHWM"].split()[0]) // 1024
        print(f"peak of {peak_mb} MB with 300 MB in the topic")
        assert peak_mb < 160
        assert job.poll() is None
    finally:
        job.kill()
        job.wait()


def test_a_table_of_the_newest_values(broker):
    columns = "k STRING, v INT, PRIMARY KEY (k) NOT ENFORCED"

    def upserts(name, topic, more=""):
        return (f"CREATE TABLE {name} ({columns}) WITH ('connector' = 'upsert-kafka', 'topic' = '{topic}', "
                f"'properties.bootstrap.servers' = '{broker}', 'key.format' = 'csv', 'value.format' = 'json'{more});\n")

    def newest_of(topic):
        newest = {}
        for line in consume(broker, topic, "%k %S %s\n"):
            key, size, *value = line.split(" ", 2)
            newest[key] = json.loads(value[0])["v"] if int(size) >= 0 else None
        return {key: value for key, value in newest.items() if value is not None}

    bounded = ", 'scan.bounded.mode' = 'latest-offset'"
    produce(broker, "newest", [("a", '{"k":"a","v":1}'), ("b", '{"k":"b","v":2}'), ("a", '{"k":"a","v":3}'), ("c", '{"k":"c","v":4}'),
                               ("b", ""), ("nobody", "")], "-Z")
    source = upserts("newest", "newest", bounded)
    last = rows(source + "SELECT COUNT(*) AS n, SUM(v) AS total FROM newest;", "--set", "execution.runtime-mode=batch")
    assert last == [{"n": 2, "total": 7}]
    changes = rows(source + "SELECT * FROM newest WHERE v > 2;", "--set", "execution.runtime-mode=batch")
    assert sorted((row["k"], row["v"]) for row in changes) == [("a", 3), ("c", 4)]

    for name, more in (("plain", ""), ("gathered", ", 'sink.buffer-flush.max-rows' = '100', 'sink.buffer-flush.interval' = '1 s'"),
                       ("once", ", 'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'upserts'")):
        topic = f"totals-{name}"
        rows(source + upserts("totals", topic, more) + "INSERT INTO totals SELECT k, v * 10 FROM newest;",
             "--set", "parallelism.default=2", "--set", "execution.runtime-mode=streaming")
        # A transaction's commit is promised before readers of what is committed see it in every partition.
        wait_for(f"the newest values of {topic}", lambda: newest_of(topic) == {"a": 30, "c": 40}, 10, 0.2)
        assert rows(upserts("totals", topic, bounded) + "SELECT SUM(v) AS total FROM totals;",
                    "--set", "execution.runtime-mode=batch") == [{"total": 70}]
    failed = sql(upserts("t", "newest").replace(", PRIMARY KEY (k) NOT ENFORCED", "") + "SELECT * FROM t;")
    assert failed.returncode != 0 and "needs a PRIMARY KEY" in failed.stderr
    produce(broker, "keyless", ['{"k":"a","v":1}'])
    failed = sql(upserts("t", "keyless", bounded) + "SELECT * FROM t;")
    assert failed.returncode != 0 and "the message has no key" in failed.stderr


def test_who_is_let_in(secured):
    plain = {"security.protocol": "SASL_PLAINTEXT"}
    client = {"ssl.keystore.type": "PEM", "ssl.keystore.location": secured.files / "client.pem"}
    for kind, settings in (("tls", secured.tls()), ("mtls", secured.tls(**client)),
                           ("sasl-plain", {**plain, **secured.login("PLAIN", "alice-secret")})):
        assert rows(secured.table(kind, settings, EARLIEST_TO_END) + "SELECT * FROM t;") == [{"id": 1}], kind
        rows(secured.table(kind, settings, "'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'p'", f"out-{kind}") +
             "INSERT INTO t VALUES (7);")
        assert consume(f"127.0.0.1:{secured.port}", f"out-{kind}") == ['{"id":7}'], kind


def test_who_is_not_let_in_hears_why(secured):
    stranger = {"ssl.keystore.type": "PEM", "ssl.keystore.location": secured.files / "other-client.pem"}
    plain = {"security.protocol": "SASL_PLAINTEXT"}
    for kind, settings, words in (
            ("tls", secured.tls(ssl_truststore_location=secured.files / "other-ca.pem"), "no TLS connection to the brokers"),
            ("tls", {"security.protocol": "SSL"}, "no TLS connection to the brokers"),
            ("mtls", secured.tls(), "no TLS connection to the brokers"),
            ("mtls", secured.tls(**stranger), "no TLS connection to the brokers"),
            ("sasl-plain", {**plain, **secured.login("PLAIN", "wrong")}, "the brokers do not let us in"),
            ("sasl-plain", {**plain, **secured.login("SCRAM-SHA-512", "alice-secret")}, "the brokers do not let us in")):
        settings = {key.replace("_", "."): value for key, value in settings.items()}
        for text in (secured.table(kind, settings, EARLIEST_TO_END) + "SELECT * FROM t;",
                     secured.table(kind, settings, "'sink.partitioner' = 'default'") + "INSERT INTO t VALUES (1);"):
            begin = time.monotonic()
            done = sql(text)
            assert done.returncode != 0 and words in done.stderr, (kind, settings, done.stderr)
            assert time.monotonic() - begin < 25, "it does not try for ever"


def test_scram_works_with_a_librdkafka_that_brokers_take(secured, tmp_path, monkeypatch):
    """Debian 12's they refuse, which the error says; the one in the client for Python stands for one that was installed."""
    settings = {**secured.tls(**secured.login("SCRAM-SHA-512", "alice-secret")), "security.protocol": "SASL_SSL"}
    done = sql(secured.table("sasl-scram", settings, EARLIEST_TO_END) + "SELECT * FROM t;")
    assert done.returncode == 0 or "take SCRAM from librdkafka 2.6.1 on only" in done.stderr, done.stderr

    (newer,) = Path(sysconfig.get_path("purelib")).glob("confluent_kafka.libs/librdkafka-*.so.1")
    (tmp_path / "librdkafka.so.1").symlink_to(newer)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    ways = [(kind, security, mechanism) for kind, security in (("sasl-scram", {**secured.tls(), "security.protocol": "SASL_SSL"}),
                                                               ("sasl-scram-plaintext", {"security.protocol": "SASL_PLAINTEXT"}))
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")]
    for kind, security, mechanism in ways:
        settings = {**security, **secured.login(mechanism, "alice-secret")}
        assert rows(secured.table(kind, settings, EARLIEST_TO_END) + "SELECT * FROM t;") == [{"id": 1}]
        once = f"'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = '{kind}-{mechanism}'"
        rows(secured.table(kind, settings, once, f"out-{kind}-{mechanism}") + "INSERT INTO t VALUES (7);")
        settings |= secured.login(mechanism, "wrong")
        done = sql(secured.table(kind, settings, EARLIEST_TO_END) + "SELECT * FROM t;")
        assert done.returncode != 0 and "the brokers do not let us in" in done.stderr, done.stderr
    monkeypatch.delenv("LD_LIBRARY_PATH")
    for kind, _, mechanism in ways:
        assert consume(f"127.0.0.1:{secured.port}", f"out-{kind}-{mechanism}") == ['{"id":7}']


OUTCOMES = ("messages were written again", "had been committed", "was written again before")


def test_every_message_counts_once_whenever_the_cluster_is_killed(broker, stopped_service):
    service = stopped_service.start("--restart-backoff-max-ms", "200")
    client = service.client()
    once = Once(broker, "killed")
    client.create_application(ApplicationName="once", RuntimeEnvironment="FLINK-1_20", ServiceExecutionRole=ROLE,
                              ApplicationConfiguration=sql_application(once.sql, {}, 150, 3))
    client.start_application(ApplicationName="once")
    wait_for_status(client, "once", "RUNNING")
    dice = random.Random(1)
    killed = set()
    for number in range(KILLS):
        once.feed.reach(MESSAGES * (number + 1) // KILLS)
        once.progress(f"progress before kill {number + 1}")
        time.sleep(dice.uniform(0, 0.3))
        (pid,) = wait_for("the cluster process", service.clusters)
        os.kill(pid, signal.SIGKILL)
        killed.add(pid)
        wait_for("the killed process to be gone", lambda: pid not in service.clusters())
    once.finish()
    assert len(killed) == KILLS
    print(f"{KILLS} kills, {KEYS * once.feed.values} messages")


# Step, how often it is reached before the kill, and what that is for a process that begins with the restore of a checkpoint
# of both sinks: its first two commits are the restore's.
STEPS = [("pre-commit", 1, "before the first pre-commit"), ("pre-commit", 4, "between two pre-commits"),
         ("acknowledge", 3, "after pre-commits"), ("upload", 1, "before the checkpoint is complete"),
         ("commit", 3, "before a commit"), ("commit", 4, "between two commits"), ("clean-up", 3, "after the commits"),
         ("commit", 1, "before the restore's commits"), ("commit", 2, "between the restore's commits"),
         ("clean-up", 1, "after the restore's commits")]


def test_every_message_counts_once_at_every_step(broker, tmp_path):
    once = Once(broker, "steps")
    file, log = tmp_path / "once.sql", tmp_path / "log"
    file.write_text(once.sql)
    hit = dict.fromkeys((what for _, _, what in STEPS), 0)

    def run(step, times):
        with open(log, "a") as out:
            return subprocess.Popen([ROOT / "build/release/tests/kill_at_step", file, tmp_path / "state", "3", step, str(times)],
                                    stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    kills = max(KILLS, len(STEPS)) + 1
    for number in range(kills):
        once.feed.reach(MESSAGES * (number + 1) // kills)
        if number % len(STEPS) in (0, 5):  # so that there is something to restore, that was committed whole
            calm = run("none", 0)
            once.progress("progress without a kill")
            calm.kill()
            calm.wait()
        step, times, what = STEPS[number % len(STEPS)]
        killed = run(step, times)
        assert killed.wait(60) == -signal.SIGKILL, f"{what} was not reached: {log.read_text()[-2000:]}"
        hit[what] += 1
    assert all(hit.values()), hit
    last = run("none", 0)
    once.finish()
    last.kill()
    last.wait()
    text = log.read_text()
    outcomes = {outcome: len(re.findall(outcome, text)) for outcome in OUTCOMES}
    print(f"{kills} kills, {KEYS * once.feed.values} messages; hit: {hit}; transactions restored: {outcomes}")
    assert outcomes["messages were written again"] > 0 and outcomes["had been committed"] > 0, outcomes

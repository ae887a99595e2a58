"""Kafka as source and sink, with a real broker: positions, formats, keys, and that each message counts once, whatever is
killed."""
import json
import os
import random
import re
import signal
import subprocess
import threading
import time

import pytest
from harness import MILLRACE, ROLE, ROOT, free_port, sql_application, wait_for, wait_for_status

KILLS = int(os.environ.get("KILLS", "10"))


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("kafka"), free_port()
    tool = ROOT / "tools/peers/kafka"
    started = subprocess.run([tool, "start", "--port", str(port), "--dir", folder], stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True)
    if started.returncode == 69:
        pytest.skip(started.stderr)
    assert started.returncode == 0, started.stderr
    yield f"127.0.0.1:{port}"
    subprocess.run([tool, "stop", "--dir", folder, "--kill"], check=True)


def produce(broker, topic, messages, *options):
    """Each message is a text, or a pair of key and value."""
    text = "".join((m if isinstance(m, str) else "\t".join(m)) + "\n" for m in messages)
    keyed = [] if not messages or isinstance(messages[0], str) else ["-K", "\t"]
    subprocess.run(["kcat", "-b", broker, "-P", "-t", topic, *keyed, *options], input=text, text=True, check=True)


def create_topic(broker, topic):
    """Asking for a topic makes it."""
    def partitions():
        told = subprocess.run(["kcat", "-b", broker, "-L", "-t", topic, "-J"], stdout=subprocess.PIPE, text=True, check=True)
        (found,) = json.loads(told.stdout)["topics"]
        return len(found["partitions"]) == 4 and all(part["leader"] > 0 for part in found["partitions"])
    wait_for(f"the topic {topic}", partitions, 30, 0.1)


def consume(broker, topic, template="%s\n", *options):
    """What readers of committed messages see, partition by partition."""
    done = subprocess.run(["kcat", "-b", broker, "-C", "-t", topic, "-e", "-q", "-o", "beginning", "-f", template,
                           "-X", "isolation.level=read_committed", *options], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()


def sql(text, *arguments, patience_s=60):
    return subprocess.run([MILLRACE, "sql", "-e", text, "--output", "json", *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=patience_s)


def rows(text, *arguments):
    done = sql(text, *arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def table(name, broker, topic, columns, more=""):
    return (f"CREATE TABLE {name} ({columns}) WITH ('connector' = 'kafka', 'topic' = '{topic}', "
            f"'properties.bootstrap.servers' = '{broker}', 'properties.group.id' = 'g', {more});\n")


EARLIEST_TO_END = "'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset'"


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
    unreachable = table("t", f"127.0.0.1:{free_port()}", "wrong", "id INT", f"{EARLIEST_TO_END}, 'format' = 'json'") + read
    done = sql(unreachable, patience_s=90)
    assert done.returncode != 0 and "do the brokers of 'properties.bootstrap.servers' run" in done.stderr


EXACTLY_ONCE = """
CREATE TABLE source (k STRING, v BIGINT, at AS PROCTIME()) WITH (
    'connector' = 'kafka', 'topic' = '{name}-in', 'properties.bootstrap.servers' = '{broker}',
    'scan.startup.mode' = 'earliest-offset', 'format' = 'json');
CREATE TABLE first (k STRING, v BIGINT, n BIGINT) WITH (
    'connector' = 'kafka', 'topic' = '{name}-first', 'properties.bootstrap.servers' = '{broker}',
    'key.format' = 'csv', 'key.fields' = 'k', 'value.format' = 'json',
    'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = '{name}-first');
CREATE TABLE second (k STRING, v BIGINT, n BIGINT) WITH (
    'connector' = 'kafka', 'topic' = '{name}-second', 'properties.bootstrap.servers' = '{broker}',
    'key.format' = 'csv', 'key.fields' = 'k', 'value.format' = 'json',
    'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = '{name}-second');
CREATE VIEW counted AS
    SELECT k, v, COUNT(*) OVER (PARTITION BY k ORDER BY at ROWS UNBOUNDED PRECEDING) AS n FROM source;
EXECUTE STATEMENT SET BEGIN
    INSERT INTO first SELECT * FROM counted;
    INSERT INTO second SELECT * FROM counted;
END;
"""
KEYS = 16


class Feed(threading.Thread):
    """Every key's values 1, 2, ..., into one partition each, until finish() is called."""

    def __init__(self, broker, topic, messages_a_second):
        super().__init__(daemon=True)
        self.values, self.stopping = 0, threading.Event()
        self.pause_s = KEYS / messages_a_second
        self.client = subprocess.Popen(["kcat", "-b", broker, "-P", "-t", topic, "-K", "\t"], stdin=subprocess.PIPE, text=True)

    def run(self):
        while not self.stopping.wait(self.pause_s):
            self.values += 1
            for key in range(KEYS):
                self.client.stdin.write(f'k{key}\t{{"k":"k{key}","v":{self.values}}}\n')
            self.client.stdin.flush()

    def finish(self):
        self.stopping.set()
        self.join()
        self.client.stdin.close()
        assert self.client.wait(60) == 0


class Reader(threading.Thread):
    """Reads committed messages while they come; what it sees must be right at any time."""

    def __init__(self, broker, topic):
        super().__init__(daemon=True)
        self.client = subprocess.Popen(
            ["kcat", "-b", broker, "-C", "-t", topic, "-q", "-u", "-o", "beginning", "-f", "%s\n",
             "-X", "isolation.level=read_committed"], stdout=subprocess.PIPE, text=True)
        self.last, self.wrong = {f"k{key}": 0 for key in range(KEYS)}, []

    def run(self):
        for line in self.client.stdout:
            row = json.loads(line)
            if row["v"] != self.last[row["k"]] + 1 or row["n"] != row["v"]:
                self.wrong.append((self.last[row["k"]], row))
            self.last[row["k"]] = row["v"]

    def seen(self):
        return min(self.last.values())

    def close(self):
        self.client.kill()
        self.join()


class Once:
    """A job that copies messages exactly once, what it is fed, and those who read what it writes."""

    def __init__(self, broker, name):
        self.broker, self.topics = broker, [f"{name}-first", f"{name}-second"]
        self.sql = EXACTLY_ONCE.format(broker=broker, name=name)
        for topic in (f"{name}-in", *self.topics):
            create_topic(broker, topic)
        self.feed = Feed(broker, f"{name}-in", messages_a_second=2000)
        self.readers = [Reader(broker, topic) for topic in self.topics]
        for thread in (self.feed, *self.readers):
            thread.start()
        self.seen = 0

    def progress(self, what):
        wait_for(what, lambda: min(reader.seen() for reader in self.readers) > self.seen, 60, 0.02)
        self.seen = min(reader.seen() for reader in self.readers)

    def finish(self):
        """Every value of every key was seen once and in order, by those who read all the time and by one who reads now."""
        self.feed.finish()
        wait_for("every value", lambda: all(reader.seen() >= self.feed.values for reader in self.readers), 120, 0.1)
        time.sleep(1)  # a message too many would come with the next checkpoint
        for reader in self.readers:
            reader.close()
            assert not reader.wrong, reader.wrong[:5]
            assert all(last == self.feed.values for last in reader.last.values())
        for topic in self.topics:
            final = {}
            for line in consume(self.broker, topic):
                row = json.loads(line)
                final.setdefault(row["k"], []).append(row["v"])
            assert final == {f"k{key}": list(range(1, self.feed.values + 1)) for key in range(KEYS)}


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
    for number in range(KILLS):
        once.progress(f"progress before kill {number + 1}")
        time.sleep(dice.uniform(0, 0.3))
        (pid,) = wait_for("the cluster process", service.clusters)
        os.kill(pid, signal.SIGKILL)
        wait_for("the killed process to be gone", lambda: pid not in service.clusters())
    once.finish()


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

    for number in range(max(KILLS, len(STEPS)) + 1):
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
    print(f"{sum(hit.values())} kills, {KEYS * once.feed.values} messages; transactions restored: {outcomes}")
    assert outcomes["messages were written again"] > 0 and outcomes["had been committed"] > 0, outcomes

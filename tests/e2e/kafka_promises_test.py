"""What the pages say of Kafka tables besides: positions of a group, partitioners, lag, backlog, other consumers of the group, older
snapshots, and transactions whose writer never comes back."""
import collections
import json
import signal
import subprocess
import time

from harness import MILLRACE, ROLE, ROOT, metric, sql_application, wait_for, wait_for_status
from kafka_harness import KEYS, KILLS, MESSAGES, Feed, Once, broker, consume, create_topic, produce, rows, table

__all__ = ["broker"]  # the fixture
TIMEOUT_S = 5  # of a transaction


def numbers(*values):
    return [f'{{"id":{value}}}' for value in values]


def run_at_step(folder, text, slots=1, step="none", times=0):
    (folder / "job.sql").write_text(text)
    with open(folder / "log", "a") as log:
        return subprocess.Popen([ROOT / "build/release/tests/kill_at_step", folder / "job.sql", folder / "state", str(slots), step,
                                 str(times)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def test_positions_by_the_group_and_by_time(broker):  # noqa: F811
    produce(broker, "placed", numbers(*range(10)), "-p", "0")
    # Commits 4 for the group, as any consumer may.
    subprocess.run(["kcat", "-b", broker, "-G", "placed-by", "-c", "4", "-q", "-X", "auto.offset.reset=earliest",
                    "placed"], check=True, stdout=subprocess.DEVNULL)

    def ids(*options):
        text = table("placed", broker, "placed", "id BIGINT", ", ".join((*options, "'format' = 'json'")))
        text = text.replace("'properties.group.id' = 'g'", "'properties.group.id' = 'placed-by'")
        return sorted(row["id"] for row in rows(text + "SELECT id FROM placed;"))

    reset = "'properties.auto.offset.reset' = 'earliest'"  # of the partitions that it read nothing of
    assert ids("'scan.startup.mode' = 'group-offsets'", "'scan.bounded.mode' = 'latest-offset'", reset) == list(range(4, 10))
    assert ids("'scan.startup.mode' = 'earliest-offset'", "'scan.bounded.mode' = 'group-offsets'", reset) == list(range(4))
    time.sleep(0.1)
    then_ms = int(time.time() * 1000)
    produce(broker, "placed", numbers(10, 11), "-p", "0")
    bounded = f"'scan.bounded.mode' = 'timestamp', 'scan.bounded.timestamp-millis' = '{then_ms}'"
    assert ids("'scan.startup.mode' = 'earliest-offset'", bounded) == list(range(10))
    since = f"'scan.startup.mode' = 'timestamp', 'scan.startup.timestamp-millis' = '{then_ms}'"
    assert ids(since, "'scan.bounded.mode' = 'latest-offset'") == [10, 11]


def test_partitioners(broker):  # noqa: F811
    made = ("CREATE TABLE made (id BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '400', 'rows-per-second' = '1000000', "
            "'fields.id.kind' = 'sequence', 'fields.id.start' = '0', 'fields.id.end' = '399');\n")

    def partitions(topic, partitioner, parallelism):
        create_topic(broker, topic)
        rows(made + table("t", broker, topic, "id BIGINT", f"'format' = 'json', 'sink.partitioner' = '{partitioner}'") +
             "INSERT INTO t SELECT id FROM made;", "--set", f"parallelism.default={parallelism}")
        return collections.Counter(int(line) for line in consume(broker, topic, "%p\n"))

    assert partitions("fixed-one", "fixed", 1) == {0: 400}
    fixed = partitions("fixed-two", "fixed", 2)
    assert set(fixed) == {0, 1} and fixed.total() == 400
    assert partitions("in-turn", "round-robin", 1) == dict.fromkeys(range(4), 100)
    by_key = "'key.format' = 'raw', 'key.fields' = 'k', 'value.format' = 'json'"
    create_topic(broker, "by-key")
    rows(table("t", broker, "by-key", "k STRING, v INT", by_key) + "INSERT INTO t VALUES " +
         ", ".join(f"('k{n % 20}', {n})" for n in range(200)) + ";")
    ours = {tuple(line.split()) for line in consume(broker, "by-key", "%k %p\n")}
    create_topic(broker, "by-key-of-others")
    produce(broker, "by-key-of-others", [(f"k{n}", "x") for n in range(20)], "-X", "partitioner=murmur2_random")  # as Java's client
    assert ours == {tuple(line.split()) for line in consume(broker, "by-key-of-others", "%k %p\n")}


def test_lag_is_told_while_a_partition_is_held_back(broker, service):  # noqa: F811
    create_topic(broker, "lagging")
    at = [f"2026-01-01 {n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}" for n in range(10_000)]
    for partition in range(4):
        produce(broker, "lagging", [json.dumps({"ts": text}) for text in at[:1]], "-p", str(partition))
    client = service.client()
    client.create_application(
        ApplicationName="lagging", RuntimeEnvironment="FLINK-1_20", ServiceExecutionRole=ROLE,
        ApplicationConfiguration=sql_application(
            table("lagging", broker, "lagging", "ts TIMESTAMP(3), WATERMARK FOR ts AS ts",
                  "'scan.startup.mode' = 'earliest-offset', 'format' = 'json', 'scan.watermark.alignment.group' = 'one', "
                  "'scan.watermark.alignment.max-drift' = '300 s', 'scan.watermark.alignment.update-interval' = '50 ms'") +
            "CREATE TABLE nowhere (ts TIMESTAMP(3)) WITH ('connector' = 'blackhole');\n"
            "INSERT INTO nowhere SELECT ts FROM lagging;"))
    client.start_application(ApplicationName="lagging")
    wait_for_status(client, "lagging", "RUNNING")

    def lag():
        return metric(service, "millrace_records_lag_max")

    for begin in range(0, len(at), 500):  # it is told when to wait once in 50 ms, and reads much in that time
        produce(broker, "lagging", [json.dumps({"ts": text}) for text in at[begin:begin + 500]], "-p", "1")
        time.sleep(0.1)
    wait_for("the lag", lambda: 0 < lag() < len(at), 60, 0.5)
    for partition in (0, 2, 3):
        produce(broker, "lagging", [json.dumps({"ts": at[-1]})], "-p", str(partition))
    wait_for("no lag", lambda: lag() == 0, 60, 0.5)
    messages = len(at) + 4 + 3
    assert metric(service, "millrace_pending_records") == 0 and metric(service, "millrace_current_offsets") == messages
    wait_for("its last commit", lambda: metric(service, "millrace_committed_offsets") == messages, 30, 0.5)
    assert metric(service, "millrace_commits_succeeded_total") > 0


def test_checkpoints_are_rare_while_there_is_a_backlog(broker, tmp_path):  # noqa: F811
    """Files are seen once a checkpoint is complete: without the setting some of them while the backlog is read, with it none."""
    backlog = 1_500_000
    create_topic(broker, "backlog")
    produce(broker, "backlog", numbers(*range(backlog)), "-X", "queue.buffering.max.messages=1000000")
    source = table("source", broker, "backlog", "id BIGINT", "'scan.startup.mode' = 'earliest-offset', 'format' = 'json'")

    def first_seen(name, *settings):
        out = tmp_path / name
        sink = (f"CREATE TABLE seen (id BIGINT, digest STRING) WITH ('connector' = 'filesystem', 'path' = '{out}', 'format' = 'csv');\n"
                "INSERT INTO seen SELECT id, SHA512(SHA512(SHA512(CAST(id AS STRING)))) FROM source;")
        job = subprocess.Popen([MILLRACE, "sql", "-e", source + sink, "--set", "execution.checkpointing.interval=600 ms",
                                "--set", f"execution.checkpointing.dir=file://{tmp_path}/{name}-state", *settings],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            def lines():
                assert job.poll() is None, job.stderr.read()
                return sum(file.read_bytes().count(b"\n") for file in out.glob("[!._]*"))
            return wait_for("files", lines, 120, 0.02)
        finally:
            job.kill()
            job.wait()

    assert 0 < first_seen("usual") < backlog
    assert first_seen("rare", "--set", "execution.checkpointing.interval-during-backlog=0") == backlog


def test_other_consumers_of_the_group_come_and_go(broker, tmp_path):  # noqa: F811
    once = Once(broker, "crowded")
    text = once.sql.replace("'scan.startup.mode' = 'earliest-offset'",
                            "'scan.startup.mode' = 'earliest-offset', 'properties.group.id' = 'crowd'")
    job = run_at_step(tmp_path, text, 3)
    others, rounds = [], max(6, KILLS // 5)
    try:
        for number in range(rounds):
            once.feed.reach(MESSAGES * (number + 1) // rounds)
            once.progress("progress")
            others.append(subprocess.Popen(["kcat", "-b", broker, "-G", "crowd", "-q", "crowded-in"], stdin=subprocess.DEVNULL,
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            time.sleep(1.5)  # to be dealt partitions
            if number % 2:
                others.pop(0).send_signal(signal.SIGTERM if number % 4 else signal.SIGKILL)
        once.finish()
        assert job.poll() is None, (tmp_path / "log").read_text()[-2000:]
    finally:
        for process in (job, *others):
            process.kill()
            process.wait()


def test_every_message_counts_once_at_another_parallelism_each_time(broker, tmp_path):  # noqa: F811
    """Partitions are dealt out anew; transactions that writers left who are no more are settled by others."""
    once, job = Once(broker, "rescaled"), None
    plan = [(3, "commit", 3), (1, "commit", 2), (4, "clean-up", 2), (2, "pre-commit", 3), (5, "commit", 4), (1, "acknowledge", 3), (3, "none", 0)]
    try:
        for number, (slots, step, times) in enumerate(plan):
            once.feed.reach(MESSAGES * (number + 1) // len(plan))
            job = run_at_step(tmp_path, once.sql, slots, step, times)
            if step != "none":
                assert job.wait(60) == -signal.SIGKILL, (tmp_path / "log").read_text()[-2000:]
            else:
                once.progress("progress")
        once.finish()
        assert job.poll() is None
        assert "messages were written again" in (tmp_path / "log").read_text()
    finally:
        if job is not None:
            job.kill()
            job.wait()


UPSERTS = """
CREATE TABLE source (k STRING, v BIGINT) WITH (
    'connector' = 'kafka', 'topic' = 'upserts-in', 'properties.bootstrap.servers' = '{broker}',
    'scan.startup.mode' = 'earliest-offset', 'format' = 'json');
CREATE TABLE totals (k STRING, n BIGINT, s BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH (
    'connector' = 'upsert-kafka', 'topic' = 'upserts-totals', 'properties.bootstrap.servers' = '{broker}',
    'properties.isolation.level' = 'read_committed', 'key.format' = 'json', 'value.format' = 'json',
    'sink.buffer-flush.max-rows' = '10', 'sink.buffer-flush.interval' = '1 s',
    'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'upserts-totals');
CREATE TABLE overall (id INT, n BIGINT, s BIGINT, PRIMARY KEY (id) NOT ENFORCED) WITH (
    'connector' = 'upsert-kafka', 'topic' = 'upserts-overall', 'properties.bootstrap.servers' = '{broker}',
    'key.format' = 'json', 'value.format' = 'json');
EXECUTE STATEMENT SET BEGIN
    INSERT INTO totals SELECT k, COUNT(*), SUM(v) FROM source GROUP BY k;
    INSERT INTO overall SELECT id, SUM(n), SUM(s) FROM (SELECT 1 AS id, n, s FROM totals) GROUP BY id;
END;
"""


def test_upserts_come_right_whenever_the_job_is_killed(broker, tmp_path):  # noqa: F811
    """A topic of totals is written and read as a table of changes: what it holds in the end, and what is made of it, is right."""
    for topic in ("in", "totals", "overall"):
        create_topic(broker, f"upserts-{topic}")
    feed = Feed(broker, "upserts-in", messages_a_second=2000)
    feed.start()

    def newest(topic):
        return {line.split("\t")[0]: json.loads(line.split("\t")[1]) for line in consume(broker, f"upserts-{topic}", "%k\t%s\n")}

    steps = [("pre-commit", 2), ("commit", 2), ("clean-up", 2), ("upload", 1), ("acknowledge", 2), ("commit", 1)]
    hit, job, kills = collections.Counter(), None, max(KILLS, len(steps))
    try:
        for number in range(kills):
            feed.reach(MESSAGES // 2 * (number + 1) // kills)
            step, times = steps[number % len(steps)]
            job = run_at_step(tmp_path, UPSERTS.format(broker=broker), 2, step, times)
            assert job.wait(60) == -signal.SIGKILL, (tmp_path / "log").read_text()[-2000:]
            hit[step] += 1
        job = run_at_step(tmp_path, UPSERTS.format(broker=broker), 2)
        feed.finish()
        total = feed.values * (feed.values + 1) // 2
        expected = {json.dumps({"k": f"k{key}"}, separators=(",", ":")): {"k": f"k{key}", "n": feed.values, "s": total} for key in range(KEYS)}
        wait_for("the totals", lambda: newest("totals") == expected, 60, 0.3)
        overall = {'{"id":1}': {"id": 1, "n": KEYS * feed.values, "s": KEYS * total}}
        wait_for("what is made of them", lambda: newest("overall") == overall, 60, 0.3)
        time.sleep(1)
        assert newest("totals") == expected and newest("overall") == overall and job.poll() is None
        assert len(hit) == len({step for step, _ in steps}), hit
    finally:
        feed.stopping.set()
        if job is not None:
            job.kill()
            job.wait()


def test_an_older_snapshot_is_gone_on_from(broker, service):  # noqa: F811
    """What was written after it is written again, and nothing else is."""
    create_topic(broker, "history-in")
    create_topic(broker, "history-out")
    client = service.client()
    columns = "id BIGINT"
    client.create_application(
        ApplicationName="history", RuntimeEnvironment="FLINK-1_20", ServiceExecutionRole=ROLE,
        ApplicationConfiguration=sql_application(
            table("source", broker, "history-in", columns, "'scan.startup.mode' = 'earliest-offset', 'format' = 'json'") +
            table("sink", broker, "history-out", columns, "'format' = 'json', 'sink.delivery-guarantee' = 'exactly-once', "
                  "'sink.transactional-id-prefix' = 'history'") + "INSERT INTO sink SELECT id FROM source;", {}, 200, 2))

    def out():
        return collections.Counter(json.loads(line)["id"] for line in consume(broker, "history-out"))

    def start(restore):
        client.start_application(ApplicationName="history", RunConfiguration={"ApplicationRestoreConfiguration": restore})
        wait_for_status(client, "history", "RUNNING")

    start({"ApplicationRestoreType": "SKIP_RESTORE_FROM_SNAPSHOT"})
    produce(broker, "history-in", numbers(*range(100)))
    wait_for("the first hundred", lambda: out() == {n: 1 for n in range(100)}, 60, 0.2)
    client.create_application_snapshot(ApplicationName="history", SnapshotName="older")
    wait_for("the snapshot", lambda: client.describe_application_snapshot(
        ApplicationName="history", SnapshotName="older")["SnapshotDetails"]["SnapshotStatus"] == "READY")
    produce(broker, "history-in", numbers(*range(100, 200)))
    wait_for("the second hundred", lambda: out() == {n: 1 for n in range(200)}, 60, 0.2)
    for round_number in (2, 3):
        client.stop_application(ApplicationName="history", Force=round_number == 2)
        wait_for_status(client, "history", "READY")
        start({"ApplicationRestoreType": "RESTORE_FROM_CUSTOM_SNAPSHOT", "SnapshotName": "older"})
        expected = {n: 1 if n < 100 else round_number for n in range(200)}
        wait_for("what came after it", lambda: out() == expected, 60, 0.2)
    time.sleep(1)
    assert out() == expected


def test_a_transaction_whose_writer_is_gone_is_open_for_its_time_out(broker, tmp_path):  # noqa: F811
    """Readers of what is committed wait behind it for so long. A restart after that writes its messages again."""
    create_topic(broker, "left-in")
    create_topic(broker, "left-out")
    produce(broker, "left-in", numbers(*range(100)), "-p", "0")
    text = (table("source", broker, "left-in", "id BIGINT", "'scan.startup.mode' = 'earliest-offset', 'format' = 'json'") +
            table("sink", broker, "left-out", "id BIGINT", "'format' = 'json', 'sink.delivery-guarantee' = 'exactly-once', "
                  f"'sink.transactional-id-prefix' = 'left', 'properties.transaction.timeout.ms' = '{TIMEOUT_S * 1000}', "
                  "'sink.partitioner' = 'fixed'") + "INSERT INTO sink SELECT id FROM source;")
    killed = run_at_step(tmp_path, text, 1, "commit", 1)
    assert killed.wait(60) == -signal.SIGKILL, (tmp_path / "log").read_text()
    produce(broker, "left-out", numbers(1000), "-p", "0")
    begun = time.monotonic()
    assert consume(broker, "left-out") == [], "they see past an open transaction"
    wait_for("the time-out", lambda: consume(broker, "left-out"), TIMEOUT_S + 30, 0.5)  # brokers look every ten seconds
    print(f"open for {time.monotonic() - begun:.1f} s")
    assert consume(broker, "left-out") == numbers(1000)
    job = run_at_step(tmp_path, text)
    try:
        wait_for("its messages", lambda: len(consume(broker, "left-out")) >= 101, 60, 0.2)
        time.sleep(1)
        assert consume(broker, "left-out") == [*numbers(1000), *numbers(*range(100))]
        assert "messages were written again" in (tmp_path / "log").read_text()
    finally:
        job.kill()
        job.wait()

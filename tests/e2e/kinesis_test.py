"""Kinesis as source and sink, with emulators: positions, keys, fan-out, and that each key's records count once and in order,
whatever is killed, split, merged, throttled or expired."""
import collections
import datetime
import json
import os
import random
import signal
import threading
import time

import pytest
from harness import ROLE, Query, deaf_port, sql_application, wait_for, wait_for_status
from kinesis_harness import HORIZON, KEYS, RECORDS, Faults, Feed, fast, sql, table, whole

__all__ = ["fast", "whole"]  # the fixtures
KILLS = int(os.environ.get("KINESIS_KILLS", "10"))


@pytest.mark.parametrize("emulator", ["fast", "whole"])
def test_a_stream_is_read_and_written(emulator, request):
    emulator = request.getfixturevalue(emulator)
    emulator.create("numbers", 3)
    emulator.put("numbers", [(f"k{n % 7}", json.dumps({"id": n, "name": f"n{n}"})) for n in range(400)])
    source = table("numbers", emulator.url, "numbers", "id BIGINT, name STRING", HORIZON)
    for parallelism in (1, 3):
        got = Query(source + "SELECT id, name FROM numbers;", "--set", f"parallelism.default={parallelism}").take(400)
        assert sorted(row["id"] for row in got) == list(range(400))
        assert all(row["name"] == f"n{row['id']}" for row in got)

    emulator.create("written", 3)
    sink = table("written", emulator.url, "written", "k STRING, g INT, v BIGINT", ", 'sink.partitioner-field-delimiter' = '/'",
                 "PARTITIONED BY (k, g)")
    values = ", ".join(f"('k{n % 5}', {n % 2}, {n})" for n in range(1200))
    done = sql(sink + f"INSERT INTO written VALUES {values};")
    assert done.returncode == 0, done.stderr
    written = emulator.read("written")
    assert sorted(json.loads(data)["v"] for _, data in written) == list(range(1200))
    last = {}
    for key, data in written:
        row = json.loads(data)
        assert key == f"{row['k']}/{row['g']}"
        assert row["v"] > last.get(key, -1)
        last[key] = row["v"]


def test_where_reading_starts(fast, whole):
    fast.create("positions", 1)
    fast.put("positions", [("k", '{"id":1}')])
    time.sleep(0.02)
    between = time.time()
    time.sleep(0.02)
    fast.put("positions", [("k", '{"id":2}')])
    at = f", 'source.init.position' = 'AT_TIMESTAMP', 'source.init.timestamp' = '{between:.3f}'"
    query = "SELECT id FROM positions;"
    assert [row["id"] for row in Query(table("positions", fast.url, "positions", "id INT", at) + query).take(1)] == [2]
    # kinesalite's iterators at a time after which it has nothing yet never see anything.
    whole.create("positions", 1)
    whole.put("positions", [("k", '{"id":1}')])
    environment = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    text = table("positions", whole.url, "positions", "id INT", ", 'aws.credentials.provider' = 'ENV_VAR'") + query
    latest = Query(text, environment=environment)
    for number in range(3, 60):  # until it has begun
        whole.put("positions", [("k", f'{{"id":{number}}}')])
        time.sleep(0.1)
        if latest.rows:
            break
    latest.process.kill()
    assert latest.rows and min(row["id"] for row in latest.rows) > 2


def test_order_is_kept_across_split_and_merge(whole):
    """Read later, when all of it lies there: parents first."""
    whole.create("resharded", 2)
    dice, value = random.Random(3), 0
    for _ in range(6):
        for _ in range(5):
            value += 1
            whole.put("resharded", [(f"k{key}", json.dumps({"k": key, "v": value})) for key in range(KEYS)])
        whole.reshard("resharded", dice)
    assert any("AdjacentParentShardId" in shard for shard in whole.shards("resharded"))
    for assigner in ("uniform", "default"):
        text = table("resharded", whole.url, "resharded", "k INT, v BIGINT", HORIZON + f", 'source.shard.assigner' = '{assigner}'")
        got = Query(text + "SELECT k, v FROM resharded;", "--set", "parallelism.default=3", "--set",
                    "execution.checkpointing.interval=200 ms").take(KEYS * value, 60)
        values = collections.defaultdict(list)
        for row in got:
            values[row["k"]].append(row["v"])
        assert values == {key: list(range(1, value + 1)) for key in range(KEYS)}


def test_fan_out(whole):
    whole.create("pushed", 2)
    whole.put("pushed", [(f"k{n % 5}", f'{{"id":{n}}}') for n in range(100)])
    more = HORIZON + (", 'source.reader.type' = 'EFO', 'source.efo.consumer.name' = 'millrace', "
                      "'source.efo.describe.retry-strategy.delay.min' = '100 ms'")
    query = Query(table("pushed", whole.url, "pushed", "id INT", more) + "SELECT id FROM pushed;")
    wait_for("what was there", lambda: len(query.rows) >= 100 or query.process.poll() is not None)
    (consumer,) = whole.client.list_stream_consumers(StreamARN="arn:aws:kinesis:us-east-1:000000000000:stream/pushed")["Consumers"]
    assert consumer["ConsumerName"] == "millrace"
    # The emulator never tells a subscriber of a shard's end; the unit tests' double does.
    whole.put("pushed", [(f"k{n % 5}", f'{{"id":{n}}}') for n in range(100, 150)])
    assert sorted(row["id"] for row in query.take(150)) == list(range(150))


def test_metadata_and_watermarks_by_shard(fast):
    """A window closes once every shard is past it, not when the first one is."""
    fast.create("timed", 2)
    columns = ("v INT, at TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL, shard STRING METADATA FROM 'shard-id' VIRTUAL, "
               "number STRING METADATA FROM 'sequence-number' VIRTUAL, k STRING METADATA FROM 'partition-key' VIRTUAL")
    before = time.time()
    fast.put("timed", [(f"k{n}", f'{{"v":{n}}}') for n in range(20)])
    got = Query(table("timed", fast.url, "timed", columns, HORIZON) + "SELECT v, k, shard, number, CAST(at AS STRING) AS at FROM timed;"
                ).take(20)
    assert all(row["k"] == f"k{row['v']}" for row in got)
    assert {row["shard"] for row in got} == {"shardId-000000000000", "shardId-000000000001"}
    assert len({row["number"] for row in got}) == 20
    assert all(abs(time.mktime(time.strptime(row["at"][:19], "%Y-%m-%d %H:%M:%S")) - time.timezone - before) < 7200 for row in got)

    fast.create("windows", 2)
    first, second = (str(int(shard["HashKeyRange"]["StartingHashKey"])) for shard in fast.shards("windows"))

    def put(hash_key, seconds):
        fast.client.put_record(StreamName="windows", PartitionKey="k", ExplicitHashKey=hash_key,
                               Data=json.dumps({"ts": f"2026-01-01 00:00:{seconds:02d}"}).encode())
    put(second, 1)
    for seconds in (2, 12, 25, 40):
        put(first, seconds)
    text = table("windows", fast.url, "windows", "ts TIMESTAMP(3), WATERMARK FOR ts AS ts", HORIZON)
    query = Query(text + "SELECT CAST(window_start AS STRING) AS w, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE windows, DESCRIPTOR(ts), "
                  "INTERVAL '10' SECOND)) GROUP BY window_start, window_end;")
    time.sleep(2)
    assert query.rows == []
    put(second, 11)
    wait_for("the first window", lambda: query.rows)
    put(second, 30)
    got = query.take(3)
    assert [(row["w"][:19], row["n"]) for row in got] == [("2026-01-01 00:00:00", 2), ("2026-01-01 00:00:10", 2),
                                                          ("2026-01-01 00:00:20", 1)]


def test_windows_by_the_time_of_arrival(fast):
    fast.create("arrivals", 2)
    text = table("arrivals", fast.url, "arrivals", "v INT, at TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL, WATERMARK FOR at AS at",
                 HORIZON)
    query = Query(text + "SELECT window_start, COUNT(*) AS n, SUM(v) AS v FROM TABLE(TUMBLE(TABLE arrivals, DESCRIPTOR(at), INTERVAL '1' SECOND)) "
                  "GROUP BY window_start, window_end;")
    count = 0
    try:
        for _ in range(8):  # into both shards
            fast.put("arrivals", [(f"k{n}", '{"v":1}') for n in range(20)])
            count += 20
            time.sleep(0.5)
        wait_for("windows", lambda: sum(row["n"] for row in query.rows) >= 60, 30)
        assert sum(row["n"] for row in query.rows) < count, "the last window is still open"
        assert all(row["n"] == row["v"] for row in query.rows)
        assert len({row["window_start"] for row in query.rows}) == len(query.rows) >= 2, "each window once: no row was late"
    finally:
        query.process.kill()


def test_a_fast_shard_waits_for_a_slow_one_until_that_is_silent(fast):
    fast.create("pace", 2)
    first, second = (str(int(shard["HashKeyRange"]["StartingHashKey"])) for shard in fast.shards("pace"))
    begin, drift_s, fast_s = datetime.datetime(2026, 1, 1), 300, 3000

    def put(hash_key, who, seconds):
        for at in range(0, len(seconds), 500):
            fast.client.put_records(StreamName="pace", Records=[
                {"PartitionKey": "k", "ExplicitHashKey": hash_key, "Data": json.dumps(
                    {"who": who, "s": second, "ts": str(begin + datetime.timedelta(seconds=second))}).encode()}
                for second in seconds[at:at + 500]])

    query = Query(table("pace", fast.url, "pace", "who STRING, s INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts", HORIZON +
                        f", 'scan.watermark.alignment.group' = 'one', 'scan.watermark.alignment.max-drift' = '{drift_s} s', "
                        "'scan.watermark.alignment.update-interval' = '50 ms', 'scan.watermark.idle-timeout' = '5 s'") +
                  "SELECT who, s FROM pace;")
    telling = threading.Event()

    def tell():  # the slow one, again and again the same second
        while not telling.wait(0.5):
            put(second, "slow", [0])

    def last():
        return max((row["s"] for row in query.rows if row["who"] == "fast"), default=-1)

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        wait_for("the slow one", lambda: query.rows, 60)
        for at in range(0, fast_s, 100):
            put(first, "fast", range(at, at + 100))
            time.sleep(0.1)
        wait_for("the fast one", lambda: last() >= drift_s, 60)
        time.sleep(3)
        held = last()
        assert held < fast_s - 1, "it did not wait"
        time.sleep(2)
        assert last() == held, "it went on"
        telling.set()
        wait_for("the slow one to be idle", lambda: last() == fast_s - 1, 60)
        assert [row["s"] for row in query.rows if row["who"] == "fast"] == list(range(fast_s))
        print(f"held at {held} s of {fast_s}")
    finally:
        telling.set()
        thread.join()
        query.process.kill()


def test_errors_say_what_is_wrong(fast):
    def error(text):
        done = sql(text)
        assert done.returncode != 0, done.stdout
        return done.stderr

    message = error(table("t", fast.url, "nobody-has-this", "id INT") + "SELECT * FROM t;")
    assert "nobody-has-this" in message and "ResourceNotFoundException" in message
    fast.create("wrong", 1)
    fast.put("wrong", [("k", "{broken")])
    message = error(table("t", fast.url, "wrong", "id INT", HORIZON) + "SELECT * FROM t;")
    assert "stream/wrong" in message and "shardId-000000000000" in message and "sequence number" in message
    message = error(table("t", f"http://127.0.0.1:{deaf_port()}", "wrong", "id INT",
                          ", 'retry-strategy.attempts.max' = '2'") + "SELECT * FROM t;")
    assert "cannot reach" in message and "aws.endpoint" in message
    assert "source.init.positon" in error(table("t", fast.url, "wrong", "id INT", ", 'source.init.positon' = 'LATEST'") +
                                          "SELECT * FROM t;")


ONCE = """
CREATE TABLE counted (k STRING, v BIGINT, n BIGINT) WITH ('connector' = 'filesystem', 'path' = '{folder}', 'format' = 'json');
INSERT INTO counted SELECT k, v, COUNT(*) OVER (PARTITION BY k ORDER BY at ROWS UNBOUNDED PRECEDING) AS n FROM source;
"""


def test_every_record_counts_once_and_in_order_whatever_happens(fast, stopped_service, tmp_path):
    fast.create("killed", 3)
    faults = Faults(fast.url, 0.25)
    folder = tmp_path / "counted"
    text = table("source", faults.url, "killed", "k STRING, v BIGINT, at AS PROCTIME()",
                 HORIZON + ", 'source.shard.get-records.idle-source-interval' = '20 ms', "
                 "'retry-strategy.delay.min' = '10 ms', 'retry-strategy.delay.max' = '50 ms'")
    service = stopped_service.start("--restart-backoff-max-ms", "200")
    client = service.client()
    client.create_application(ApplicationName="once", RuntimeEnvironment="FLINK-1_20", ServiceExecutionRole=ROLE,
                              ApplicationConfiguration=sql_application(text + ONCE.format(folder=folder), {}, 150, 3))
    client.start_application(ApplicationName="once")
    wait_for_status(client, "once", "RUNNING")
    feed = Feed(fast, "killed")
    feed.start()

    def counted():
        return [json.loads(line) for file in folder.glob("[!._]*") for line in file.read_text().splitlines()]

    def seen():
        last = collections.Counter()
        for row in counted():
            last[row["k"]] = max(last[row["k"]], row["v"])
        return min(last.values()) if len(last) == KEYS else 0

    dice, before = random.Random(1), 0
    for number in range(KILLS):
        feed.reach(RECORDS * (number + 1) // KILLS)
        wait_for(f"progress before kill {number + 1}", lambda: seen() > before, 60, 0.1)
        before = seen()
        time.sleep(dice.uniform(0, 0.5))
        (pid,) = wait_for("the cluster process", service.clusters)
        os.kill(pid, signal.SIGKILL)
        wait_for("the killed process to be gone", lambda: pid not in service.clusters())
    feed.finish()
    wait_for("every value", lambda: seen() >= feed.values, 120, 0.2)
    time.sleep(1)  # a row too many would come with the next checkpoint
    rows = counted()
    values = collections.defaultdict(list)
    for row in rows:
        values[row["k"]].append(row["v"])
        assert row["n"] == row["v"], row  # the n-th of its key
    assert {key: sorted(of) for key, of in values.items()} == {f"k{key}": list(range(1, feed.values + 1)) for key in range(KEYS)}
    assert feed.changes >= 3, feed.changes
    assert {"ProvisionedThroughputExceededException", "ExpiredIteratorException"} <= set(faults.counts), faults.counts
    print(f"{KILLS} kills, {len(rows)} records, {feed.changes} splits and merges; refused: {dict(faults.counts)}")
    faults.shutdown()

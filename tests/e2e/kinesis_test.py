"""Kinesis as source and sink, with emulators: positions, keys, fan-out, and that each key's records count once and in order,
whatever is killed, split, merged, throttled or expired."""
import collections
import http.server
import json
import os
import random
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request

import boto3
import pytest
from botocore.config import Config
from harness import MILLRACE, ROLE, ROOT, free_port, sql_application, wait_for, wait_for_status

KILLS = int(os.environ.get("KINESIS_KILLS", "5"))
KEYS = 16
LAST_HASH = 2**128 - 1


class Emulator:
    def __init__(self, name, folder):
        self.folder, self.port = folder, free_port()
        self.tool = ROOT / "tools/peers/kinesis"
        started = subprocess.run([self.tool, "start", "--port", str(self.port), "--dir", folder, "--emulator", name],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if started.returncode == 69:
            pytest.skip(started.stderr)
        assert started.returncode == 0, started.stderr
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = boto3.client("kinesis", endpoint_url=self.url, region_name="us-east-1", aws_access_key_id="a",
                                   aws_secret_access_key="b", config=Config(retries={"total_max_attempts": 5}))

    def close(self):
        subprocess.run([self.tool, "stop", "--dir", self.folder, "--kill"], check=True)

    def active(self, stream):
        return self.client.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE"

    def create(self, stream, shards):
        self.client.create_stream(StreamName=stream, ShardCount=shards)
        wait_for(f"the stream {stream}", lambda: self.active(stream))

    def put(self, stream, records):
        """Pairs of partition key and data, each key's in their order."""
        while records:
            now, records = records[:500], records[500:]
            while now:
                told = self.client.put_records(StreamName=stream, Records=[
                    {"PartitionKey": key, "Data": data.encode()} for key, data in now])["Records"]
                now = [entry for entry, result in zip(now, told) if "ErrorCode" in result]

    def shards(self, stream):
        return self.client.list_shards(StreamName=stream)["Shards"]

    def open_shards(self, stream):
        """Pairs of id and range of hash keys, by the latter."""
        found = [(int(shard["HashKeyRange"]["StartingHashKey"]), int(shard["HashKeyRange"]["EndingHashKey"]), shard["ShardId"])
                 for shard in self.shards(stream) if "EndingSequenceNumber" not in shard["SequenceNumberRange"]]
        return sorted(found)

    def reshard(self, stream, dice):
        """Splits a shard or merges two; whether there was one to split or two to merge."""
        found = self.open_shards(stream)
        if len(found) < 3 or (len(found) < 8 and dice.random() < 0.5):
            first, last, shard = dice.choice(found)
            if last - first < 16:
                return False
            self.client.split_shard(StreamName=stream, ShardToSplit=shard, NewStartingHashKey=str((first + last) // 2))
        else:
            at = dice.randrange(len(found) - 1)
            if found[at][1] + 1 != found[at + 1][0]:
                return False
            self.client.merge_shards(StreamName=stream, ShardToMerge=found[at][2], AdjacentShardToMerge=found[at + 1][2])
        wait_for("the stream to be changed", lambda: self.active(stream))
        return True

    def read(self, stream):
        """Every record's partition key and data, shard by shard."""
        out = []
        for shard in self.shards(stream):
            iterator = self.client.get_shard_iterator(StreamName=stream, ShardId=shard["ShardId"],
                                                      ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
            while iterator:
                answer = self.client.get_records(ShardIterator=iterator)
                out += [(record["PartitionKey"], record["Data"].decode()) for record in answer["Records"]]
                iterator = answer.get("NextShardIterator")
                if not answer["Records"] and answer["MillisBehindLatest"] == 0:
                    break
        return out


@pytest.fixture(scope="module")
def fast(tmp_path_factory):
    emulator = Emulator("kinesalite", tmp_path_factory.mktemp("kinesalite"))
    yield emulator
    emulator.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    emulator = Emulator("kinesis-local", tmp_path_factory.mktemp("kinesis"))
    yield emulator
    emulator.close()


def table(name, url, stream, columns, more="", partitioned=""):
    return (f"CREATE TABLE {name} ({columns}) {partitioned} WITH ('connector' = 'kinesis', "
            f"'stream.arn' = 'arn:aws:kinesis:us-east-1:000000000000:stream/{stream}', 'aws.region' = 'us-east-1', "
            f"'aws.endpoint' = '{url}', 'aws.credentials.basic.accesskeyid' = 'a', 'aws.credentials.basic.secretkey' = 'b', "
            f"'source.shard.discovery.interval' = '200 ms', 'format' = 'json'{more});\n")


def sql(text, *arguments, patience_s=60):
    return subprocess.run([MILLRACE, "sql", "-e", text, "--output", "json", *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=patience_s)


class Query:
    """A query without an end, whose rows are taken as they come."""

    def __init__(self, text, *arguments, environment=None):
        self.rows = []
        self.process = subprocess.Popen([MILLRACE, "sql", "-e", text, "--output", "json", *arguments], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, **(environment or {})})
        threading.Thread(target=lambda: self.rows.extend(json.loads(line) for line in self.process.stdout), daemon=True).start()

    def take(self, count, patience_s=30):
        wait_for(f"{count} rows", lambda: len(self.rows) >= count or self.process.poll() is not None, patience_s)
        time.sleep(0.3)  # a row too many
        self.process.kill()
        assert len(self.rows) == count, (len(self.rows), self.process.stderr.read())
        return self.rows


HORIZON = ", 'source.init.position' = 'TRIM_HORIZON'"


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
    message = error(table("t", f"http://127.0.0.1:{free_port()}", "wrong", "id INT",
                          ", 'retry-strategy.attempts.max' = '2'") + "SELECT * FROM t;")
    assert "cannot reach" in message and "aws.endpoint" in message
    assert "source.init.positon" in error(table("t", fast.url, "wrong", "id INT", ", 'source.init.positon' = 'LATEST'") +
                                          "SELECT * FROM t;")


class Faults(http.server.ThreadingHTTPServer):
    """Between a job and the emulator: refuses some requests as Kinesis does, and counts them."""
    CODES = {"GetRecords": ["ProvisionedThroughputExceededException", "ExpiredIteratorException", "InternalFailure"],
             "GetShardIterator": ["ProvisionedThroughputExceededException"], "ListShards": ["LimitExceededException"]}

    def __init__(self, target, rate):
        self.counts, self.rate, self.dice = collections.Counter(), rate, random.Random(7)
        faults = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                codes = Faults.CODES.get(self.headers["X-Amz-Target"].split(".")[1], [])
                if codes and faults.dice.random() < faults.rate:
                    code = faults.dice.choice(codes)
                    faults.counts[code] += 1
                    return self.answer(500 if code.startswith("Internal") else 400,
                                       json.dumps({"__type": code, "message": "a test's"}).encode())
                request = urllib.request.Request(target, body, {name: self.headers[name] for name in (
                    "Content-Type", "X-Amz-Target", "X-Amz-Date", "Authorization")})
                try:
                    with urllib.request.urlopen(request, timeout=20) as response:
                        return self.answer(response.status, response.read())
                except urllib.error.HTTPError as refused:
                    return self.answer(refused.code, refused.read())

            def answer(self, status, body):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """A client that was killed is no news."""


class Feed(threading.Thread):
    """Every key's values 1, 2, ... until finish() is called, while shards are split and merged."""

    def __init__(self, emulator, stream):
        super().__init__(daemon=True)
        self.emulator, self.stream = emulator, stream
        self.values = self.changes = 0
        self.stopping = threading.Event()
        self.resharding = threading.Thread(target=self.reshard, daemon=True)

    def run(self):
        self.resharding.start()
        while not self.stopping.wait(0.02):
            self.values += 1
            self.emulator.put(self.stream, [(f"k{key}", json.dumps({"k": f"k{key}", "v": self.values})) for key in range(KEYS)])

    def reshard(self):
        dice = random.Random(5)
        while not self.stopping.wait(0.7):
            self.changes += self.emulator.reshard(self.stream, dice)

    def finish(self):
        self.stopping.set()
        self.join()
        self.resharding.join()


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

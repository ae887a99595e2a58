"""What the tests of Kinesis share: emulators, faults between them and a job, and a feed whose every record counts."""
import collections
import http.server
import json
import random
import subprocess
import threading
import time
import urllib.error
import urllib.request

import boto3
import pytest
from botocore.config import Config
from harness import MILLRACE, ROOT, free_port, wait_for
from quiet_handler import QuietHandler

KEYS = 16
RECORDS = 200_000  # at least, through jobs that are killed


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


HORIZON = ", 'source.init.position' = 'TRIM_HORIZON'"


class Faults(http.server.ThreadingHTTPServer):
    """Between a job and the emulator: refuses some requests as Kinesis does, and counts them."""
    CODES = {"GetRecords": ["ProvisionedThroughputExceededException", "ExpiredIteratorException", "InternalFailure"],
             "GetShardIterator": ["ProvisionedThroughputExceededException"], "ListShards": ["LimitExceededException"]}

    def __init__(self, target, rate):
        self.counts, self.rate, self.dice = collections.Counter(), rate, random.Random(7)
        faults = self

        class Handler(QuietHandler):
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
        self.values = self.changes = self.due = 0
        self.stopping = threading.Event()
        self.resharding = threading.Thread(target=self.reshard, daemon=True)

    def run(self):
        self.resharding.start()
        while not self.stopping.wait(0.02):
            more = max(1, min(500, self.due - self.values * KEYS) // KEYS)
            self.emulator.put(self.stream, [(f"k{key}", json.dumps({"k": f"k{key}", "v": self.values + 1 + value}))
                                            for value in range(more) for key in range(KEYS)])
            self.values += more

    def reach(self, records):
        """As fast as the emulator takes them until there have been so many."""
        self.due = records
        wait_for(f"{records} records", lambda: self.values * KEYS >= records, 300)

    def reshard(self):
        dice = random.Random(5)
        while not self.stopping.wait(0.7):
            self.changes += self.emulator.reshard(self.stream, dice)

    def finish(self):
        self.stopping.set()
        self.join()
        self.resharding.join()

#!/usr/bin/env python3
"""Reads a stream whose shards were split and merged, and shows that every user's records come in their order, and how the two
shard assigners share them out.

usage: examples/kinesis/demo.py        exit status 1 if it is not so, 69 if the emulator cannot be installed
"""
import collections
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = map(str, (ROOT / "build/venv/lib").glob("python3*/site-packages"))
import boto3  # noqa: E402

MILLRACE = Path(os.environ.get("MILLRACE", ROOT / "build/release/millrace"))
TOOL = ROOT / "tools/peers/kinesis"
STREAM = "behavior"
USERS = 120
STEPS = 12  # of each user, before each change of the shards and after the last
ACTIONS = ["view", "cart", "buy", "like"]
PATIENCE_S = 90
KEYS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}


def wait_until(what, condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"{what}: not within {PATIENCE_S} s")
        time.sleep(0.05)


class Stream:
    """Two shards at first. What is written goes on while they change."""

    def __init__(self, url):
        self.client = boto3.client("kinesis", endpoint_url=url, region_name="us-east-1", aws_access_key_id="any",
                                   aws_secret_access_key="any")
        self.step = 0
        self.client.create_stream(StreamName=STREAM, ShardCount=2)
        self.settle()

    def settle(self):
        wait_until("the stream", lambda: self.client.describe_stream_summary(
            StreamName=STREAM)["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE")

    def write(self):
        for _ in range(STEPS):
            self.step += 1
            self.client.put_records(StreamName=STREAM, Records=[
                {"PartitionKey": str(user), "Data": f"{user},{self.step},{ACTIONS[(user + self.step) % 4]}".encode()}
                for user in range(USERS)])

    def split(self, shard):
        (range_of,) = [found["HashKeyRange"] for found in self.client.list_shards(StreamName=STREAM)["Shards"]
                       if found["ShardId"] == shard]
        middle = (int(range_of["StartingHashKey"]) + int(range_of["EndingHashKey"])) // 2
        self.client.split_shard(StreamName=STREAM, ShardToSplit=shard, NewStartingHashKey=str(middle))
        self.settle()

    def merge(self, left, right):
        self.client.merge_shards(StreamName=STREAM, ShardToMerge=left, AdjacentShardToMerge=right)
        self.settle()


def shard(number):
    return f"shardId-{number:012d}"


def rows_of(folder):
    return {file.name: [json.loads(line) for line in file.read_text().splitlines()] for file in folder.glob("part-*")}


def read_all(url, assigner, folder, expected):
    """The whole stream through behavior.sql: whether every user's steps came in order, and each subtask's share."""
    parameters = [word for text in (f"kinesis.endpoint={url}", f"kinesis.assigner={assigner}", f"output.folder={folder}") for word in ("--param", text)]
    query = subprocess.Popen([MILLRACE, "sql", "-f", Path(__file__).parent / "behavior.sql", *parameters, "--set",
                              "parallelism.default=2", "--set", "execution.checkpointing.interval=250 ms"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env={**os.environ, **KEYS})

    def done():
        if query.poll() is not None:
            sys.exit("the query ended")
        return all(sum(map(len, rows_of(folder / table).values())) >= expected for table in ("steps", "readers"))
    try:
        wait_until("every record", done)
    finally:
        query.kill()
        query.wait()
    steps = [row for rows in rows_of(folder / "steps").values() for row in rows]
    in_order = len(steps) == expected and all(row["step"] == row["seen"] for row in steps)
    shares = collections.Counter({0: 0, 1: 0})
    for name, rows in rows_of(folder / "readers").items():
        shares[int(name.split("-")[2])] += len(rows)
    return in_order, [shares[reader] / expected for reader in (0, 1)]


def main():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        started = subprocess.run([TOOL, "start", "--port", str(port), "--dir", folder, "--emulator", "kinesalite"],
                                 stdout=subprocess.DEVNULL)
        if started.returncode != 0:
            sys.exit(started.returncode)
        try:
            stream = Stream(url)
            stream.write()
            stream.split(shard(0))            # 2 and 3
            stream.write()
            stream.merge(shard(2), shard(3))  # 4, which has the keys of 0
            stream.write()
            stream.split(shard(4))            # 5 and 6
            stream.write()
            stream.split(shard(6))            # 7 and 8
            for _ in range(6):
                stream.write()
            expected = USERS * stream.step
            print(f"{expected} records of {USERS} users; shard 0 was split, merged again and split twice; 1 was left alone")
            shares = {}
            for assigner in ("uniform", "default"):
                in_order, shares[assigner] = read_all(url, assigner, Path(folder) / assigner, expected)
                print(f"{assigner:<8} every user's steps in order: {'yes' if in_order else 'NO'}; of the records, subtask 0 read "
                      f"{shares[assigner][0]:.0%}, subtask 1 {shares[assigner][1]:.0%}", flush=True)
                if not in_order:
                    sys.exit(1)
        finally:
            subprocess.run([TOOL, "stop", "--dir", folder, "--kill"], check=True)
    if max(shares["uniform"]) > 0.6 or max(shares["default"]) < 0.65:
        sys.exit("the shares are not those that the assigners give")


main()

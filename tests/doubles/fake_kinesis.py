"""Kinesis in memory, for tests that must know what a job has been told and what not: shards that are split and merged, polling and
enhanced fan-out with the end of a shard, as the API's reference has them. Credentials are not looked at.

What happens has names, and strike() has something done the n-th time that one is reached:

  records read     an answer or event with records has been sent
  end told         a reader has been sent the end of a shard
  shards listed    the shards have been listed after the end of one was sent
  child asked for  a shard with parents is asked for the first time; it has not been answered
  put              records are to be written; nothing has been
  put taken        they have been; it has not been answered
  reshard          a shard has been split, or two have been merged
"""
import base64
import bisect
import hashlib
import http.server
import json
import struct
import threading
import time
import zlib

from quiet_handler import QuietHandler

LAST_HASH = 2**128 - 1
FIRST_SEQUENCE = 10**55
TAKE_OVER_S = 1  # Kinesis: 5 seconds
SUBSCRIPTION_S = 4  # Kinesis: 5 minutes
HEARTBEAT_S = 1
EVENT_RECORDS_MAX = 200


class Refused(Exception):
    """The code and message of an error's answer."""


class Shard:
    def __init__(self, number, first, last, parents=()):
        self.id, self.first, self.last, self.parents = f"shardId-{number:012}", first, last, [parent.id for parent in parents]
        self.records, self.sequences, self.children, self.closed = [], [], [], None  # `closed`: the last sequence number

    def described(self):
        numbers = {"StartingSequenceNumber": str(FIRST_SEQUENCE), **({"EndingSequenceNumber": str(self.closed)} if self.closed else {})}
        parents = dict(zip(("ParentShardId", "AdjacentParentShardId"), self.parents))
        return {"ShardId": self.id, **parents, "SequenceNumberRange": numbers,
                "HashKeyRange": {"StartingHashKey": str(self.first), "EndingHashKey": str(self.last)}}

    def position(self, kind, sequence, timestamp):
        """The index of the record that reading begins with."""
        if kind == "AT_SEQUENCE_NUMBER":
            return bisect.bisect_left(self.sequences, int(sequence))
        if kind == "AFTER_SEQUENCE_NUMBER":
            return bisect.bisect_right(self.sequences, int(sequence))
        if kind == "AT_TIMESTAMP":
            return sum(record["ApproximateArrivalTimestamp"] < timestamp for record in self.records)
        return 0 if kind == "TRIM_HORIZON" else len(self.records)


class Stream:
    def __init__(self, name, shards):
        self.name, self.shards = name, {}
        for number in range(shards):
            self.add(LAST_HASH * number // shards + (number > 0), LAST_HASH * (number + 1) // shards)

    def add(self, first, last, parents=()):
        shard = Shard(len(self.shards), first, last, parents)
        for parent in parents:
            parent.children.append(shard)
        self.shards[shard.id] = shard

    def open(self):
        return sorted((shard for shard in self.shards.values() if not shard.closed), key=lambda shard: shard.first)


def event(kind, payload):
    """A message of the event stream encoding."""
    def header(name, value):
        return struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", 7, len(value)) + value.encode()
    headers = header(":message-type", "event") + header(":event-type", kind) + header(":content-type", "application/json")
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


class FakeKinesis(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.changed = threading.Condition()
        self.streams, self.consumers, self.subscriptions = {}, {}, {}
        self.sequence, self.ended, self.asked = FIRST_SEQUENCE, False, set()
        self.awaited, self.left, self.action = None, 0, None
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """A client that was killed is no news."""

    # ---- for the test

    def strike(self, step, times, action):
        with self.changed:
            self.awaited, self.left, self.action = step, times, action

    def at(self, step):
        with self.changed:
            if step != self.awaited:
                return
            self.left -= 1
            if self.left != 0:
                return
            action = self.action
        action()

    def create(self, name, shards):
        self.streams[name] = Stream(name, shards)

    def put(self, stream, records):
        """Pairs of partition key and data."""
        with self.changed:
            for key, data in records:
                self.append(self.streams[stream], key, base64.b64encode(data.encode()).decode())
            self.changed.notify_all()

    def reshard(self, stream, dice):
        """Splits a shard or merges two."""
        with self.changed:
            found = self.streams[stream].open()
            if len(found) < 3 or (len(found) < 6 and dice.random() < 0.5):
                parent = max(found, key=lambda shard: shard.last - shard.first)
                middle = (parent.first + parent.last) // 2
                parents, ranges = [parent], [(parent.first, middle), (middle + 1, parent.last)]
            else:
                at = dice.randrange(len(found) - 1)
                parents = found[at:at + 2]
                ranges = [(parents[0].first, parents[1].last)]
            self.sequence += 1
            for parent in parents:
                parent.closed = self.sequence
            for first, last in ranges:
                self.streams[stream].add(first, last, parents)
            self.changed.notify_all()
        self.at("reshard")

    def read(self, stream):
        """Every record's partition key and data, in the order in which they were put."""
        with self.changed:
            records = [record for shard in self.streams[stream].shards.values() for record in shard.records]
        return [(record["PartitionKey"], base64.b64decode(record["Data"]).decode())
                for record in sorted(records, key=lambda record: int(record["SequenceNumber"]))]

    # ---- the API; with the lock held

    def append(self, stream, key, data):
        place = int.from_bytes(hashlib.md5(key.encode()).digest(), "big")
        (shard,) = (shard for shard in stream.open() if shard.first <= place <= shard.last)
        self.sequence += 1
        shard.sequences.append(self.sequence)
        shard.records.append({"SequenceNumber": str(self.sequence), "PartitionKey": key, "Data": data,
                              "ApproximateArrivalTimestamp": round(time.time(), 3)})
        return {"SequenceNumber": str(self.sequence), "ShardId": shard.id}

    def stream_of(self, asked):
        name = asked["StreamARN"].rsplit("/", 1)[1] if "StreamARN" in asked else asked["StreamName"]
        if name not in self.streams:
            raise Refused("ResourceNotFoundException", f"there is no stream {name}")
        return self.streams[name]

    def answer(self, operation, asked):
        if operation == "ListShards":
            return {"Shards": [shard.described() for shard in self.stream_of(asked).shards.values()]}
        if operation == "DescribeStreamSummary":
            return {"StreamDescriptionSummary": {"StreamName": self.stream_of(asked).name, "StreamStatus": "ACTIVE"}}
        if operation == "GetShardIterator":
            shard = self.stream_of(asked).shards[asked["ShardId"]]
            index = shard.position(asked["ShardIteratorType"], asked.get("StartingSequenceNumber"), asked.get("Timestamp"))
            return {"ShardIterator": f"{self.stream_of(asked).name} {shard.id} {index}"}
        if operation == "GetRecords":
            name, shard, index = asked["ShardIterator"].split()
            return self.records(self.streams[name].shards[shard], int(index), asked.get("Limit", 10000))
        if operation == "PutRecords":
            told = [self.append(self.stream_of(asked), record["PartitionKey"], record["Data"]) for record in asked["Records"]]
            self.changed.notify_all()
            return {"FailedRecordCount": 0, "Records": told}
        name = asked["StreamARN"], asked["ConsumerName"]
        if operation == "RegisterStreamConsumer":
            if name in self.consumers:
                raise Refused("ResourceInUseException", "it is registered")
            self.consumers[name] = f"{asked['StreamARN']}/consumer/{asked['ConsumerName']}:{len(self.consumers)}"
        elif name not in self.consumers:
            raise Refused("ResourceNotFoundException", "there is no such consumer")
        told = {"ConsumerName": name[1], "ConsumerARN": self.consumers[name], "ConsumerStatus": "ACTIVE"}
        if operation == "DeregisterStreamConsumer":
            del self.consumers[name]
        return {"DescribeStreamConsumer": {"ConsumerDescription": told}, "RegisterStreamConsumer": {"Consumer": told}}.get(operation, {})

    def records(self, shard, index, limit):
        found = shard.records[index:index + limit]
        end = index + len(found)
        told = {"Records": found, "MillisBehindLatest": 0 if end == len(shard.records) else 1000}
        if not shard.closed or end < len(shard.records):
            told["NextShardIterator"] = f"{self.name_of(shard)} {shard.id} {end}"
        else:
            told["ChildShards"] = [{"ShardId": child.id, "ParentShards": child.parents, "HashKeyRange": child.described()["HashKeyRange"]}
                                   for child in shard.children]
        return told

    def name_of(self, shard):
        return next(name for name, stream in self.streams.items() if stream.shards.get(shard.id) is shard)


class Handler(QuietHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    disable_nagle_algorithm = True

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        operation = self.headers["X-Amz-Target"].split(".")[1]
        kinesis = self.server
        self.before(operation, asked)
        if operation == "SubscribeToShard":
            return self.subscribe(asked)
        try:
            with kinesis.changed:
                told = kinesis.answer(operation, asked)
        except Refused as refused:
            code, message = refused.args
            return self.send(400, {"__type": code, "message": message})
        if operation == "PutRecords":
            kinesis.at("put taken")
        self.send(200, told)
        self.after(operation, told)

    def before(self, operation, asked):
        kinesis = self.server
        if operation == "PutRecords":
            kinesis.at("put")
        if operation in ("GetShardIterator", "SubscribeToShard"):
            shard = asked["ShardId"]
            with kinesis.changed:
                child = shard not in kinesis.asked and any(
                    stream.shards[shard].parents for stream in kinesis.streams.values() if shard in stream.shards)
                kinesis.asked.add(shard)
            if child:
                kinesis.at("child asked for")

    def after(self, operation, told):
        kinesis = self.server
        if told.get("Records") and operation in ("GetRecords", "SubscribeToShard"):
            kinesis.at("records read")
        if "ChildShards" in told:
            kinesis.ended = True
            kinesis.at("end told")
        elif operation == "ListShards" and kinesis.ended:
            kinesis.ended = False
            kinesis.at("shards listed")

    def send(self, status, document):
        self.answer(status, json.dumps(document).encode(), "application/x-amz-json-1.1")

    def subscribe(self, asked):
        kinesis, mine = self.server, object()
        key, begun = (asked["ConsumerARN"], asked["ShardId"]), time.monotonic()
        with kinesis.changed:
            former = kinesis.subscriptions.get(key)
            if asked["ConsumerARN"] not in kinesis.consumers.values():
                return self.send(400, {"__type": "ResourceNotFoundException", "message": "there is no such consumer"})
            if former is not None and begun - former[1] < TAKE_OVER_S:
                return self.send(400, {"__type": "ResourceInUseException", "message": "it was subscribed to just now"})
            kinesis.subscriptions[key] = mine, begun
            shard = kinesis.streams[asked["ConsumerARN"].split("/")[1]].shards[asked["ShardId"]]
            start = asked["StartingPosition"]
            index = shard.position(start["Type"], start.get("SequenceNumber"), start.get("Timestamp"))
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.amazon.eventstream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.chunk(event("initial-response", b"{}"))
        told = {}
        while time.monotonic() - begun < SUBSCRIPTION_S and "ChildShards" not in told:
            with kinesis.changed:
                kinesis.changed.wait_for(lambda: len(shard.records) > index or shard.closed, HEARTBEAT_S)
                if kinesis.subscriptions[key][0] is not mine:
                    break
                told = kinesis.records(shard, index, EVENT_RECORDS_MAX)
            index += len(told["Records"])
            if told.pop("NextShardIterator", None):
                told["ContinuationSequenceNumber"] = str(shard.sequences[index - 1] if index else FIRST_SEQUENCE)
            self.chunk(event("SubscribeToShardEvent", json.dumps(told).encode()))
            self.after("SubscribeToShard", told)
        self.chunk(b"")

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

#!/usr/bin/env python3
"""A velocity check over Avro in Kafka: one generic application, its query checked against the registry before it runs.

usage: examples/velocity-check/demo.py        exit status 1 if it is not so, 69 if Kafka or the registry cannot be installed
"""
import collections
import datetime
import io
import json
import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "examples/velocity-check"
sys.path[:0] = map(str, (ROOT / "build/venv/lib").glob("python3*/site-packages"))
import fastavro  # noqa: E402

MILLRACE = Path(os.environ.get("MILLRACE", ROOT / "build/release/millrace"))
BEGIN = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.timezone.utc)
STATE = {"type": "enum", "name": "State", "symbols": ["NEW", "PAID", "REFUSED"]}
TRANSACTION = {"type": "record", "name": "Transaction", "namespace": "shop", "fields": [
    {"name": "userIdentifier", "type": "string"}, {"name": "state", "type": STATE},
    {"name": "createdAt", "type": {"type": "long", "logicalType": "timestamp-millis"}}]}
# As the producers have it from tomorrow on: another field, and an agent that may be unknown.
TRANSACTION_2 = {**TRANSACTION, "fields": TRANSACTION["fields"] + [{"name": "userAgent", "type": ["null", "string"], "default": None}]}
VELOCITY = {"type": "record", "name": "Velocity", "namespace": "shop", "fields": [
    {"name": "userIdentifier", "type": "string"},
    {"name": "windowStart", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "windowEnd", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "paymentAttempts", "type": "long"},
    {"name": "decision", "type": {"type": "enum", "name": "Decision", "symbols": ["PASS", "REVIEW", "BLOCK"]}}]}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def peer(name, folder):
    """Starts it, and returns its port and what stops it."""
    port = free_port()
    started = subprocess.run([ROOT / "tools/peers" / name, "start", "--port", str(port), "--dir", folder], stdout=subprocess.DEVNULL)
    if started.returncode != 0:
        sys.exit(started.returncode)
    return port, lambda: subprocess.run([ROOT / "tools/peers" / name, "stop", "--dir", folder], check=True)


def register(registry, subject, schema):
    request = urllib.request.Request(f"{registry}/subjects/{subject}/versions", data=json.dumps({"schema": json.dumps(schema)}).encode(),
                                     headers={"Content-Type": "application/vnd.schemaregistry.v1+json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["id"]


def message(number, schema, record):
    out = io.BytesIO()
    out.write(b"\0" + struct.pack(">I", number))
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), record)
    return out.getvalue()


def transactions():
    """Two minutes of them, in their order; user-3 and user-7 are in a hurry at times."""
    chance = random.Random(1)
    made = []
    for second in range(120):
        for user in range(10):
            often = 6 if user == 3 and 30 <= second < 40 else 1 if user == 7 and second % 2 else 0
            for _ in range(often or (chance.random() < 0.08)):
                made.append({"userIdentifier": f"user-{user}", "state": chance.choice(STATE["symbols"]),
                             "createdAt": BEGIN + datetime.timedelta(seconds=second, milliseconds=chance.randrange(1000))})
    return sorted(made, key=lambda one: one["createdAt"])


def expected(made):
    counts = collections.Counter()
    for one in made:
        if one["state"] != "REFUSED":
            seconds = int((one["createdAt"] - BEGIN).total_seconds())
            counts[one["userIdentifier"], seconds // 10 * 10] += 1
    return {key: (count, "BLOCK" if count >= 10 else "REVIEW" if count >= 5 else "PASS") for key, count in counts.items()}


def run(command, properties, **keywords):
    given = [part for name, value in properties.items() for part in ("--param", f"{name}={value}")]
    return subprocess.run([MILLRACE, *command, *given], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **keywords)


def demo(folder, broker, registry):
    ids = [register(registry, "shop.Transaction", schema) for schema in (TRANSACTION, TRANSACTION_2)]
    velocity = register(registry, "shop.Velocity", VELOCITY)
    made = transactions()
    messages = folder / "messages"
    messages.mkdir()
    for number, one in enumerate(made):
        which = number % 2
        record = {**one, "userAgent": None} if which else one
        (messages / f"{number:05}").write_bytes(message(ids[which], (TRANSACTION, TRANSACTION_2)[which], record))
    (messages / "99999").write_bytes(b"no Avro at all")
    subprocess.run(["kcat", "-b", broker, "-P", "-t", "payments", "-p", "0", *sorted(messages.iterdir())], check=True)

    properties = {
        "kafka.servers": broker, "registry.url": registry, "input.topic": "payments", "input.subject": "shop.Transaction",
        "input.time": "createdAt", "input.until": "latest-offset", "output.topic": "velocity", "output.subject": "shop.Velocity",
        "query.sql": (HERE / "velocity.sql").read_text(),
    }
    # Before anything is deployed, the query is checked field by field against the schemas.
    wrong = run(["validate", HERE / "application.sql"],
                {**properties, "query.sql": properties["query.sql"].replace("userIdentifier", "userIdentifer")},
                stdout=subprocess.DEVNULL)
    (told,) = [line for line in wrong.stderr.splitlines() if "did you mean" in line][:1] or [wrong.stderr]
    print(f"a wrong query is refused: {told.strip()}")
    right = run(["validate", HERE / "application.sql"], properties, stdout=subprocess.DEVNULL)
    print(f"the query is right: {'yes' if right.returncode == 0 else right.stderr}")

    done = run(["sql", "-f", HERE / "application.sql"], properties, stdout=subprocess.DEVNULL, timeout=120)
    if done.returncode != 0:
        sys.exit(done.stderr)
    taken = subprocess.run(["kcat", "-b", broker, "-C", "-t", "velocity", "-e", "-q", "-o", "beginning", "-f", "%R%s"],
                           stdout=subprocess.PIPE, check=True).stdout
    results = {}
    while taken:
        (size,) = struct.unpack_from(">i", taken)
        assert taken[4:9] == b"\0" + struct.pack(">I", velocity), "it is not of the subject's schema"
        one = fastavro.schemaless_reader(io.BytesIO(taken[9:4 + size]), fastavro.parse_schema(VELOCITY), None)
        results[one["userIdentifier"], int((one["windowStart"] - BEGIN).total_seconds())] = (one["paymentAttempts"], one["decision"])
        taken = taken[4 + size:]
    right = results == expected(made)
    print(f"{len(made)} transactions under two schemas, {len(results)} windows of 10 seconds, each as expected: {'yes' if right else 'no'}")
    for (user, second), (count, decision) in sorted(results.items()):
        if decision == "BLOCK":
            print(f"{decision}  {user}  {(BEGIN + datetime.timedelta(seconds=second)):%H:%M:%S}  {count} attempts")
    kept = subprocess.run(["kcat", "-b", broker, "-C", "-t", "payments-rejected", "-e", "-q", "-o", "beginning"],
                          stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    print(f"rejected: {', '.join(json.loads(line)['cause'] for line in kept)}")
    return 0 if right and len(kept) == 1 else 1


def main():
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        kafka, stop_kafka = peer("kafka", folder / "kafka")
        try:
            registry, stop_registry = peer("schema-registry", folder / "registry")
            try:
                return demo(folder, f"127.0.0.1:{kafka}", f"http://127.0.0.1:{registry}/apis/ccompat/v7")
            finally:
                stop_registry()
        finally:
            stop_kafka()


sys.exit(main())

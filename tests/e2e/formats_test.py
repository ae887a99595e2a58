"""Avro with a real schema registry and a real broker, checked with fastavro; dead letters from a topic and back."""
import base64
import datetime
import decimal
import io
import json
import struct
import subprocess
import urllib.request

import fastavro
import pytest
from harness import MILLRACE, ROOT, deaf_port, free_port

from kafka_test import EARLIEST_TO_END, broker, consume, produce, rows, sql, table  # noqa: F401  (broker is a fixture)

UTC = datetime.timezone.utc
TRANSACTION = {
    "type": "record", "name": "Transaction", "namespace": "shop.fraud", "fields": [
        {"name": "id", "type": "long"},
        {"name": "userIdentifier", "type": "string"},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["NEW", "PAID", "REFUSED"], "default": "NEW"}},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}},
        {"name": "createdAt", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "note", "type": ["null", "string"], "default": None},
        {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
            {"name": "sku", "type": "string"}, {"name": "count", "type": "int"}]}}},
        {"name": "labels", "type": {"type": "map", "values": "string"}},
        {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 4}},
    ]}


def transaction(n, **more):
    at = datetime.datetime(2026, 3, 1, 12, 0, 0, 250_000, UTC) + datetime.timedelta(seconds=n)
    return {"id": n, "userIdentifier": f"user-{n % 3}", "state": ["NEW", "PAID", "REFUSED"][n % 3],
            "amount": decimal.Decimal(n * 125) / 100, "createdAt": at, "day": at.date(), "note": None if n % 2 else f"é{n}",
            "lines": [{"sku": f"s{i}", "count": i} for i in range(n % 3)], "labels": {"k": str(n)},
            "hash": struct.pack(">I", n), **more}


class Registry:
    def __init__(self, url):
        self.url = url

    def ask(self, path, document=None):
        request = urllib.request.Request(
            self.url + path, headers={"Content-Type": "application/vnd.schemaregistry.v1+json"},
            data=None if document is None else json.dumps(document).encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def register(self, subject, schema):
        return self.ask(f"/subjects/{subject}/versions", {"schema": json.dumps(schema)})["id"]

    def latest(self, subject):
        found = self.ask(f"/subjects/{subject}/versions/latest")
        return found["id"], json.loads(found["schema"])

    def by_id(self, number):
        return json.loads(self.ask(f"/schemas/ids/{number}")["schema"])


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("registry"), free_port()
    tool = ROOT / "tools/peers/schema-registry"
    started = subprocess.run([tool, "start", "--port", str(port), "--dir", folder], stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True)
    if started.returncode == 69:
        pytest.skip(started.stderr)
    assert started.returncode == 0, started.stderr
    yield Registry(f"http://127.0.0.1:{port}/apis/ccompat/v7")
    subprocess.run([tool, "stop", "--dir", folder], check=True)


def encoded(schema, record, number=None):
    out = io.BytesIO(b"" if number is None else b"\0" + struct.pack(">I", number))
    out.seek(0, io.SEEK_END)
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), record)
    return out.getvalue()


def produce_bytes(broker, topic, messages, folder, *options):  # noqa: F811
    files = []
    for number, message in enumerate(messages):
        files.append(folder / f"{topic}-{number}")
        files[-1].write_bytes(message)
    subprocess.run(["kcat", "-b", broker, "-P", "-t", topic, *options, *files], check=True)


def consume_bytes(broker, topic):  # noqa: F811
    taken = subprocess.run(["kcat", "-b", broker, "-C", "-t", topic, "-e", "-q", "-o", "beginning", "-f", "%R%s"],
                           stdout=subprocess.PIPE, check=True).stdout
    messages = []
    while taken:
        (size,) = struct.unpack_from(">i", taken)
        messages.append(taken[4:4 + size])
        taken = taken[4 + size:]
    return messages


def confluent(registry, more=""):
    return f"'format' = 'avro-confluent', 'avro-confluent.url' = '{registry.url}'{more}"


# ---- files

COLUMNS = """id BIGINT NOT NULL, userIdentifier STRING NOT NULL, state STRING NOT NULL, amount DECIMAL(10, 2) NOT NULL,
    createdAt TIMESTAMP(3) NOT NULL, `day` DATE NOT NULL, note STRING, lines ARRAY<ROW<sku STRING, `count` INT>>,
    labels MAP<STRING, STRING>, `hash` BYTES"""


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy", "zstandard"])
def test_files_are_read_and_written_as_others_do(tmp_path, codec):
    records = [transaction(n) for n in range(2000)]
    (tmp_path / "in").mkdir()
    try:
        with open(tmp_path / "in/file.avro", "wb") as file:
            fastavro.writer(file, fastavro.parse_schema(TRANSACTION), records, codec=codec, sync_interval=5000)
    except ValueError as error:  # fastavro needs another package for it
        if "codec" not in str(error):
            raise
        with open(tmp_path / "in/file.avro", "wb") as file:
            fastavro.writer(file, fastavro.parse_schema(TRANSACTION), records, sync_interval=5000)
    read = f"CREATE TABLE r ({COLUMNS}) WITH ('connector' = 'filesystem', 'path' = '{tmp_path}/in', 'format' = 'avro');\n"
    got = rows(read + "SELECT * FROM r;")
    assert len(got) == 2000
    for row, record in zip(got, records):
        assert (row["id"], row["state"], row["note"]) == (record["id"], record["state"], record["note"])
        assert decimal.Decimal(str(row["amount"])) == record["amount"]
        assert row["createdAt"].replace(" ", "T") == record["createdAt"].replace(tzinfo=None).isoformat(timespec="milliseconds")
        assert row["lines"] == record["lines"] and row["labels"] == record["labels"]
        assert base64.b64decode(row["hash"]) == record["hash"]
    schema = json.dumps(TRANSACTION).replace("'", "''")
    write = (f"CREATE TABLE w WITH ('connector' = 'filesystem', 'path' = '{tmp_path}/out', 'format' = 'avro', "
             f"'avro.codec' = '{codec}', 'avro.schema' = '{schema}');\n")
    rows(read + write + "INSERT INTO w SELECT * FROM r;")
    (part,) = [path for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")]
    raw = part.read_bytes()
    assert b"avro.codec" in raw and codec.encode() in raw[:200]
    if codec in ("null", "deflate"):  # what fastavro reads by itself
        with open(part, "rb") as file:
            assert list(fastavro.reader(file)) == records
    # And what is derived of a table is a schema that others accept.
    derived = f"CREATE TABLE d (a INT, b DECIMAL(5, 1) NOT NULL, c ROW<x DOUBLE>) WITH ('connector' = 'filesystem', 'path' = '{tmp_path}/d', 'format' = 'avro', 'avro.codec' = 'null');\n"
    rows(derived + "INSERT INTO d VALUES (1, 2.5, ROW(0.5)), (CAST(NULL AS INT), -1.0, CAST(NULL AS ROW<x DOUBLE>));")
    (part,) = [path for path in (tmp_path / "d").iterdir() if not path.name.startswith(".")]
    with open(part, "rb") as file:
        assert list(fastavro.reader(file)) == [{"a": 1, "b": decimal.Decimal("2.5"), "c": {"x": 0.5}},
                                               {"a": None, "b": decimal.Decimal("-1.0"), "c": None}]


# ---- messages and a registry

def test_messages_keep_enums_logical_types_defaults_and_nullability(broker, registry, tmp_path):  # noqa: F811
    number = registry.register("transactions-value", TRANSACTION)
    flagged = {**TRANSACTION, "name": "Flagged",
               "fields": TRANSACTION["fields"] + [{"name": "reason", "type": "string", "default": "velocity"}]}
    flagged_number = registry.register("flagged-value", flagged)
    records = [transaction(n) for n in range(50)]
    produce_bytes(broker, "transactions", [encoded(TRANSACTION, record, number) for record in records], tmp_path)
    # Neither table names a column: the registry does.
    source = (f"CREATE TABLE transactions WITH ('connector' = 'kafka', 'topic' = 'transactions', "
              f"'properties.bootstrap.servers' = '{broker}', {EARLIEST_TO_END}, {confluent(registry)});\n")
    described = sql(source + "SHOW CREATE TABLE transactions;").stdout
    for column in ("`id` BIGINT NOT NULL", "`state` STRING NOT NULL", "`amount` DECIMAL(10, 2) NOT NULL",
                   "`createdAt` TIMESTAMP(3) NOT NULL", "`note` STRING,"):
        assert column in described, described
    sink = f"""CREATE TABLE flagged ({COLUMNS}) WITH ('connector' = 'kafka', 'topic' = 'flagged',
        'properties.bootstrap.servers' = '{broker}', {confluent(registry)});\n"""
    rows(source + sink + "INSERT INTO flagged SELECT * FROM transactions WHERE id < 20;")
    written = consume_bytes(broker, "flagged")
    assert len(written) == 20
    got = []
    for message in written:
        assert message[:5] == b"\0" + struct.pack(">I", flagged_number)
        got.append(fastavro.schemaless_reader(io.BytesIO(message[5:]), fastavro.parse_schema(registry.by_id(flagged_number)), None))
    assert sorted(got, key=lambda record: record["id"]) == [{**record, "reason": "velocity"} for record in records[:20]]
    assert registry.latest("flagged-value")[0] == flagged_number


def test_a_schema_that_changes_is_resolved(broker, registry, tmp_path):  # noqa: F811
    old = {"type": "record", "name": "Visit", "fields": [{"name": "id", "type": "int"}, {"name": "page", "type": "string"}]}
    new = {"type": "record", "name": "Visit", "fields": [
        {"name": "browser", "type": ["null", "string"], "default": None}, {"name": "page", "type": "string"},
        {"name": "id", "type": "int"}]}
    numbers = [registry.register("visits-value", old), registry.register("visits-value", new)]
    produce_bytes(broker, "visits", [encoded(old, {"id": 1, "page": "/a"}, numbers[0]),
                                     encoded(new, {"id": 2, "page": "/b", "browser": "x"}, numbers[1]),
                                     encoded(old, {"id": 3, "page": "/c"}, numbers[0])], tmp_path, "-p", "0")
    columns = "id BIGINT, page STRING, browser STRING"
    got = rows(table("visits", broker, "visits", columns, f"{EARLIEST_TO_END}, {confluent(registry)}") + "SELECT * FROM visits;")
    assert got == [{"id": 1, "page": "/a", "browser": None}, {"id": 2, "page": "/b", "browser": "x"},
                   {"id": 3, "page": "/c", "browser": None}]
    # Restarted, a table without columns has the new field.
    text = (f"CREATE TABLE visits WITH ('connector' = 'kafka', 'topic' = 'visits', 'properties.bootstrap.servers' = '{broker}', "
            f"{EARLIEST_TO_END}, {confluent(registry)});\nSELECT browser, COUNT(*) AS n FROM visits GROUP BY browser;")
    assert sorted((row["browser"] or "", row["n"]) for row in rows(text)) == [("", 2), ("x", 1)]


@pytest.mark.parametrize("strategy, subject", [("TopicName", "named-TopicName-value"), ("RecordName", "shop.fraud.Transaction"),
                                               ("TopicRecordName", "named-TopicRecordName-shop.fraud.Transaction")])
def test_subjects_by_strategy(broker, registry, strategy, subject):  # noqa: F811
    schema = {"type": "record", "name": "Transaction", "namespace": "shop.fraud", "fields": [{"name": "id", "type": "long"}]}
    topic = f"named-{strategy}"
    more = f", 'avro-confluent.schema' = '{json.dumps(schema)}', 'avro-confluent.subject-name-strategy' = '{strategy}'"
    rows(table("named", broker, topic, "id BIGINT NOT NULL", confluent(registry, more)) + "INSERT INTO named VALUES (7);")
    number, registered = registry.latest(subject)
    assert registered == schema
    assert consume_bytes(broker, topic) == [b"\0" + struct.pack(">I", number) + b"\x0e"]


def test_a_registry_that_is_not_there(broker):  # noqa: F811
    text = table("t", broker, "wherever", "id BIGINT", f"'format' = 'avro-confluent', 'avro-confluent.url' = 'http://127.0.0.1:{deaf_port()}'")
    done = sql(text + "INSERT INTO t VALUES (1);", "--set", "restart-strategy.type=none", patience_s=90)
    assert done.returncode != 0 and "the schema registry cannot be asked: cannot reach http://127.0.0.1" in done.stderr


# ---- dead letters

LETTERS = """table_name STRING, source_name STRING, source_partition INT, source_offset BIGINT, cause STRING, error STRING,
    record_key BYTES, record BYTES, record_text STRING"""


def test_dead_letters_of_a_topic_and_back(broker, tmp_path):  # noqa: F811
    produce(broker, "payments", [("a", '{"id":1,"amount":1.5}'), ("b", '{"id":"x"}'), ("c", "{broken"), ("a", '{"id":2}')],
            "-p", "0")
    letters = table("bad", broker, "payments-bad", LETTERS, "'format' = 'json'")
    payments = table("payments", broker, "payments", "id BIGINT NOT NULL, amount DOUBLE",
                     f"{EARLIEST_TO_END}, 'format' = 'json', 'scan.dead-letter.table' = 'bad'")
    script = tmp_path / "payments.sql"
    script.write_text(letters + payments)
    assert [row["id"] for row in rows(letters + payments + "SELECT id FROM payments;")] == [1, 2]
    kept = sorted((json.loads(line) for line in consume(broker, "payments-bad")), key=lambda row: row["source_offset"])
    assert [(row["source_name"], row["source_partition"], row["source_offset"], row["cause"], row["record_text"]) for row in kept] == [
        ("payments", 0, 1, "type", '{"id":"x"}'), ("payments", 0, 2, "malformed", "{broken")]
    assert base64.b64decode(kept[1]["record"]) == b"{broken" and base64.b64decode(kept[0]["record_key"]) == b"b"
    assert kept[0]["error"].startswith("topic 'payments', partition 0")

    listed = subprocess.run([MILLRACE, "dead-letters", "list", script, "bad", "--where", "cause = 'type'", "--output", "json"],
                            stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    assert [json.loads(line)["record_text"] for line in listed] == ['{"id":"x"}']
    # Mended on their way back.
    subprocess.run([MILLRACE, "dead-letters", "replay", script, "bad", "--source", "payments", "--where", "cause = 'type'",
                    "--record", "REPLACE(record_text, '\"x\"', '3')"], check=True)
    assert 'b {"id":3}' in consume(broker, "payments", "%k %s\n")
    assert sorted(row["id"] for row in rows(letters + payments + "SELECT id FROM payments;")) == [1, 2, 3]


def test_dead_letters_of_avro_are_counted_by_cause(broker, registry, tmp_path):  # noqa: F811
    number = registry.register("readings-value", {"type": "record", "name": "Reading", "fields": [{"name": "v", "type": "int"}]})
    other = registry.register("others", {"type": "record", "name": "Other", "fields": [{"name": "v", "type": "string"}]})
    head = struct.pack(">I", number)
    produce_bytes(broker, "readings", [b"\0" + head + b"\x02", b"plain", b"\0" + head + b"\x80", b"\0" + struct.pack(">I", other) + b"\x02x",
                                       b"\0\x7f\0\0\0\x02", b"\0" + head + b"\x04"], tmp_path, "-p", "0")
    text = (f"CREATE TABLE bad ({LETTERS}) WITH ('connector' = 'filesystem', 'path' = '{tmp_path}/bad', 'format' = 'json');\n" +
            table("readings", broker, "readings", "v INT NOT NULL",
                  f"{EARLIEST_TO_END}, 'scan.dead-letter.table' = 'bad', {confluent(registry)}"))
    assert [row["v"] for row in rows(text + "SELECT v FROM readings;")] == [1, 2]
    counted = rows(text + "SELECT cause, COUNT(*) AS n FROM bad GROUP BY cause;")
    assert {row["cause"]: row["n"] for row in counted} == {"malformed": 2, "schema": 2}

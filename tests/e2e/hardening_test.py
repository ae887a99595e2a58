"""Bad input, member by member, from the public service model: whatever is missing, of another type, too long, of another
form or unknown is answered with the API's error type and a message that names the member. Actions that the service does
not do are passed over by asking it, so that one that comes is held to this as soon as it is there."""
import base64
import copy
import http.client
import io
import json
import re
import stat
import struct
import subprocess
import zipfile

import botocore.session
import pytest
from harness import MILLRACE, ROLE, free_port, sql_application, wait_for

MODEL = botocore.session.get_session().get_service_model("kinesisanalyticsv2")
SQL = "CREATE TABLE t (id BIGINT) WITH ('connector' = 'datagen');"
# What is refused as a whole; what is inside need not be looked at.
UNSUPPORTED = {"SqlApplicationConfiguration", "ZeppelinApplicationConfiguration", "SqlRunConfigurations",
               "SqlApplicationConfigurationUpdate", "ZeppelinApplicationConfigurationUpdate", "VpcConfigurations",
               "VpcConfigurationUpdates", "VpcConfiguration"}
REFUSALS = {"UnsupportedOperationException", "InvalidRequestException"}


class Wire:
    """Requests as bytes: a client of the SDK would not let the bad ones through."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def call(self, action, body):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.connection.request("POST", "/", data, {
            "X-Amz-Target": f"KinesisAnalytics_20180523.{action}", "Content-Type": "application/x-amz-json-1.1"})
        response = self.connection.getresponse()
        answer = json.loads(response.read() or b"{}")
        return response.status, answer.get("__type", ""), answer.get("Message", answer.get("message", ""))


@pytest.fixture
def wire(service):
    return Wire(service.port)


def example(shape):
    """A value that satisfies the shape, with the members that it requires."""
    if shape.type_name == "structure":
        return {name: example(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "list":
        return [example(shape.member)]
    if shape.type_name == "map":
        return {"key": example(shape.value)}
    if shape.type_name in ("integer", "long"):
        return max(shape.metadata.get("min", 1), 1)
    if shape.type_name == "timestamp":
        return 1_700_000_000
    if shape.type_name == "boolean":
        return True
    if shape.type_name == "blob":
        return base64.b64encode(b"x").decode()
    if shape.enum:
        return next((value for value in shape.enum if value.startswith("FLINK-")), shape.enum[0])
    pattern = shape.metadata.get("pattern")
    for value in ("word", "arn:aws:s3:::some-bucket", "10:00", "UTF-8", "$"):
        if not pattern or re.fullmatch(pattern, value):
            return value.ljust(shape.metadata.get("min", 0), "x")
    raise AssertionError(f"no example for {pattern}")


def wrong_types(shape):
    kind = shape.type_name
    if kind in ("structure", "map"):
        return ["text", [], 5, True]
    if kind == "list":
        return ["text", {}, 5]
    if kind in ("integer", "long"):
        return ["5", [], True, 1.5]
    if kind == "timestamp":
        return ["yesterday", [], {}]
    if kind == "boolean":
        return ["true", 1, {}]
    return [5, [], {}, True]


def violations(shape):
    """Values of the right type that the shape does not allow."""
    meta = shape.metadata
    if shape.type_name in ("integer", "long"):
        if "min" in meta:
            yield meta["min"] - 1
            yield -(1 << 62)
        if "max" in meta:
            yield meta["max"] + 1
    elif shape.type_name == "string" and shape.enum:
        yield from ("", "NONSENSE", shape.enum[0].lower())
    elif shape.type_name == "string":
        pattern = meta.get("pattern")
        good = example(shape)
        if meta.get("min", 0) > 0:
            yield good[:meta["min"] - 1]
        if "max" in meta:
            yield good.ljust(meta["max"] + 1, "x")
        if pattern:
            for bad in ("a b", "ä", "urn:x", "%00"):
                bad = bad.ljust(meta.get("min", 0), " ")[:meta.get("max", 99)]
                if not re.fullmatch(pattern, bad):
                    yield bad
    elif shape.type_name == "list":
        if "max" in meta:
            yield [example(shape.member)] * (meta["max"] + 1)
        if meta.get("min", 0) > 0:
            yield []
    elif shape.type_name == "map" and "max" in meta:
        yield {f"key{i}": example(shape.value) for i in range(meta["max"] + 1)}
        if meta.get("min", 0) > 0:
            yield {}


def bad_inputs(shape, good, path=(), seen=()):
    """(path, what is done, input) for the shape and everything in it. `good` is an input to work on."""
    for name, member in shape.members.items():
        here = (*path, name)

        def with_member(value, name=name):
            changed = copy.deepcopy(good)
            changed[name] = value
            return changed
        if name in shape.required_members:
            without = copy.deepcopy(good)
            without.pop(name, None)
            yield here, "missing", without
            yield here, "null", with_member(None)
        for value in wrong_types(member):
            yield here, f"type {value!r}", with_member(value)
        for value in violations(member):
            yield here, f"value {str(value)[:40]!r}", with_member(value)
        inner, wrap = member, lambda value: value
        if member.type_name == "list":
            inner, wrap = member.member, lambda value: [value]
            for value in wrong_types(inner):
                yield here, f"type of element {value!r}", with_member([value])
            for value in violations(inner):
                yield here, f"element {str(value)[:40]!r}", with_member([value])
        elif member.type_name == "map":
            for value in wrong_types(member.value):
                yield here, f"type of element {value!r}", with_member({"key": value})
        if inner.type_name == "structure" and inner.name not in seen:
            current = good.get(name, example(member))
            current = current[0] if isinstance(current, list) else current
            for deep, what, value in bad_inputs(inner, current, here, (*seen, inner.name)):
                yield deep, what, with_member(wrap(value))


def known_actions(wire):
    for action in MODEL.operation_names:
        _, kind, message = wire.call(action, {})
        if "is not supported by this version" not in message and kind != "UnknownOperationException":
            yield action


def good_input(action):
    """Of an application that exists, so that nothing else is wrong with it."""
    shape = MODEL.operation_model(action).input_shape
    given = example(shape)
    if "CurrentApplicationVersionId" in shape.members:
        given["CurrentApplicationVersionId"] = 1
    if "ResourceARN" in given:
        given["ResourceARN"] = "arn:aws:kinesisanalytics:us-east-1:000000000000:application/one"
    if "ApplicationName" in given:
        given["ApplicationName"] = "one"
    if action == "CreateApplication":
        given.update(ApplicationName="other", RuntimeEnvironment="FLINK-1_20", ServiceExecutionRole=ROLE)
    return given


def test_every_member_of_every_action(service, wire):
    """One run over all of them: thousands of requests, of which the answer to each is checked."""
    assert wire.call("CreateApplication", {**good_input("CreateApplication"), "ApplicationName": "one"})[0] == 200
    tried, wrong, actions = 0, [], list(known_actions(wire))
    assert len(actions) >= 12
    for action in actions:
        for path, what, body in bad_inputs(MODEL.operation_model(action).input_shape, good_input(action)):
            tried += 1
            status, kind, message = wire.call(action, body)
            where = f"{action} {'.'.join(path)} {what}"
            if status == 200 and action == "CreateApplication":
                delete(service, body["ApplicationName"])
            # A path in a message begins with a small letter.
            if status != 400:
                wrong.append(f"{where}: status {status} {kind} {message[:100]}")
            elif kind in REFUSALS and any(part in message for part in UNSUPPORTED & set(path)):
                continue
            elif kind not in expected(what):
                wrong.append(f"{where}: {kind} {message[:150]}")
            elif path[-1].lower() not in message.lower():
                wrong.append(f"{where} is not named: {kind} {message[:150]}")
    print(f"\n{tried} bad inputs to {len(actions)} actions, {len(wrong)} answered wrongly")
    assert tried > 1000
    assert not wrong, "\n".join(wrong[:60])
    assert service.process.poll() is None
    listed = service.client().list_applications()["ApplicationSummaries"]
    assert [one["ApplicationName"] for one in listed] == ["one"]  # and nothing of it was done


def expected(what):
    """The error types for what was done to an input. Tags have an error of their own for too many."""
    if what.startswith("type "):
        return {"SerializationException"}
    return {"InvalidArgumentException", "TooManyTagsException"}


def delete(service, name):
    client = service.client()
    detail = client.describe_application(ApplicationName=name)["ApplicationDetail"]
    client.delete_application(ApplicationName=name, CreateTimestamp=detail["CreateTimestamp"])
    wait_for("the application to be gone", lambda: name not in [
        one["ApplicationName"] for one in client.list_applications()["ApplicationSummaries"]])


def test_members_that_the_model_lacks_change_nothing(wire):
    assert wire.call("CreateApplication", {**good_input("CreateApplication"), "ApplicationName": "one"})[0] == 200
    for action in known_actions(wire):
        given = good_input(action)
        if not action.startswith(("Describe", "List")):  # which would do something: to an application that is not there
            given = json.loads(json.dumps(given).replace('"one"', '"nobody"').replace("application/one", "application/nobody"))
        if action == "CreateApplication":
            given["ApplicationName"] = "one"  # which is there
        assert wire.call(action, {**given, "Unknown": {"deep": [1]}, "applicationname": 5})[:2] == \
            wire.call(action, given)[:2], action


@pytest.mark.parametrize("body", [
    b"[" * 100_000, b'{"a":' * 100_000, b"{" + b'"a":[' * 70 + b"]" * 70 + b"}", b"nul", b'{"ApplicationName": NaN}',
    b'{"ApplicationName": "\xff\xfe"}', b'{"ApplicationName": "\\ud800"}', b'{"ApplicationName": "a"', b"[]", b"5", b'""',
    b"null", b'{"ApplicationName": "a"} {}', b"\x00", b'{"Limit": 1e999, "ApplicationName": "a"}',
], ids=lambda body: repr(body[:24]))
def test_bodies_that_are_no_request(wire, body):
    status, kind, message = wire.call("DescribeApplication", body)
    assert status == 400 and kind in ("SerializationException", "InvalidArgumentException",
                                      "ResourceNotFoundException"), (status, kind, message)
    assert wire.call("ListApplications", {})[0] == 200


def test_a_body_beyond_the_limit(service):
    for headers in ({"Content-Length": str(73 << 20)}, {"Content-Length": str(1 << 62)}):
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
        connection.request("POST", "/", headers=headers)
        assert connection.getresponse().status == 413
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    # All of it is sent, and the client still reads why it was not taken.
    connection.request("POST", "/", b"x" * (73 << 20), {"X-Amz-Target": "KinesisAnalytics_20180523.ListApplications"})
    assert connection.getresponse().status == 413
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
    connection.request("POST", "/", headers={"X-Filler": "x" * 20_000})
    assert connection.getresponse().status == 431


# ---- code packages

def archive(*entries, compression=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as writer:
        for name, content, *mode in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = compression
            if mode:
                info.create_system, info.external_attr = 3, mode[0] << 16
            writer.writestr(info, content)
    return out.getvalue()


def overlapping():
    """Both entries of the directory are the bytes of one, as in bombs that unfold to far more than their size."""
    data = bytearray(archive(("a.sql", SQL), ("b.sql", SQL)))
    first = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", first + 1)
    data[second + 42:second + 46] = data[first + 42:first + 46]
    data[second + 46:second + 51] = b"a.sql"
    return bytes(data)


def flagged_as_encrypted():
    data = bytearray(archive(("a.sql", SQL)))
    at = data.index(b"PK\x01\x02") + 8
    struct.pack_into("<H", data, at, struct.unpack_from("<H", data, at)[0] | 1)
    return bytes(data)


PACKAGES = {
    "absolute": (archive(("/etc/passwd.sql", SQL)), "absolute"),
    "climbing": (archive(("../../a.sql", SQL)), "'..'"),
    "backslashes": (archive(("a\\..\\b.sql", SQL)), "backslashes"),
    "link": (archive(("a.sql", "/etc/passwd", stat.S_IFLNK | 0o777)), "link"),
    "device": (archive(("a.sql", "", stat.S_IFCHR | 0o666)), "special file"),
    "duplicate": (archive(("a.sql", SQL), ("b.sql", SQL)).replace(b"b.sql", b"a.sql"), "two entries named"),
    "file and folder": (archive(("a", "x"), ("a/b.sql", SQL)), "a file and a folder"),
    "encrypted": (flagged_as_encrypted(), "encrypted"),
    "bomb": (archive(("a.sql", b"\0" * (64 << 20))), "times its size"),
    "bomb of many": (archive(*((f"{i}.sql", b"\0" * 1_000_000) for i in range(60))), "times its size"),
    "too many entries": (archive(*((f"{i}.sql", "") for i in range(10_001))), "entries"),
    "overlapping": (overlapping(), "shares bytes"),
    "bytes behind": (archive(("a.sql", SQL)) + b"more", "zip archive"),
    "no archive": (b"SELECT 1", "zip archive"),
    "no code": (archive(("readme.txt", "x")), ".sql"),
}


@pytest.mark.parametrize("name", PACKAGES)
def test_code_packages_that_are_refused(wire, name):
    data, reason = PACKAGES[name]
    configuration = sql_application("")
    configuration["ApplicationCodeConfiguration"] = {
        "CodeContentType": "ZIPFILE", "CodeContent": {"ZipFileContent": base64.b64encode(data).decode()}}
    status, kind, message = wire.call("CreateApplication", {
        "ApplicationName": "packed", "RuntimeEnvironment": "FLINK-1_20", "ServiceExecutionRole": ROLE,
        "ApplicationConfiguration": configuration})
    assert status == 400 and kind == "CodeValidationException" and reason in message, (status, kind, message)


# ---- where it listens

@pytest.mark.parametrize("address", ["0.0.0.0", "[::]", "192.0.2.1"])
def test_nothing_is_offered_to_the_network(tmp_path, address):
    done = subprocess.run([str(MILLRACE), "serve", "--listen", f"{address}:{free_port()}", "--data-dir", str(tmp_path)],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert "http.not-loopback" in done.stderr and "not authenticated" in done.stderr


def test_a_web_page_cannot_reach_it_by_a_name_of_its_own(service):
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
    connection.request("POST", "/", b"{}", {"Host": "evil.example", "X-Amz-Target": "KinesisAnalytics_20180523.ListApplications"})
    assert connection.getresponse().status == 421

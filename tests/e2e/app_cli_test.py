"""`millrace app` as people and scripts meet it: against a real service, and against one that holds every request to the
public service model and answers what the test tells it, for the shapes of requests and for what comes back rarely."""
import json
import os
import pty
import re
import signal
import subprocess
import threading
import time
import zipfile
from http.server import ThreadingHTTPServer

import botocore.session
import pytest
from botocore.validate import ParamValidator
from harness import MILLRACE, deaf_port, wait_for
from quiet_handler import QuietHandler

MODEL = botocore.session.get_session().get_service_model("kinesisanalyticsv2")
SQL = """
CREATE TABLE numbers (id BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '${load.rate}');
CREATE TABLE nowhere (id BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO nowhere SELECT id FROM numbers;
"""
STAMP = 1_772_323_200


def environment(url, **more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**kept, "MILLRACE_ENDPOINT": url, "HOME": "/nonexistent", "TZ": "UTC", **more}


class App:
    """Runs `millrace app …` against one endpoint."""

    def __init__(self, url):
        self.url = url

    def run(self, *words, stdin=None, **more):
        return subprocess.run([str(MILLRACE), "app", *map(str, words)], env=environment(self.url, **more), text=True,
                              capture_output=True, timeout=60, **({"input": stdin} if stdin is not None
                                                                  else {"stdin": subprocess.DEVNULL}))

    def text(self, *words, **more):
        done = self.run(*words, **more)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""  # no terminal, no progress
        return done.stdout

    def json(self, *words, **more):
        return json.loads(self.text(*words, "--json", **more))

    def fails(self, status, *words, **more):
        done = self.run(*words, **more)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        assert done.stdout == ""
        return done.stderr


# ---- a real service

@pytest.fixture
def app(service):
    return App(service.url)


@pytest.fixture
def sql_file(tmp_path):
    path = tmp_path / "job.sql"
    path.write_text(SQL)
    return path


def test_the_life_of_an_application(app, sql_file):
    assert app.text("list").split() == ["NAME", "STATUS", "VERSION", "RUNTIME"]
    assert app.text("create", "life", "--sql", sql_file, "--property", "load.rate=20", "--tag", "team=streams",
                    "--parallelism", 2, "--autoscaling", "off", "--description", "of a whole life") == "life: READY, version 1\n"
    assert app.text("start", "life") == "life: RUNNING, version 1\n"
    assert re.search(r"^\d{4}-\d\d-\d\dT[\d:.]+\+00:00 INFO +runtime\.", app.text("logs", "life"), re.MULTILINE)
    assert json.loads(app.text("logs", "life", "--lines", 1, "--json"))["messageType"]
    assert app.text("url", "life").startswith(app.url + "/flinkdashboard?authToken=")
    made = app.text("snapshots", "create", "life", "first")
    assert re.search(r"^first +READY +1 ", made, re.MULTILINE)

    shown = app.text("describe", "life")
    for expected in (r"^life$", r"^  status +RUNNING$", r"^  KPUs +2 \(parallelism 2, 1 per KPU, autoscaling off\)$",
                     r"^  description +of a whole life$", r"^  created +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$",
                     r"^  load +rate +20$", r"^  StartApplication +SUCCESSFUL +", r"^  first +READY +1 "):
        assert re.search(expected, shown, re.MULTILINE), f"{expected} not in:\n{shown}"
    detail = app.json("describe", "life", "--plan")["ApplicationDetail"]
    assert detail["ApplicationStatus"] == "RUNNING"
    plan = detail["ApplicationConfigurationDescription"]["FlinkApplicationConfigurationDescription"]["JobPlanDescription"]
    assert "numbers" in plan
    assert [one["ApplicationName"] for one in app.json("list")["ApplicationSummaries"]] == ["life"]

    stopped = app.json("stop", "life")["ApplicationOperationInfoDetails"]
    assert stopped["Operation"] == "StopApplication" and stopped["OperationStatus"] == "SUCCESSFUL"
    assert len(app.json("snapshots", "list", "life")["SnapshotSummaries"]) == 2
    assert app.text("start", "life", "--snapshot", "first", "--allow-non-restored-state") == "life: RUNNING, version 1\n"
    run = app.json("describe", "life")["ApplicationDetail"]["ApplicationConfigurationDescription"]["RunConfigurationDescription"]
    assert run["ApplicationRestoreConfigurationDescription"]["SnapshotName"] == "first"
    assert run["FlinkRunConfigurationDescription"]["AllowNonRestoredState"] is True

    operation = json.loads(app.text("stop", "life", "--force", "--no-wait", "--json"))["OperationId"]
    assert re.search(r"^  status +SUCCESSFUL$", app.text("wait", "life", "--operation", operation), re.MULTILINE)
    assert app.text("wait", "life") == "life: READY, version 1\n"
    assert re.search(r"^StopApplication$", app.text("operations", "describe", "life", operation), re.MULTILINE)
    listed = app.json("operations", "list", "life", "--operation", "StopApplication", "--limit", 1)
    assert [one["OperationId"] for one in listed["ApplicationOperationInfoList"]] == [operation]

    assert app.text("snapshots", "delete", "life", "first") == "first: deleted\n"
    app.fails(3, "snapshots", "describe", "life", "first")
    assert app.text("delete", "life") == "life: deleted\n"
    assert app.text("wait", "life", "--for", "DELETED") == "life: deleted\n"


def test_updates_rollback_versions_and_tags(app, sql_file, tmp_path):
    app.text("create", "changing", "--sql", sql_file, "--property", "load.rate=20", "--tag", "team=a")
    app.text("start", "changing")
    assert re.fullmatch(r"changing: RUNNING, version 2\nThe job was stopped for [\d.]+ m?s\.\n",
                        app.text("update", "changing", "--parallelism", 2, "--property", "other.key=x"))
    groups = app.json("describe", "changing")["ApplicationDetail"]["ApplicationConfigurationDescription"][
        "EnvironmentPropertyDescriptions"]["PropertyGroupDescriptions"]
    assert groups == [{"PropertyGroupId": "load", "PropertyMap": {"rate": "20"}},
                      {"PropertyGroupId": "other", "PropertyMap": {"key": "x"}}]
    assert "The last update stopped the job for" in app.text("describe", "changing")

    wrong = tmp_path / "wrong.sql"
    wrong.write_text("INSERT INTO nothing SELECT 1;")
    said = app.fails(1, "update", "changing", "--sql", wrong)
    assert "UpdateApplication of changing is FAILED" in said and "nothing" in said
    assert app.text("wait", "changing").startswith("changing: RUNNING")
    (failed,) = app.json("operations", "list", "changing", "--status", "FAILED")["ApplicationOperationInfoList"]
    assert re.search(r"^  error +", app.text("operations", "describe", "changing", failed["OperationId"]), re.MULTILINE)

    versions = [one["ApplicationVersionId"] for one in app.json("versions", "list", "changing")["ApplicationVersionSummaries"]]
    assert versions == sorted(versions, reverse=True) and {1, 2} <= set(versions)
    assert re.search(r"^  KPUs +1 ", app.text("versions", "describe", "changing", 1), re.MULTILINE)
    assert "ResourceNotFoundException" in app.fails(3, "versions", "describe", "changing", 99)

    assert re.search(r"^changing: RUNNING, version 1$", app.text("rollback", "changing"), re.MULTILINE)
    assert re.search(r"^  KPUs +1 ", app.text("describe", "changing"), re.MULTILINE)
    assert app.text("tags", "set", "changing", "team=b", "stage=test").splitlines()[1:] == ["stage  test", "team   b"]
    assert app.text("tags", "remove", "changing", "stage") == "KEY   VALUE\nteam  b\n"
    assert app.text("stop", "changing", "--force") == "changing: READY, version 1\n"
    assert re.search(r"^changing: READY, version \d+$", app.text("update", "changing", "--runtime", "FLINK-2_2"), re.MULTILINE)
    assert app.json("describe", "changing")["ApplicationDetail"]["RuntimeEnvironment"] == "FLINK-2_2"


def test_code_comes_from_standard_input_and_from_archives(app, service, tmp_path):
    assert app.text("create", "piped", "--sql", "-", stdin=SQL) == "piped: READY, version 1\n"
    archive = tmp_path / "code.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        writer.writestr("job.sql", SQL)
    app.text("create", "zipped", "--zip", archive, "--property", "load.rate=20")
    bucket = service.data_dir / "buckets" / "code"
    bucket.mkdir(parents=True)
    (bucket / "job.zip").write_bytes(archive.read_bytes())
    app.text("create", "stored", "--s3", "s3://code/job.zip", "--property", "load.rate=20")
    assert re.search(r"^  code +package, .*, s3://code/job.zip$", app.text("describe", "stored"), re.MULTILINE)
    for name in ("zipped", "stored"):
        assert app.text("start", name) == f"{name}: RUNNING, version 1\n"


def test_exit_statuses_tell_what_went_wrong(app, sql_file, tmp_path):
    app.text("create", "one", "--sql", sql_file)
    assert "load.rate" in app.fails(1, "start", "one")  # the property is missing
    for usage in (["describe"], ["nonsense"], ["start", "one", "--snapshot", "x", "--no-restore"],
                  ["create", "two", "--sql", "a", "--zip", "b"], ["create", "two", "--property", "novalue"],
                  ["create", "two", "--property", "nodot=1"], ["create", "two", "--s3", "bucket/key"],
                  ["start", "one", "--timeout", "soon"], ["update", "one"], []):
        done = app.run(*usage)
        assert done.returncode == 2, (usage, done.stdout, done.stderr)
    assert app.json("operations", "list", "one")["ApplicationOperationInfoList"][0]["OperationStatus"] == "FAILED"
    assert len(app.json("operations", "list", "one")["ApplicationOperationInfoList"]) == 1  # a wrong line begins nothing
    assert "--checkpoint-interval" in app.fails(2, "create", "two", "--checkpoint-interval", "often")
    assert "ResourceNotFoundException" in app.fails(3, "describe", "nobody")
    assert "ResourceNotFoundException" in app.fails(3, "wait", "nobody")
    assert "ResourceInUseException" in app.fails(4, "stop", "one")
    assert "one is not RUNNING within 200 ms" in app.fails(5, "wait", "one", "--for", "RUNNING", "--timeout", "200ms")
    assert "InvalidArgumentException" in app.fails(7, "create", "a b", "--sql", sql_file)
    text = tmp_path / "text.zip"
    text.write_text("this is no archive")
    assert "CodeValidationException" in app.fails(7, "create", "two", "--zip", text)
    assert "UnsupportedOperationException" in app.fails(8, "create", "two", "--sql", sql_file, "--runtime", "SQL-1_0")
    missing = json.loads(app.fails(1, "create", "two", "--sql", tmp_path / "missing.sql", "--json"))
    assert missing["__type"] == "io.not-found" and "missing.sql" in missing["Message"]
    assert "millrace serve" in App(f"http://127.0.0.1:{deaf_port()}").fails(6, "list")

    error = json.loads(app.fails(3, "describe", "nobody", "--json"))
    assert error["__type"] == "ResourceNotFoundException" and "nobody" in error["Message"]


def test_what_waits_shows_progress_on_a_terminal_and_nowhere_else(app, sql_file):
    app.text("create", "shown", "--sql", sql_file, "--property", "load.rate=20")
    terminal, child = pty.openpty()
    process = subprocess.Popen([str(MILLRACE), "app", "start", "shown"], env=environment(app.url),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=child, text=True)
    os.close(child)
    out = process.communicate(timeout=60)[0]
    drawn = os.read(terminal, 65536).decode()
    os.close(terminal)
    assert process.returncode == 0 and out == "shown: RUNNING, version 1\n"
    assert "shown: StartApplication" in drawn and drawn.endswith("\r\x1b[K")  # and it is wiped away


def test_completion_knows_commands_options_and_applications(app, sql_file):
    app.text("create", "orders", "--sql", sql_file)
    app.text("create", "other", "--sql", sql_file)

    def words(*given, **more):
        done = subprocess.run([str(MILLRACE), "completion", "words", "--", *given], env=environment(app.url, **more),
                              text=True, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return [line.split("\t")[0] for line in done.stdout.splitlines()]
    assert {"app", "sql", "serve", "completion"} <= set(words(""))
    assert {"list", "create", "snapshots"} <= set(words("app", ""))
    assert words("app", "snapshots", "d") == ["describe", "delete"]
    assert words("app", "start", "o") == ["orders", "other"]
    assert words("app", "start", "or") == ["orders"]
    assert words("app", "stop", "orders", "--fo") == ["--force"]
    assert words("app", "create", "x", "--autoscaling", "") == ["on", "off"]
    assert words("app", "create", "x", "--sql", "") == [":files"]
    assert words("serve", "--on-exit", "") == ["leave", "stop"]
    started = time.monotonic()
    assert words("app", "start", "o", MILLRACE_ENDPOINT=f"http://127.0.0.1:{deaf_port()}") == []
    assert time.monotonic() - started < 5

    script = subprocess.run([str(MILLRACE), "completion", "bash"], capture_output=True, text=True, check=True).stdout
    asked = script + """
        COMP_WORDS=(millrace app start or); COMP_CWORD=3; _millrace; echo "${COMPREPLY[*]}"
        COMP_WORDS=(millrace app snapshots ""); COMP_CWORD=3; _millrace; echo "${COMPREPLY[*]}"
    """
    path = f"{MILLRACE.parent}:{os.environ['PATH']}"
    done = subprocess.run(["bash", "-c", asked], env=environment(app.url, PATH=path), capture_output=True, text=True)
    assert done.stdout.splitlines() == ["orders", "list create describe delete"], done.stderr
    for shell in ("zsh", "fish"):
        script = subprocess.run([str(MILLRACE), "completion", shell], capture_output=True, text=True, check=True).stdout
        assert "completion words --" in script


# ---- a service that answers as told

class ModelService:
    """Holds every request to the service model; answers come from `answers`: action -> answer, list of answers in
    turn, or (error type, message)."""

    def __init__(self):
        self.requests, self.answers, self.violations = [], {}, []
        self.pages = {}  # path -> (status, text, or texts in turn)
        outer = self

        class Handler(QuietHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, answer = outer.answer(self.headers["X-Amz-Target"].split(".")[1], body)
                self.answer(status, json.dumps(answer).encode())

            def do_GET(self):
                status, text = outer.pages.get(self.path, (404, "nothing here"))
                if isinstance(text, list):
                    text = text.pop(0) if len(text) > 1 else text[0]
                self.answer(status, text.encode())

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, action, body):
        shape = MODEL.operation_model(action).input_shape
        report = ParamValidator().validate(body, shape)
        unknown = unknown_members(body, shape)
        if report.has_errors() or unknown:
            self.violations.append(f"{action}: {report.generate_report()} {unknown}")
        self.requests.append((action, body))
        answer = self.answers.get(action, {})
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, tuple):
            return 400, {"__type": answer[0], "Message": answer[1]}
        return 200, answer

    def sent(self, action):
        found = [body for name, body in self.requests if name == action]
        assert found, f"no {action} among {[name for name, _ in self.requests]}"
        return found[-1]


def unknown_members(value, shape):
    if shape.type_name == "structure":
        return [name for name in value if name not in shape.members] + [
            deep for name, member in value.items() if name in shape.members
            for deep in unknown_members(member, shape.members[name])]
    if shape.type_name == "list":
        return [deep for member in value for deep in unknown_members(member, shape.member)]
    return []


def detail(status="RUNNING", version=3, **more):
    return {"ApplicationDetail": {
        "ApplicationARN": "arn:aws:kinesisanalytics:us-east-1:000000000000:application/one", "ApplicationName": "one",
        "RuntimeEnvironment": "FLINK-1_20", "ApplicationStatus": status, "ApplicationVersionId": version,
        "CreateTimestamp": STAMP, "LastUpdateTimestamp": STAMP,
        "ApplicationConfigurationDescription": {"EnvironmentPropertyDescriptions": {"PropertyGroupDescriptions": [
            {"PropertyGroupId": "load", "PropertyMap": {"rate": "20", "kind": "all"}},
            {"PropertyGroupId": "old", "PropertyMap": {"key": "value"}}]}}, **more}}


def operation(status="SUCCESSFUL", name="UpdateApplication", **more):
    return {"ApplicationOperationInfoDetails": {
        "Operation": name, "OperationStatus": status, "StartTime": STAMP, "EndTime": STAMP + 2, **more}}


@pytest.fixture
def told():
    service = ModelService()
    service.answers = {"DescribeApplication": detail(), "DescribeApplicationOperation": operation()}
    yield service
    service.server.shutdown()
    assert not service.violations


def test_an_update_says_only_what_changes_and_keeps_the_other_properties(told, sql_file):
    app = App(told.url)
    told.answers["UpdateApplication"] = {"OperationId": "op1", **detail("UPDATING")}
    told.answers["DescribeApplicationOperation"] = [
        operation("IN_PROGRESS"), operation(DowntimeMilliseconds=420)]
    told.answers["DescribeApplication"] = [detail(), detail(version=4)]
    text = app.text("update", "one", "--sql", sql_file, "--parallelism", 4, "--property", "load.rate=50",
                    "--property", "new.a.b=c=d", "--remove-property", "old", "--allow-non-restored-state",
                    "--runtime", "FLINK-2_2", "--snapshots", "on", "--system-rollback", "on",
                    "--checkpoint-interval", "30s")
    assert text == "one: RUNNING, version 4\nThe job was stopped for 420 ms.\n"
    assert told.sent("UpdateApplication") == {
        "ApplicationName": "one", "CurrentApplicationVersionId": 3, "RuntimeEnvironmentUpdate": "FLINK-2_2",
        "RunConfigurationUpdate": {"FlinkRunConfiguration": {"AllowNonRestoredState": True}},
        "ApplicationConfigurationUpdate": {
            "ApplicationCodeConfigurationUpdate": {
                "CodeContentTypeUpdate": "PLAINTEXT", "CodeContentUpdate": {"TextContentUpdate": SQL}},
            "FlinkApplicationConfigurationUpdate": {
                "ParallelismConfigurationUpdate": {"ConfigurationTypeUpdate": "CUSTOM", "ParallelismUpdate": 4},
                "CheckpointConfigurationUpdate": {"ConfigurationTypeUpdate": "CUSTOM", "CheckpointingEnabledUpdate": True,
                                                  "CheckpointIntervalUpdate": 30000}},
            "ApplicationSnapshotConfigurationUpdate": {"SnapshotsEnabledUpdate": True},
            "ApplicationSystemRollbackConfigurationUpdate": {"RollbackEnabledUpdate": True},
            "EnvironmentPropertyUpdates": {"PropertyGroups": [
                {"PropertyGroupId": "load", "PropertyMap": {"kind": "all", "rate": "50"}},
                {"PropertyGroupId": "new", "PropertyMap": {"a.b": "c=d"}}]}}}
    assert "no property old.none" in app.fails(2, "update", "one", "--remove-property", "old.none")


def test_an_update_of_an_application_that_does_not_run_has_nothing_to_wait_for(told, tmp_path):
    told.answers["UpdateApplication"] = detail("READY", 4)
    file = tmp_path / "update.json"
    file.write_text(json.dumps({"FlinkApplicationConfigurationUpdate": {"ParallelismConfigurationUpdate": {
        "ConfigurationTypeUpdate": "CUSTOM", "ParallelismUpdate": 2, "ParallelismPerKPUUpdate": 2}}}))
    text = App(told.url).text("update", "one", "--configuration", file, "--parallelism", 8, "--s3", "s3://b/k.zip",
                              "--s3-version", "v7")
    assert text == "one: READY, version 4\n"
    update = told.sent("UpdateApplication")["ApplicationConfigurationUpdate"]
    assert update["FlinkApplicationConfigurationUpdate"]["ParallelismConfigurationUpdate"] == {
        "ConfigurationTypeUpdate": "CUSTOM", "ParallelismUpdate": 8, "ParallelismPerKPUUpdate": 2}
    assert update["ApplicationCodeConfigurationUpdate"] == {
        "CodeContentTypeUpdate": "ZIPFILE", "CodeContentUpdate": {"S3ContentLocationUpdate": {
            "BucketARNUpdate": "arn:aws:s3:::b", "FileKeyUpdate": "k.zip", "ObjectVersionUpdate": "v7"}}}


def test_a_failed_update_says_why_and_what_became_of_it(told):
    told.answers["UpdateApplication"] = {"OperationId": "op1"}
    told.answers["DescribeApplicationOperation"] = operation("FAILED", OperationFailureDetails={
        "RollbackOperationId": "op2", "ErrorInfo": {"ErrorString": "the sum of bids has another type"}})
    said = App(told.url).fails(1, "update", "one", "--parallelism", 4)
    assert "the sum of bids has another type" in said and "op2" in said
    told.answers["UpdateApplication"] = ("ConcurrentModificationException", "version 4 is the current one")
    assert "version 4" in App(told.url).fails(4, "update", "one", "--parallelism", 4)
    told.answers["UpdateApplication"] = ("InvalidRequestException", "UpdateApplication is not supported by this version.")
    App(told.url).fails(8, "update", "one", "--parallelism", 4)


def test_rollback_versions_tags_and_links(told):
    app = App(told.url)
    told.answers["RollbackApplication"] = {"OperationId": "op1", **detail("UPDATING")}
    told.answers["DescribeApplicationOperation"] = operation(name="RollbackApplication", ApplicationVersionChangeDetails={
        "ApplicationVersionUpdatedFrom": 3, "ApplicationVersionUpdatedTo": 2})
    assert app.text("rollback", "one") == "one: RUNNING, version 3\n"
    assert told.sent("RollbackApplication") == {"ApplicationName": "one", "CurrentApplicationVersionId": 3}
    assert re.search(r"^  version +3 to 2$", app.text("operations", "describe", "one", "op1"), re.MULTILINE)

    told.answers["ListApplicationVersions"] = [
        {"ApplicationVersionSummaries": [{"ApplicationVersionId": 3, "ApplicationStatus": "RUNNING"}], "NextToken": "t"},
        {"ApplicationVersionSummaries": [{"ApplicationVersionId": 2, "ApplicationStatus": "READY"}]}]
    assert app.text("versions", "list", "one") == "VERSION  STATUS\n3        RUNNING\n2        READY\n"
    assert told.sent("ListApplicationVersions") == {"ApplicationName": "one", "Limit": 19, "NextToken": "t"}
    told.answers["DescribeApplicationVersion"] = {"ApplicationVersionDetail": detail(version=2)["ApplicationDetail"]}
    assert re.search(r"^  version +2$", app.text("versions", "describe", "one", 2), re.MULTILINE)
    assert told.sent("DescribeApplicationVersion") == {"ApplicationName": "one", "ApplicationVersionId": 2}

    arn = detail()["ApplicationDetail"]["ApplicationARN"]
    told.answers["ListTagsForResource"] = {"Tags": [{"Key": "team", "Value": "a"}, {"Key": "bare"}]}
    assert app.text("tags", "set", "one", "team=a", "bare") == "KEY   VALUE\nteam  a\nbare\n"
    assert told.sent("TagResource") == {"ResourceARN": arn, "Tags": [{"Key": "team", "Value": "a"}, {"Key": "bare"}]}
    app.text("tags", "remove", "one", "team", "bare")
    assert told.sent("UntagResource") == {"ResourceARN": arn, "TagKeys": ["team", "bare"]}
    assert app.json("tags", "list", "one") == told.answers["ListTagsForResource"]

    told.answers["CreateApplicationPresignedUrl"] = {"AuthorizedUrl": "http://127.0.0.1/flinkdashboard?authToken=x"}
    assert app.text("url", "one", "--session", 1800) == "http://127.0.0.1/flinkdashboard?authToken=x\n"
    assert told.sent("CreateApplicationPresignedUrl") == {
        "ApplicationName": "one", "UrlType": "FLINK_DASHBOARD_URL", "SessionExpirationDurationInSeconds": 1800}


def log_line(number):
    return json.dumps({"timestamp": STAMP * 1000 + number, "messageType": "INFO", "logger": "runtime",
                       "message": f"line {number}"}) + "\n"


def test_what_was_metered(told):
    app = App(told.url)
    usage = {"usage": [{"application": "one", "arn": "arn:x", "version": 2, "kpus": 3, "startMs": 1_772_323_200_000,
                        "endMs": None, "seconds": 10.0, "kpuSeconds": 30.0}], "kpuSeconds": 30.0}
    told.pages["/usage?application=one&from=5"] = (200, json.dumps(usage))
    assert app.text("usage", "one", "--from", 5).splitlines() == [
        "APPLICATION  VERSION  KPUS  FROM                       TO  KPU-SECONDS",
        "one          2        3     2026-03-01T00:00:00+00:00      30.0", "30.0 KPU-seconds in all"]
    assert json.loads(app.text("usage", "one", "--from", 5, "--json")) == usage
    told.pages["/usage?application="] = (500, "the disk is full")
    assert "the disk is full" in app.fails(6, "usage")


def test_logs_are_chosen_and_followed(told):
    app = App(told.url)
    told.pages["/logs?application=one&limit=2&from=5&to=9&level=WARN&text=a%20b"] = (200, log_line(3) + log_line(4))
    assert app.text("logs", "one", "--lines", 2, "--from", 5, "--to", 9, "--level", "warn", "--text", "a b") == (
        "2026-03-01T00:00:00.003+00:00 INFO  runtime line 3\n2026-03-01T00:00:00.004+00:00 INFO  runtime line 4\n")
    told.pages["/logs?application=one&limit=100"] = (200, "".join(map(log_line, range(5))))
    assert [json.loads(line)["message"] for line in app.text("logs", "one", "--json").splitlines()] == [
        f"line {number}" for number in range(5)]

    told.pages["/logs?application=one&limit=1"] = (200, log_line(0))
    told.pages[f"/logs?application=one&limit=10000&from={STAMP}"] = (
        200, ["".join(map(log_line, range(count))) for count in (1, 3, 4)])
    following = subprocess.Popen([str(MILLRACE), "app", "logs", "one", "--lines", "1", "--follow", "--json"],
                                 env=environment(told.url), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    lines = [json.loads(following.stdout.readline())["message"] for _ in range(4)]
    following.send_signal(signal.SIGINT)
    assert following.wait(10) == -signal.SIGINT
    assert lines == [f"line {number}" for number in range(4)]

    told.pages["/logs?application=one&limit=100"] = (404, "The application one does not exist.")
    assert "does not exist" in app.fails(3, "logs", "one")
    told.pages["/logs?application=one&limit=100"] = (500, "the disk is full")
    assert "the disk is full" in app.fails(6, "logs", "one")


def test_describe_shows_health_and_the_last_downtime(told):
    told.answers["DescribeApplication"] = detail(
        Health={"Status": "UNHEALTHY", "Reasons": ["no checkpoint for 5 min", "the watermark stands"]}, ApplicationVersionUpdatedFrom=2)
    told.answers["ListApplicationOperations"] = {"ApplicationOperationInfoList": [
        {"Operation": "UpdateApplication", "OperationId": "op1", "OperationStatus": "SUCCESSFUL", "StartTime": STAMP,
         "EndTime": STAMP + 75}]}
    told.answers["DescribeApplicationOperation"] = operation(DowntimeMilliseconds=1500)
    shown = App(told.url).text("describe", "one")
    assert re.search(r"^  health +UNHEALTHY: no checkpoint for 5 min; the watermark stands$", shown, re.MULTILINE)
    assert re.search(r"^  version +3, updated from 2$", shown, re.MULTILINE)
    assert re.search(r"^  UpdateApplication +SUCCESSFUL +2026-03-01T00:00:00\+00:00 +1 min 15 s +op1$", shown, re.MULTILINE)
    assert "The last update stopped the job for 1.5 s." in shown


def test_waiting_ends_when_the_application_comes_to_rest_elsewhere(told):
    told.answers["DescribeApplication"] = [detail("STARTING"), detail("STARTING"), detail("READY")]
    assert "one is READY, not RUNNING" in App(told.url).fails(1, "wait", "one", "--for", "RUNNING")


def test_what_is_no_service_is_said_to_be_none(told):
    told.answers["ListApplications"] = ("", "no type")
    assert "status 400" in App(told.url).fails(6, "list")
    told.answers["ListApplications"] = {"ApplicationSummaries": [
        {"ApplicationName": "\x1b[31mred", "ApplicationStatus": "READY", "ApplicationVersionId": 1}]}
    assert "\x1b" not in App(told.url).text("list")


def test_requests_are_signed_if_there_are_credentials(told):
    seen = []
    original = told.server.RequestHandlerClass.do_POST

    def recording(handler):
        seen.append(handler.headers["Authorization"])
        original(handler)
    told.server.RequestHandlerClass.do_POST = recording
    told.answers["ListApplications"] = {"ApplicationSummaries": []}
    App(told.url).text("list")
    App(told.url).text("list", "--region", "eu-west-1", AWS_ACCESS_KEY_ID="AKID", AWS_SECRET_ACCESS_KEY="secret")
    assert seen[0] is None
    assert "Credential=AKID/" in seen[1] and "/eu-west-1/kinesisanalytics/aws4_request" in seen[1]

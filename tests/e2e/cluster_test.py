"""`millrace cluster` as the service starts it: the ready file, the Flink REST API, savepoints, signals, memory."""
import json
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from harness import MILLRACE, wait_for

JOB = "0123456789abcdef0123456789abcdef"
SQL = """
CREATE TABLE orders (id INT, customer STRING)
WITH ('connector' = 'filesystem', 'path' = '${app.dir}/in', 'source.monitor-interval' = '20 ms', 'format' = 'json');
CREATE TABLE copies (customer STRING, id INT) WITH ('connector' = 'filesystem', 'path' = '${app.dir}/out', 'format' = 'json');
INSERT INTO copies SELECT customer, id FROM orders;
"""


class Cluster:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.ready = self.folder / "ready.json"
        self.process = None
        (self.folder / "in").mkdir()

    def start(self, sql=SQL, **package):
        self.ready.unlink(missing_ok=True)
        configuration = {"state.checkpoints.dir": str(self.folder / "checkpoints"), "parallelism.default": "1",
                         "execution.checkpointing.interval": "100 ms", "restart-strategy.type": "exponential-delay"}
        configuration.update(package.pop("configuration", {}))
        (self.folder / "package.json").write_text(json.dumps({
            "applicationName": "orders", "applicationArn": "arn:test", "applicationVersionId": 1, "sql": sql,
            "properties": {"app": {"dir": str(self.folder)}}, "configuration": configuration, "jobId": JOB,
            "logFile": str(self.folder / "cluster.log"), **package}))
        self.process = subprocess.Popen(
            [str(MILLRACE), "cluster", "--application", "orders", "--data-dir", str(self.folder),
             "--package", str(self.folder / "package.json"), "--rest", "127.0.0.1:0", "--ready-file", str(self.ready)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        wait_for("the ready file", lambda: self.ready.exists() or self.process.poll() is not None, 20)
        return json.loads(self.ready.read_text())

    def end(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(20)

    def ask(self, path, method="GET", body=None):
        port = json.loads(self.ready.read_text())["port"]
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def publish(self, name, *ids):
        hidden = self.folder / "in" / f".{name}"
        hidden.write_text("".join(f'{{"id": {i}, "customer": "ann"}}\n' for i in ids))
        hidden.rename(self.folder / "in" / name)

    def copied(self):
        out = self.folder / "out"
        files = [path for path in out.rglob("*") if path.is_file()
                 and not any(part.startswith((".", "_")) for part in path.relative_to(out).parts)] if out.exists() else []
        return sorted(json.loads(line)["id"] for path in files for line in path.read_text().splitlines())


@pytest.fixture
def cluster(tmp_path):
    cluster = Cluster(tmp_path)
    yield cluster
    if cluster.process and cluster.process.poll() is None:
        cluster.process.kill()
        cluster.process.wait()


def savepoint(cluster, stop):
    path = f"/jobs/{JOB}/" + ("stop" if stop else "savepoints")
    target = str(cluster.folder / "savepoints")
    status, answer = cluster.ask(path, "POST", {"targetDirectory": target} if stop else {"target-directory": target})
    assert status == 202
    done = wait_for("the savepoint", lambda: (found := cluster.ask(f"/jobs/{JOB}/savepoints/{answer['request-id']}")[1])[
        "status"]["id"] == "COMPLETED" and found)
    location = done["operation"]["location"]
    assert location.startswith("file:/")
    return location[len("file:"):]


@pytest.mark.parametrize("detail", [True, False])
def test_a_running_job_tells_what_its_operators_did(cluster, detail):
    cluster.start("SET 'millrace.metrics.operator-detail' = 'true';" * detail + SQL)
    cluster.publish("a.json", 1, 2, 3)
    wait_for("the rows", lambda: cluster.copied() == [1, 2, 3])
    status, answer = cluster.ask(f"/jobs/{JOB}/explain-analyze")
    lines = answer["text"].splitlines()
    assert status == 200
    calc = next(i for i, line in enumerate(lines) if line.startswith("+- Calc(select=[customer, id])"))
    assert lines[calc + 1].startswith("      rows in 3, rows out 3" + ", time " * detail)
    assert ("time" in answer["text"]) == detail
    assert lines[-1].startswith("not ended yet in 1 slot")
    assert cluster.end() == 0


def test_the_ready_file_is_written_once_the_job_runs_and_rest_answers(cluster):
    ready = cluster.start()
    assert ready["pid"] == cluster.process.pid and ready["jobId"] == JOB
    assert cluster.ask("/jobs") == (200, {"jobs": [{"id": JOB, "status": "RUNNING"}]})
    status, job = cluster.ask(f"/jobs/{JOB}")
    assert status == 200 and job["name"] == "orders" and job["state"] == "RUNNING"
    assert all(vertex["status"] == "RUNNING" for vertex in job["vertices"])
    assert cluster.ask("/jobs/" + "f" * 32)[0] == 404
    arguments = Path(f"/proc/{cluster.process.pid}/cmdline").read_bytes().split(b"\0")
    assert b"orders" in arguments and str(cluster.folder).encode() in arguments


def test_rows_are_copied_and_sigterm_ends_it_in_order(cluster):
    cluster.start()
    cluster.publish("1.json", 1, 2)
    wait_for("the rows", lambda: cluster.copied() == [1, 2])
    assert cluster.end() == 0


def test_a_stopped_job_goes_on_from_its_savepoint_at_another_parallelism(cluster):
    cluster.start()
    cluster.publish("1.json", 1, 2)
    wait_for("the rows", lambda: cluster.copied() == [1, 2])
    location = savepoint(cluster, stop=True)
    wait_for("the job to end", lambda: cluster.ask(f"/jobs/{JOB}")[1]["state"] == "FINISHED")
    assert cluster.process.poll() is None, "an ended job is still answered for"
    cluster.end()
    cluster.publish("2.json", 3)
    cluster.start(restore=location, configuration={"parallelism.default": "3"}, fullRestarts=5)
    wait_for("the new row", lambda: cluster.copied() == [1, 2, 3])
    assert cluster.ask(f"/jobs/{JOB}/metrics?get=fullRestarts")[1] == [{"id": "fullRestarts", "value": "5"}]
    assert cluster.ask(f"/jobs/{JOB}/checkpoints")[1]["latest"]["restored"]["is_savepoint"] is True


def test_a_killed_cluster_goes_on_from_its_last_checkpoint(cluster):
    cluster.start()
    cluster.publish("1.json", 1, 2)
    wait_for("the rows", lambda: cluster.copied() == [1, 2])
    wait_for("a checkpoint after them",
             lambda: (cluster.ask(f"/jobs/{JOB}/checkpoints")[1]["counts"]["completed"] >= 2))
    path = cluster.ask(f"/jobs/{JOB}/checkpoints")[1]["latest"]["completed"]["external_path"][len("file:"):]
    cluster.end(signal.SIGKILL)
    if not Path(path, "_metadata").exists():  # a later one took its place before the kill
        path = max((cluster.folder / "checkpoints" / JOB).glob("chk-*/_metadata"),
                   key=lambda found: int(found.parent.name[4:])).parent
    cluster.publish("2.json", 3)
    cluster.start(restore=str(path))
    wait_for("the new row", lambda: cluster.copied() == [1, 2, 3])


def test_a_cancelled_job_takes_no_savepoint(cluster):
    cluster.start()
    savepoint(cluster, stop=False)
    assert cluster.ask(f"/jobs/{JOB}?mode=cancel", "PATCH")[0] == 202
    wait_for("the job to be cancelled", lambda: cluster.ask(f"/jobs/{JOB}")[1]["state"] == "CANCELED")
    assert cluster.ask(f"/jobs/{JOB}/savepoints", "POST", {})[0] == 409
    assert cluster.end() == 0


@pytest.mark.parametrize("sql, code, part", [
    ("SELECT 1 +;", "sql.syntax", "application:1:"),
    (SQL + "INSERT INTO nope SELECT 1;", "sql.unknown-table", "nope"),
    ("SET 'state.backend.type' = 'x'; SET 'parallelism.default' = '9';" + SQL, "application.controlled-settings",
     "parallelism.default, state.backend.type"),
    (SQL.replace("app.dir", "app.nowhere"), "sql.unfilled-placeholder", "app.nowhere"),
])
def test_code_that_cannot_run_is_reported_and_ends_the_cluster(cluster, sql, code, part):
    ready = cluster.start(sql)
    assert cluster.process.wait(10) == 1
    assert ready["error"]["code"] == code
    assert part in ready["error"]["message"]


def test_a_problem_is_placed_in_its_file(cluster):
    ready = cluster.start(sql="", files={"1-tables.sql": SQL, "2-more.sql": "-- more\nINSERT INTO nope SELECT 1;"})
    assert ready["error"]["code"] == "sql.unknown-table"
    assert "2-more.sql:2:13" in ready["error"]["message"]


def test_a_snapshot_that_is_not_there_or_damaged_is_reported(cluster):
    assert cluster.start(restore=str(cluster.folder / "nowhere"))["error"]["code"] == "snapshot.not-found"
    assert cluster.process.wait(10) == 1
    cluster.start()
    location = savepoint(cluster, stop=True)
    cluster.end()
    metadata = Path(location, "_metadata")
    damaged = bytearray(metadata.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    metadata.write_bytes(damaged)
    error = cluster.start(restore=location)["error"]
    assert error["code"] == "snapshot.damaged" and str(metadata) in error["message"]


def test_an_idle_cluster_is_small(cluster):
    cluster.start()
    lines = Path(f"/proc/{cluster.process.pid}/smaps_rollup").read_text().splitlines()
    private_kb = sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
    assert private_kb < 30 * 1024

"""Apache Flink's own command line and classes against a native cluster, unmodified."""
import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from cluster_test import JOB, SQL, cluster  # noqa: F401  (the fixture)
from harness import ROOT, wait_for

sys.path.insert(0, str(ROOT / "tools/peers"))
import apache_flink  # noqa: E402


@pytest.fixture(scope="module")
def flink():
    try:
        apache_flink.install()
    except apache_flink.Unavailable as reason:
        pytest.skip(f"Apache Flink cannot be installed: {reason}")
    return apache_flink


@pytest.fixture
def run(flink, cluster, tmp_path):  # noqa: F811
    """Starts the cluster; returns what runs one command of Flink's client against it."""
    port = cluster.start()["port"]
    cluster.publish("1.json", 1, 2)
    wait_for("the rows", lambda: cluster.copied() == [1, 2])
    environment = flink.environment(tmp_path)

    def command(action, *arguments):
        return subprocess.run([str(flink.HOME / "bin/flink"), action, "-m", f"127.0.0.1:{port}", *map(str, arguments)],
                              capture_output=True, text=True, env=environment, timeout=120)
    return command


def path_in(output):
    return Path(re.search(r"Path: file:(\S+)", output).group(1))


def test_list_shows_the_job_that_runs(run, cluster):  # noqa: F811
    listed = run("list")
    assert listed.returncode == 0, listed.stderr
    assert re.search(rf" : {JOB} : orders \(RUNNING\)", listed.stdout)
    cancelled = run("cancel", JOB)
    assert cancelled.returncode == 0, cancelled.stderr
    assert f"Cancelled job {JOB}." in cancelled.stdout
    wait_for("the job to be cancelled", lambda: cluster.ask(f"/jobs/{JOB}")[1]["state"] == "CANCELED")
    assert "No running jobs." in run("list").stdout
    assert f"{JOB} : orders (CANCELED)" in run("list", "--all").stdout


def test_savepoints_are_taken_refused_and_disposed_of(run, cluster, tmp_path):  # noqa: F811
    taken = run("savepoint", JOB, tmp_path / "savepoints")
    assert taken.returncode == 0, taken.stderr
    savepoint = path_in(taken.stdout)
    assert (savepoint / "_metadata").exists() and savepoint.parent == tmp_path / "savepoints"

    (tmp_path / "no-folder").write_text("a file is in the way")
    failed = run("savepoint", JOB, tmp_path / "no-folder")
    assert failed.returncode != 0
    assert "no-folder" in failed.stderr and "CheckpointException" in failed.stderr, failed.stderr

    disposed = run("savepoint", "--dispose", savepoint)
    assert disposed.returncode == 0, disposed.stderr
    assert not savepoint.exists()
    again = run("savepoint", "--dispose", savepoint)
    assert again.returncode != 0 and "there is no complete snapshot" in again.stderr

    checkpoint = run("checkpoint", JOB)
    assert checkpoint.returncode == 0, checkpoint.stderr
    number = int(re.search(r"Checkpoint (\d+) for job", checkpoint.stdout).group(1))
    assert number <= cluster.ask(f"/jobs/{JOB}/checkpoints")[1]["counts"]["total"]


@pytest.mark.parametrize("drain", [False, True])
def test_stop_leaves_a_savepoint_that_the_job_goes_on_from(run, cluster, tmp_path, drain):  # noqa: F811
    stopped = run("stop", *["--drain"] * drain, "--savepointPath", tmp_path / "savepoints", JOB)
    assert stopped.returncode == 0, stopped.stderr
    savepoint = path_in(stopped.stdout)
    wait_for("the job to end", lambda: cluster.ask(f"/jobs/{JOB}")[1]["state"] == "FINISHED")
    assert cluster.ask(f"/jobs/{JOB}/checkpoints")[1]["latest"]["savepoint"]["checkpoint_type"] == "SYNC_SAVEPOINT"
    cluster.end()
    cluster.publish("2.json", 3)
    cluster.start(restore=str(savepoint), configuration={"parallelism.default": "2"})
    wait_for("the new row", lambda: cluster.copied() == [1, 2, 3])


def test_what_is_not_there_is_told(run):
    other = "f" * 32
    for arguments in [("cancel", other), ("savepoint", other, "/tmp"), ("stop", other)]:
        done = run(*arguments)
        assert done.returncode != 0
        assert f"Job {other} not found" in done.stderr, done.stderr


@pytest.mark.parametrize("version, runtime_environment", [("1.20.3", "FLINK-1_20"), ("2.1.0", "FLINK-2_1")])
def test_flinks_classes_read_every_answer(flink, cluster, version, runtime_environment):  # noqa: F811
    try:
        jars = flink.libraries(version)
    except flink.Unavailable as reason:
        pytest.skip(f"Apache Flink {version} cannot be installed: {reason}")
    aggregating = SQL.replace("INSERT INTO", """
        CREATE TABLE counts (customer STRING, n BIGINT) WITH ('connector' = 'blackhole');
        EXECUTE STATEMENT SET BEGIN
        INSERT INTO counts SELECT customer, COUNT(*) FROM orders GROUP BY customer;
        INSERT INTO""") + "END;"
    port = cluster.start(aggregating, runtimeEnvironment=runtime_environment, configuration={
        "parallelism.default": "2", "execution.checkpointing.interval": "1 h"})["port"]
    cluster.publish("1.json", 1, 2)
    # One alone: of those that are taken again and again, only the newest ten are told of when Java has started.
    assert cluster.ask(f"/jobs/{JOB}/checkpoints", "POST", {})[0] == 202
    wait_for("a checkpoint", lambda: cluster.ask(f"/jobs/{JOB}/checkpoints")[1]["counts"]["completed"])
    # Its rates are known after a while; they are answers too.
    vertex = cluster.ask(f"/jobs/{JOB}")[1]["vertices"][0]["id"]
    rates = f"/jobs/{JOB}/vertices/{vertex}/subtasks/metrics?get=numRecordsOutPerSecond"
    wait_for("rates", lambda: cluster.ask(rates)[1])
    checkpoint = cluster.ask(f"/jobs/{JOB}/checkpoints")[1]["latest"]["completed"]["id"]
    manager = cluster.ask("/taskmanagers")[1]["taskmanagers"][0]["id"]
    done = subprocess.run(
        ["java", "-cp", f"{jars}/*", str(Path(__file__).with_name("FlinkAnswers.java")),
         str(next(jars.glob("flink-dist-*.jar"))), f"http://127.0.0.1:{port}", JOB, vertex, str(checkpoint), manager],
        capture_output=True, text=True, timeout=120)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert not [line for line in lines if line.startswith("wrong ")]
    assert sum(line.startswith("ok ") for line in lines) >= 50


def test_versioned_paths_and_errors_are_flinks(cluster):  # noqa: F811
    port = cluster.start()["port"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/jobs/overview", timeout=10) as answer:
        assert json.load(answer)["jobs"][0]["jid"] == JOB
    status, body = cluster.ask(f"/v1/jobs/{JOB}/vertices/nothing")
    assert status == 404 and len(body["errors"]) == 1

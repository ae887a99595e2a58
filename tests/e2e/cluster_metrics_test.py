"""What a cluster tells of itself: Prometheus' metrics, the log, its traces and its rotation."""
import json
import re
import shutil
import subprocess
import urllib.request

import pytest
from cluster_test import JOB, SQL, cluster  # noqa: F401  (the fixture)
from harness import wait_for


def text_of(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return answer.read().decode()


def log_messages(cluster):  # noqa: F811
    return [json.loads(line)["message"] for line in (cluster.folder / "cluster.log").read_text().splitlines()]


@pytest.mark.parametrize("level", ["APPLICATION", "PARALLELISM"])
def test_prometheus_own_check_finds_nothing(cluster, level):  # noqa: F811
    assert shutil.which("promtool"), "Debian's package prometheus has it: tools/install test"
    port = cluster.start(configuration={"parallelism.default": "2"}, metricsLevel=level)["port"]
    cluster.publish("1.json", 1, 2, 3)
    wait_for("the rows", lambda: cluster.copied() == [1, 2, 3])
    wait_for("rates", lambda: "millrace_num_records_in_per_second" in text_of(port, "/metrics"))
    text = text_of(port, "/metrics")
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout + done.stderr) == (0, ""), done.stderr
    common = '{application="orders",application_version="1"}'
    assert f"millrace_num_records_in_total{common} 3\n" in text
    assert f"millrace_num_records_out_total{common} 3\n" in text
    assert f"millrace_full_restarts_total{common} 0\n" in text
    assert float(re.search(r"millrace_uptime_seconds{\S* (\S+)", text).group(1)) > 0
    assert 0 < float(re.search(r"millrace_container_memory_utilization_percent{\S* (\S+)", text).group(1)) < 100
    assert ("millrace_subtask_num_records_out_total" in text) == (level == "PARALLELISM")


def test_the_log_tells_of_tasks_checkpoints_and_starts(cluster):  # noqa: F811
    port = cluster.start(configuration={"parallelism.default": "2"})["port"]
    cluster.publish("1.json", 1)
    wait_for("a checkpoint", lambda: cluster.ask(f"/jobs/{JOB}/checkpoints")[1]["counts"]["completed"] >= 2)
    assert cluster.ask(f"/jobs/{JOB}?mode=cancel", "PATCH")[0] == 202
    wait_for("the job to be cancelled", lambda: cluster.ask(f"/jobs/{JOB}")[1]["state"] == "CANCELED")
    messages = log_messages(cluster)
    for subtask in ("1/2", "2/2"):
        for change in ("CREATED to SCHEDULED", "DEPLOYING to INITIALIZING", "INITIALIZING to RUNNING",
                       "RUNNING to CANCELING", "CANCELING to CANCELED"):
            wanted = re.compile(rf"^Source: .* \({subtask}\) switched from {change}\.$")
            assert [message for message in messages if wanted.match(message)], change
    assert f"Job orders ({JOB}) switched from state CREATED to RUNNING." in messages
    spans = [message for message in messages if message.startswith("Reported span: SimpleSpan{")]
    assert re.search(rf"name=JobInitialization, startTsMillis=\d+, endTsMillis=\d+, attributes={{jobId={JOB}, "
                     r"initializationStatus=COMPLETED, maxInitializeStateDurationMs=\d+", "\n".join(spans))
    assert re.search(rf"name=Checkpoint, startTsMillis=\d+, endTsMillis=\d+, attributes={{jobId={JOB}, checkpointId=1, "
                     r"checkpointStatus=COMPLETED, fullSize=\d+, checkpointedSize=\d+", "\n".join(spans))
    assert '"threadName":"coordinator"' in text_of(port, "/jobmanager/log")


def test_a_task_that_fails_is_told(cluster):  # noqa: F811
    cluster.start()
    (cluster.folder / "in/bad.json").write_text("this is no JSON\n")
    wait_for("a failure", lambda: cluster.ask(f"/jobs/{JOB}/exceptions")[1]["exceptionHistory"]["entries"])
    messages = log_messages(cluster)
    wanted = re.compile(r"^Source: .* \(1/1\) switched from RUNNING to FAILED\.$")
    assert [message for message in messages if wanted.match(message)]
    entry = cluster.ask(f"/jobs/{JOB}/exceptions")[1]["exceptionHistory"]["entries"][0]
    assert entry["taskName"].endswith("(1/1)") and "bad.json" in entry["stacktrace"]
    assert entry["exceptionName"] and entry["failureLabels"] == {"TYPE": "USER"}
    wait_for("a restart", lambda: cluster.ask(f"/jobs/{JOB}/metrics?get=fullRestarts")[1][0]["value"] != "0")


def test_the_log_is_rotated_and_old_files_go(cluster):  # noqa: F811
    # Every checkpoint is a line of more than 300 bytes; 12 kB of log take less than 40 of them.
    port = cluster.start(configuration={"execution.checkpointing.interval": "20 ms", "env.log.size-max": "4 kb",
                                        "env.log.max": "2"})["port"]
    wait_for("a third file", lambda: (cluster.folder / "cluster.2.log").exists(), 60)
    before = cluster.ask(f"/jobs/{JOB}/checkpoints")[1]["counts"]["completed"]
    wait_for("more", lambda: cluster.ask(f"/jobs/{JOB}/checkpoints")[1]["counts"]["completed"] > before + 40, 60)
    assert sorted(path.name for path in cluster.folder.glob("cluster*.log")) == [
        "cluster.1.log", "cluster.2.log", "cluster.log"]
    assert (cluster.folder / "cluster.1.log").stat().st_size <= 4 << 10
    listed = cluster.ask("/jobmanager/logs")[1]["logs"]
    assert [one["name"] for one in listed] == ["cluster.log", "cluster.1.log", "cluster.2.log"]
    for line in text_of(port, "/jobmanager/logs/cluster.2.log").splitlines():
        assert json.loads(line)["applicationVersionId"] == "1"
    assert cluster.ask("/jobmanager/logs/package.json")[0] == 404
    cluster.end()
    assert cluster.start(configuration={"env.log.max": "lots"})["error"]["code"] == "config.bad-value"

"""Flink's own dashboard, from its distribution, over a native cluster: every page in a real browser."""
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from cluster_test import JOB, SQL, cluster  # noqa: F401  (the fixture)
from harness import ROOT, wait_for

sys.path.insert(0, str(ROOT / "tools/peers"))
import apache_flink  # noqa: E402


@pytest.mark.parametrize("version, runtime_environment", [("1.20.3", "FLINK-1_20"), ("2.1.0", "FLINK-2_1")])
def test_every_page_shows_what_there_is(cluster, tmp_path, version, runtime_environment):  # noqa: F811
    try:
        jars = apache_flink.libraries(version)
    except apache_flink.Unavailable as reason:
        pytest.skip(f"Apache Flink {version} cannot be installed: {reason}")
    assert shutil.which("chromium"), "Debian's package chromium has it: tools/install test"
    with zipfile.ZipFile(next(jars.glob("flink-dist-*.jar"))) as jar:
        jar.extractall(tmp_path, [name for name in jar.namelist() if name.startswith("web/")])

    sql = SQL.replace("INSERT INTO", """
        CREATE TABLE counts (customer STRING, n BIGINT) WITH ('connector' = 'blackhole');
        EXECUTE STATEMENT SET BEGIN
        INSERT INTO counts SELECT customer, COUNT(*) FROM orders GROUP BY customer;
        INSERT INTO""") + "END;"
    port = cluster.start(sql, runtimeEnvironment=runtime_environment, configuration={
        "parallelism.default": "2", "execution.checkpointing.interval": "1 s", "s3.secret-key": "hush"})["port"]
    (cluster.folder / "in/bad.json").write_text("this is no JSON\n")
    wait_for("a failure", lambda: cluster.ask(f"/jobs/{JOB}/exceptions")[1]["exceptionHistory"]["entries"])
    (cluster.folder / "in/bad.json").unlink()
    cluster.publish("1.json", *range(1, 8))
    wait_for("the rows", lambda: cluster.copied() == list(range(1, 8)))
    vertex = next(one for one in cluster.ask(f"/jobs/{JOB}")[1]["vertices"] if "GroupAggregate" in one["name"])["id"]
    manager = cluster.ask("/taskmanagers")[1]["taskmanagers"][0]["id"]

    done = subprocess.run(["node", str(Path(__file__).with_name("flink_dashboard.mjs")), str(ROOT / "build/node"),
                           str(tmp_path / "web"), f"http://127.0.0.1:{port}", JOB, vertex, manager],
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    pages = {page["name"]: page for page in map(json.loads, done.stdout.splitlines())}
    assert not {name: page["wrong"] for name, page in pages.items() if page["wrong"]}
    text = {name: page["text"] for name, page in pages.items()}
    assert "orders" in text["overview"] and "RUNNING" in text["overview"]
    assert "GroupAggregate" in text["job"] and "loading" not in text["job"]
    assert re.search(r"Records Received 7\b", text["detail"]), text["detail"]
    assert "loading" not in text["subtasks"] and "RUNNING" in text["subtasks"]
    assert re.search(r"Back Pressure Status: OK", text["backpressure"])
    assert "bad.json" in text["exceptions"]
    assert re.search(r"Completed: [1-9]", text["checkpoints"]) and "chk-" in text["checkpoints"]
    assert "exponential-delay" in text["configuration"]
    assert "hush" not in "".join(text.values()) and "s3.secret-key ******" in text["settings"]
    assert "slot-0" in text["threads"] and "slot-1" in text["threads"]

"""examples/monitoring with a real Prometheus: what it scrapes is what the rules and the dashboard ask for."""
import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request

from harness import ROLE, ROOT, free_port, sql_application, wait_for, wait_for_status

FOLDER = ROOT / "examples/monitoring"
SQL = """
CREATE TABLE numbers (id BIGINT, at AS CAST(CURRENT_TIMESTAMP AS TIMESTAMP(3)), WATERMARK FOR at AS at)
  WITH ('connector' = 'datagen', 'rows-per-second' = '100');
CREATE TABLE counts (n BIGINT, ends TIMESTAMP(3)) WITH ('connector' = 'blackhole');
INSERT INTO counts SELECT COUNT(*), window_end FROM TABLE(TUMBLE(TABLE numbers, DESCRIPTOR(at), INTERVAL '1' SECOND))
  GROUP BY window_start, window_end;
"""
# There is no such source here.
OF_OTHER_SOURCES = {"millrace_behind_latest_seconds", "millrace_records_lag_max"}


def test_the_rules_answer_to_what_they_should():
    assert shutil.which("promtool"), "Debian's package prometheus has it: tools/install test"
    for words in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"], ["check", "config", "prometheus.yml"]):
        done = subprocess.run(["promtool", *words], cwd=FOLDER, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_finds_clusters_and_every_series_that_is_asked_for(service, client, tmp_path):
    client.create_application(ApplicationName="watched", RuntimeEnvironment="FLINK-1_20", ServiceExecutionRole=ROLE,
                              ApplicationConfiguration=sql_application(SQL))
    client.start_application(ApplicationName="watched")
    wait_for_status(client, "watched", "RUNNING")
    configuration = (FOLDER / "prometheus.yml").read_text().replace("127.0.0.1:8090", f"127.0.0.1:{service.port}")
    configuration = configuration.replace("interval: 15s", "interval: 1s").replace("interval: 5s", "interval: 1s")
    (tmp_path / "prometheus.yml").write_text(configuration)
    shutil.copy(FOLDER / "alerts.yml", tmp_path)
    port = free_port()
    prometheus = subprocess.Popen(
        ["prometheus", "--config.file", tmp_path / "prometheus.yml", "--web.listen-address", f"127.0.0.1:{port}",
         "--storage.tsdb.path", tmp_path / "tsdb"], stdout=subprocess.DEVNULL, stderr=open(tmp_path / "prometheus.log", "wb"))

    def ask(path, **parameters):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}?{urllib.parse.urlencode(parameters)}", timeout=5) as answer:
                return json.load(answer)["data"]
        except OSError:
            return None
    try:
        def up():
            found = ask("/api/v1/query", query="up == 1")
            return found and {one["metric"]["job"] for one in found["result"]} == {"millrace-service", "millrace-clusters"}
        wait_for("both kinds of targets to be up", up, 60, 0.2)
        dashboard = json.loads((FOLDER / "grafana-dashboard.json").read_text())
        texts = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
        texts += re.findall(r"^ +expr: (.*)$", (FOLDER / "alerts.yml").read_text(), re.M)
        names = set(re.findall(r"\bmillrace_[a-z_]+", " ".join(texts)))
        assert len(names) > 15
        for name in sorted(names - OF_OTHER_SOURCES):
            wait_for(f"a series {name}", lambda name=name: (ask("/api/v1/query", query=name) or {}).get("result"), 30, 0.2)
        rules = ask("/api/v1/rules")["groups"][0]["rules"]
        assert all(rule["health"] in ("ok", "unknown") for rule in rules), rules
        by_name = {one["metric"]["__name__"]: one for one in ask("/api/v1/query", query='{application="watched"}')["result"]}
        assert float(by_name["millrace_application_kpus"]["value"][1]) == 1
        assert float(by_name["millrace_full_restarts_total"]["value"][1]) == 0
    finally:
        prometheus.terminate()
        prometheus.wait(20)

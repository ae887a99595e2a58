"""Apache Flink as a peer: one JobManager and one TaskManager on loopback."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nexmark

sys.path.insert(0, str(nexmark.ROOT / "tools/peers"))
import apache_flink  # noqa: E402
from apache_flink import HOME, VERSION, Unavailable  # noqa: E402

REST = "http://127.0.0.1:18081"
GATEWAY = "http://127.0.0.1:18083/v1"

# What Flink's text needs where Flink cannot run the published one: q13's table with legacy keys is read by no
# Flink since 1.15, and a file is no lookup table there; q14's class is not in its libraries.
SIDE_INPUT = """CREATE TABLE side_input (key BIGINT, `value` VARCHAR)
WITH ('connector' = 'filesystem', 'path' = 'file://{folder}/data/side_input.txt', 'format' = 'csv')"""


# What Flink's batch mode cannot plan; their results only grow, so that streaming mode ends with the same rows.
STREAMING = {"q11"}


def install():
    """Installs Flink if it is not there. Raises Unavailable."""
    apache_flink.install()
    if not list(HOME.glob("opt/flink-sql-gateway-*.jar")):  # PyPI's package lacks it
        if shutil.which("mvn") is None:
            raise Unavailable("there is no mvn to fetch its SQL gateway with (Debian: maven)")
        apache_flink.fetch("mvn", ["mvn", "--batch-mode", "--quiet", "dependency:copy",
                      f"-Dartifact=org.apache.flink:flink-sql-gateway:{VERSION}", f"-DoutputDirectory={HOME / 'opt'}"])


def statements(query, folder, parameters, sink):
    """The query's statements as Flink can run them, its sink replaced by `sink`."""
    result = []
    for statement in nexmark.statements(nexmark.script(query, "files", folder, parameters)):
        if "'connector.type'" in statement:
            statement = SIDE_INPUT.format(folder=folder)
        if statement.startswith("CREATE FUNCTION"):
            continue
        statement = statement.replace("count_char(extra, 'c')", "CHAR_LENGTH(extra) - CHAR_LENGTH(REPLACE(extra, 'c', ''))")
        statement = re.sub(r"JOIN side_input FOR SYSTEM_TIME AS OF \S+ AS S", "JOIN side_input AS S", statement)
        result.append(statement.replace("'connector' = 'blackhole'", sink))
    return result


class Cluster:
    """A running cluster, for a `with` statement."""

    def __init__(self, folder, slots):
        self.folder = folder
        self.slots = slots
        self.processes = []

    def __enter__(self):
        conf = self.folder / "flink-conf"
        shutil.copytree(HOME / "conf", conf)
        java_options = re.search(r"^\s+all: (.*)$", (conf / "config.yaml").read_text(), re.MULTILINE).group(1)
        (conf / "config.yaml").write_text("\n".join([
            f"env.java.opts.all: {java_options}",
            "jobmanager.rpc.address: 127.0.0.1", "jobmanager.rpc.port: 16123", "jobmanager.bind-host: 127.0.0.1",
            "jobmanager.memory.process.size: 1g", "taskmanager.bind-host: 127.0.0.1", "taskmanager.host: 127.0.0.1",
            "taskmanager.memory.process.size: 3g", f"taskmanager.numberOfTaskSlots: {self.slots}",
            f"parallelism.default: {self.slots}", "rest.address: 127.0.0.1", "rest.bind-address: 127.0.0.1", "rest.port: 18081",
            "sql-gateway.endpoint.rest.address: 127.0.0.1", "sql-gateway.endpoint.rest.bind-address: 127.0.0.1",
            "sql-gateway.endpoint.rest.port: 18083", f"io.tmp.dirs: {self.folder}/flink-tmp", ""]))
        self.environment = {**os.environ, "FLINK_HOME": str(HOME), "FLINK_CONF_DIR": str(conf),
                            "FLINK_LOG_DIR": str(self.folder / "flink-log")}
        (self.folder / "flink-log").mkdir()
        for role in ("jobmanager", "taskmanager", "sql-gateway"):
            self.processes.append(subprocess.Popen(
                [HOME / f"bin/{role}.sh", "start-foreground"], env=self.environment, start_new_session=True,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        deadline = time.monotonic() + 180
        while ask(REST + "/overview").get("slots-total", 0) < self.slots or not ask(GATEWAY + "/info"):
            if time.monotonic() > deadline:
                self.__exit__()
                raise Unavailable("its cluster does not start; see its logs")
            time.sleep(0.5)
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            process.wait()

    def task_manager(self):
        """The process that runs the tasks: the script's java child, or the script itself once it became java."""
        script = self.processes[1].pid
        children = Path(f"/proc/{script}/task/{script}/children").read_text().split()
        return int(children[0]) if children else script

    def run(self, query, statements):
        """Runs the query's statements: {seconds, cpu_seconds, peak_rss_bytes}. Raises nexmark.Failed."""
        properties = {"execution.runtime-mode": "batch", "table.dml-sync": "true"}
        if query in STREAMING:  # files are complete once a checkpoint has committed them
            properties |= {"execution.runtime-mode": "streaming", "execution.checkpointing.interval": "1 s",
                           "execution.checkpointing.storage": "filesystem",
                           "execution.checkpointing.dir": f"file://{self.folder}/flink-checkpoints"}
        pid = self.task_manager()
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak counts from here
        before, known = cpu_seconds(pid), {job["jid"] for job in ask(REST + "/jobs/overview")["jobs"]}
        session = f"{GATEWAY}/sessions/{ask(GATEWAY + '/sessions', {'properties': properties})['sessionHandle']}"
        for statement in statements:
            execute(session, statement)
        ask(session, method="DELETE")
        jobs = [job for job in ask(REST + "/jobs/overview")["jobs"] if job["jid"] not in known]
        if not jobs or any(job["state"] != "FINISHED" for job in jobs):
            raise nexmark.Failed("its job did not finish")
        return {"seconds": sum(job["duration"] for job in jobs) / 1000, "cpu_seconds": cpu_seconds(pid) - before,
                "peak_rss_bytes": peak_rss_bytes(pid)}


def ask(url, body=None, method=None):
    """The JSON that a REST server answers; an empty object while there is no server."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.loads(error.read() or b"{}")
    except OSError:
        return {}


def execute(session, statement):
    """Runs one statement to its end. Raises nexmark.Failed."""
    answer = ask(f"{session}/statements", {"statement": statement})
    if "operationHandle" not in answer:
        raise nexmark.Failed(error_of("\n".join(answer.get("errors", []))))
    operation = f"{session}/operations/{answer['operationHandle']}"
    while (status := ask(f"{operation}/status").get("status")) in ("INITIALIZED", "PENDING", "RUNNING"):
        time.sleep(0.02)
    if status != "FINISHED":
        raise nexmark.Failed(error_of("\n".join(ask(f"{operation}/result/0").get("errors", []))))


def error_of(output):
    """The innermost cause that the gateway names."""
    causes = re.findall(r"^(?:Caused by: )?((?:org|java)\.[\w.$]+(?:Exception|Error)(?:: .*)?)$", output, re.MULTILINE)
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return (causes or lines or ["no reason given"])[-1][:300]


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_rss_bytes(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) * 1024

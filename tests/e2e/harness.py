"""Real processes for the end-to-end tests: the service, its clusters, and clients of its API."""
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
MILLRACE = Path(os.environ.get("MILLRACE", ROOT / "build/release/millrace"))
FLIGHTS = ROOT / "build/node/node_modules/vega-datasets/data/flights-20k.json"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
ROLE = "arn:aws:iam::000000000000:role/test"


def wait_for(what, condition, patience_s=30, interval_s=0.02):
    """The condition's first true value; AssertionError names what never came."""
    deadline = time.monotonic() + patience_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what}: not within {patience_s} s"
        time.sleep(interval_s)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


deaf = []


def deaf_port():
    """One that refuses connections for as long as this process lives: it is taken, so that no other test comes to listen there."""
    deaf.append(socket.socket())
    deaf[-1].bind(("127.0.0.1", 0))
    return deaf[-1].getsockname()[1]


class Service:
    """One `millrace serve` on loopback. start() and kill() may be called many times; the data folder stays."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.data_dir = self.folder / "data"
        self.log = self.folder / "service.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self, *arguments):
        self.process = subprocess.Popen(
            [str(MILLRACE), "serve", "--listen", f"127.0.0.1:{self.port}", "--data-dir", str(self.data_dir), *arguments],
            stdin=subprocess.DEVNULL, stdout=open(self.log, "ab"), stderr=subprocess.STDOUT, start_new_session=True)
        wait_for("the service to listen", self.listens)
        return self

    def listens(self):
        assert self.process.poll() is None, f"the service ended: {self.log_tail()}"
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def kill(self):
        """SIGKILL, and the proof that it died of it."""
        self.process.send_signal(signal.SIGKILL)
        assert self.process.wait(10) == -signal.SIGKILL

    def log_tail(self, lines=20):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def clusters(self, application=None):
        """Pids of the live `millrace cluster` processes of this data folder, found by their command lines."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            line = b" ".join(words).decode(errors="replace")
            if words[1:2] == [b"cluster"] and str(self.data_dir) in line and state != "Z":
                if application is None or application in line:
                    found.append(int(entry.name))
        return found

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid in self.clusters():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def client(self, **keywords):
        """A boto3 client that does not retry, so that a test sees the service's own answers."""
        return boto3.client("kinesisanalyticsv2", endpoint_url=self.url, region_name="us-east-1",
                            aws_access_key_id="test", aws_secret_access_key="test",
                            config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=60),
                            **keywords)


class Query:
    """A query of `millrace sql` without an end, whose rows are taken as they come."""

    def __init__(self, text, *arguments, environment=None):
        self.rows = []
        self.process = subprocess.Popen([MILLRACE, "sql", "-e", text, "--output", "json", *arguments], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, **(environment or {})})
        threading.Thread(target=lambda: self.rows.extend(json.loads(line) for line in self.process.stdout), daemon=True).start()

    def take(self, count, patience_s=30):
        wait_for(f"{count} rows", lambda: len(self.rows) >= count or self.process.poll() is not None, patience_s)
        time.sleep(0.3)  # a row too many
        self.process.kill()
        assert len(self.rows) == count, (len(self.rows), self.process.stderr.read())
        return self.rows


def metric(service, name):
    """Of the only running application, by its name in Prometheus' format; None until it has one."""
    def get(url):
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read().decode()
    ((target,),) = ((*found["targets"],) for found in json.loads(get(f"{service.url}/prometheus/targets")))
    values = re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)", get(f"http://{target}/metrics"), re.MULTILINE)
    return float(values[0]) if values else None


def sql_application(sql, properties=None, checkpoint_interval_ms=500, parallelism=1):
    """ApplicationConfiguration for SQL text; properties are {group: {key: value}}."""
    return {
        "ApplicationCodeConfiguration": {"CodeContentType": "PLAINTEXT", "CodeContent": {"TextContent": sql}},
        "FlinkApplicationConfiguration": {
            "CheckpointConfiguration": {"ConfigurationType": "CUSTOM", "CheckpointingEnabled": True,
                                        "CheckpointInterval": checkpoint_interval_ms, "MinPauseBetweenCheckpoints": 0},
            "ParallelismConfiguration": {"ConfigurationType": "CUSTOM", "Parallelism": parallelism,
                                         "ParallelismPerKPU": 1, "AutoScalingEnabled": False},
        },
        "EnvironmentProperties": {"PropertyGroups": [
            {"PropertyGroupId": group, "PropertyMap": values} for group, values in (properties or {}).items()]},
        "ApplicationSnapshotConfiguration": {"SnapshotsEnabled": True},
    }


def status_of(client, name):
    return client.describe_application(ApplicationName=name)["ApplicationDetail"]["ApplicationStatus"]


def wait_for_status(client, name, status, patience_s=30):
    wait_for(f"application {name} to be {status}", lambda: status_of(client, name) == status, patience_s)

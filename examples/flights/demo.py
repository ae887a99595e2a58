#!/usr/bin/env python3
"""A managed streaming application, watched from its first row through a kill to its last: `make demo` runs this.

It starts the service on loopback with a new data folder, and does everything else through the unmodified aws cli:
creates and starts the application of flights.sql, takes a snapshot, kills the running cluster with SIGKILL, stops the
application, restarts it from its snapshot. At the end the output is compared with check.py's own computation.

usage: demo.py [--check]        --check: the same without pauses; exit status 1 on any deviation
"""
import argparse
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import check  # noqa: E402
import feed  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = Path(__file__).resolve().parent
MILLRACE = ROOT / "build/release/millrace"
AWS = ROOT / "build/venv/bin/aws"
FLIGHTS = ROOT / "build/node/node_modules/vega-datasets/data/flights-20k.json"
WORK = ROOT / "build/demo"
APPLICATION = "flights"
SNAPSHOT = "before-the-kill"

# The story: on which day of the data each step is taken. The feed waits at these days, should it ever get there first.
SNAPSHOT_DAY, KILL_DAY, STOP_DAY = "2001/01/21", "2001/02/01", "2001/02/20"
PATIENCE_S = 60  # for any one thing to happen


class Deviation(Exception):
    """Something did not go as it must."""


class Screen:
    """What the person sees. Colours only on a terminal."""

    def __init__(self):
        self.colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def paint(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.colours else text

    def line(self, text=""):
        print(text, flush=True)

    def step(self, number, title):
        self.line()
        self.line(self.paint("1;36", f"{number}  {title}"))

    def command(self, words):
        self.line("   " + self.paint("2", "$ " + shlex.join(words)))

    def fact(self, text):
        self.line("   " + self.paint("32", text))

    def note(self, text):
        self.line("   " + self.paint("2", text))

    def failure(self, text):
        self.line("\n" + self.paint("1;31", "FAILED  ") + text)


class Service:
    """`millrace serve` on a free loopback port."""

    def __init__(self, data_dir, log):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        self.data_dir = data_dir
        self.command = [str(MILLRACE), "serve", "--listen", f"127.0.0.1:{self.port}", "--data-dir", str(data_dir)]
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=open(log, "ab"),
                                        stderr=subprocess.STDOUT, start_new_session=True)

    def wait_until_up(self):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Deviation(f"the service ended at its start; its log is {self.log}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise Deviation(f"the service did not listen within {PATIENCE_S} s; its log is {self.log}")

    def clusters(self):
        """Pids of this service's running `millrace cluster` processes, found as a person would: by command line."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            if words[1:2] == [b"cluster"] and str(self.data_dir).encode() in b" ".join(words) and state != "Z":
                found.append(int(entry.name))
        return found

    def end(self):
        """The service, then the clusters that by design outlive it."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        for pid in self.clusters():
            os.kill(pid, signal.SIGKILL)


class Aws:
    """The aws cli, as installed from its own package, pointed at the service."""

    def __init__(self, url, screen):
        self.screen = screen
        self.url = url
        self.environment = dict(os.environ, AWS_ACCESS_KEY_ID="demo", AWS_SECRET_ACCESS_KEY="demo",
                                AWS_DEFAULT_REGION="us-east-1", AWS_EC2_METADATA_DISABLED="true", AWS_PAGER="",
                                AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull, NO_PROXY="127.0.0.1")

    def __call__(self, action, *arguments, show=True):
        if show:
            self.screen.command(["aws", "kinesisanalyticsv2", action, *arguments])
        command = [str(AWS), "--endpoint-url", self.url, "--output", "json", "kinesisanalyticsv2", action, *arguments]
        done = subprocess.run(command, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise Deviation(f"aws {action} exited with {done.returncode}: {done.stderr.strip()}")
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def application(self):
        return self("describe-application", "--application-name", APPLICATION, show=False)["ApplicationDetail"]

    def snapshots(self):
        return self("list-application-snapshots", "--application-name", APPLICATION, show=False)["SnapshotSummaries"]


class Feeder(threading.Thread):
    """The stream: feed.py's files at feed.py's pace, waiting at the day of each step until the step is taken."""

    def __init__(self, folder, days_per_second):
        super().__init__(daemon=True)
        self.flights = feed.read_flights(FLIGHTS)
        self.folder = folder
        self.days_per_second = days_per_second
        self.hold_at = SNAPSHOT_DAY
        self.day = self.flights[0]["date"][:10]
        self.condition = threading.Condition()

    def let_run_to(self, day):
        with self.condition:
            self.hold_at = day
            self.condition.notify()

    def run(self):
        self.folder.mkdir(parents=True)
        minutes_per_file = 360
        for number, (_, chunk) in enumerate(feed.files_of(self.flights, minutes_per_file), 1):
            day = chunk[-1]["date"][:10]
            with self.condition:
                # One day past the hold: its watermark is what closes the window of the day itself.
                self.condition.wait_for(lambda: self.hold_at is None or chunk[0]["date"][:10] <= self.hold_at)
            feed.publish(self.folder, number, chunk)
            self.day = day
            time.sleep(minutes_per_file / 1440 / self.days_per_second)


class Output:
    """Follows the committed files, and shows of each day the airport with the worst average."""

    def __init__(self, folder, screen, expected):
        self.folder = folder
        self.screen = screen
        self.expected = expected
        self.read = {}
        self.days = {}
        self.shown = set()
        self.count = 0
        self.newest_at = None

    def poll(self):
        """Takes in what has been committed since the last call; returns how many rows."""
        before = self.count
        for path in check.committed_files(self.folder) if self.folder.exists() else []:
            with open(path, encoding="utf-8") as file:
                file.seek(self.read.get(path, 0))
                for line in file:
                    row = json.loads(line)
                    self.days.setdefault(row["day"][:10], []).append(row)
                    self.count += 1
                self.read[path] = file.tell()
        if self.count > before:
            self.newest_at = time.monotonic()
            self.show()
        return self.count - before

    def show(self):
        for day in sorted(set(self.days) - self.shown):
            self.shown.add(day)
            busy = [row for row in self.days[day] if row["flights"] >= 5] or self.days[day]
            worst = max(busy, key=lambda row: row["average_delay"])
            self.screen.line(f"   {day}  {self.screen.paint('1', worst['airport']):3}  {worst['flights']:3} flights  "
                             f"average delay {worst['average_delay']:6.1f} min  longest {worst['max_delay']:4} min   "
                             + self.screen.paint("2", f"{self.count:5} of {len(self.expected)} rows"))

    def newest_day(self):
        return max(self.days, default="").replace("-", "/")


class Demo:
    def __init__(self, checking):
        self.screen = Screen()
        self.checking = checking
        shutil.rmtree(WORK, ignore_errors=True)
        WORK.mkdir(parents=True)
        self.input, self.output_folder = WORK / "input", WORK / "output"
        self.feeder = Feeder(self.input, days_per_second=4 if checking else 1)
        self.expected = check.expected_rows(self.feeder.flights)
        self.output = Output(self.output_folder, self.screen, self.expected)
        self.service = None

    # ---- waiting, always with the live rows in view

    def wait_for(self, what, condition, patience_s=PATIENCE_S):
        deadline = time.monotonic() + patience_s
        while True:
            self.output.poll()
            value = condition()
            if value:
                return value
            if self.service.process.poll() is not None:
                raise Deviation(f"the service ended while waiting for {what}; its log is {self.service.log}")
            if time.monotonic() > deadline:
                raise Deviation(f"{what}: not within {patience_s} s; the service's log is {self.service.log}")
            time.sleep(0.05)

    def wait_for_status(self, status):
        started = time.monotonic()
        self.wait_for(f"the application to be {status}",
                      lambda: self.aws.application()["ApplicationStatus"] == status)
        self.screen.fact(f"{status} after {time.monotonic() - started:.1f} s")

    def pause(self, seconds):
        """Lets a person read; the rows go on."""
        end = time.monotonic() + (0 if self.checking else seconds)
        while time.monotonic() < end:
            self.output.poll()
            time.sleep(0.05)

    def full_restarts(self):
        """The metric, from the running cluster's Flink REST API; None until the new cluster answers."""
        try:
            ready = max((WORK / "data/applications" / APPLICATION).glob("ready-*"), key=lambda path: path.stat().st_mtime)
            where = json.loads(ready.read_text())
            url = f"http://127.0.0.1:{where['port']}/jobs/{where['jobId']}/metrics?get=fullRestarts"
            with urllib.request.urlopen(url, timeout=5) as answer:
                (metric,) = json.load(answer)
            self.rest_url = url
            return int(metric["value"])
        except (OSError, ValueError, KeyError):
            return None

    # ---- the story

    def run(self):
        self.start_service()
        self.create_and_start()
        self.live_rows()
        self.take_snapshot()
        self.kill_cluster()
        self.stop_and_restart()
        self.finish()
        self.verdict()

    def start_service(self):
        self.screen.line(self.screen.paint("1", "Millrace: a managed streaming application, killed, and not a row lost"))
        self.screen.step(1, "The service starts, on loopback, with a new data folder")
        self.service = Service(WORK / "data", WORK / "service.log")
        self.screen.command([relative(word) for word in self.service.command])
        self.service.wait_until_up()
        self.up_at = time.monotonic()
        self.aws = Aws(self.service.url, self.screen)
        self.screen.fact(f"up at {self.service.url}")

    def create_and_start(self):
        self.screen.step(2, "The aws cli creates and starts an application; its code is Flink SQL")
        self.screen.note(f"{relative(EXAMPLE / 'flights.sql')}: per airport and day of departure, the number of flights, "
                         "average and longest delay")
        request = WORK / "create-application.json"
        request.write_text(json.dumps({
            "ApplicationName": APPLICATION,
            "RuntimeEnvironment": "FLINK-1_20",
            "ServiceExecutionRole": "arn:aws:iam::000000000000:role/demo",
            "ApplicationConfiguration": {
                "ApplicationCodeConfiguration": {
                    "CodeContentType": "PLAINTEXT",
                    "CodeContent": {"TextContent": (EXAMPLE / "flights.sql").read_text()},
                },
                "FlinkApplicationConfiguration": {
                    "CheckpointConfiguration": {"ConfigurationType": "CUSTOM", "CheckpointingEnabled": True,
                                                "CheckpointInterval": 500, "MinPauseBetweenCheckpoints": 100},
                    "ParallelismConfiguration": {"ConfigurationType": "CUSTOM", "Parallelism": 1, "ParallelismPerKPU": 1,
                                                 "AutoScalingEnabled": False},
                },
                "EnvironmentProperties": {"PropertyGroups": [
                    {"PropertyGroupId": "demo",
                     "PropertyMap": {"input": str(self.input), "output": str(self.output_folder)}}]},
                "ApplicationSnapshotConfiguration": {"SnapshotsEnabled": True},
            },
        }, indent=2))
        self.feeder.start()
        created = self.aws("create-application", "--cli-input-json", f"file://{request}")["ApplicationDetail"]
        if created["ApplicationStatus"] != "READY" or created["ApplicationVersionId"] != 1:
            raise Deviation(f"the new application is {created['ApplicationStatus']}, version {created['ApplicationVersionId']}")
        self.aws("start-application", "--application-name", APPLICATION)
        self.wait_for_status("RUNNING")

    def live_rows(self):
        self.screen.step(3, "Rows, as the windows close: of each day, the airport with the worst average")
        self.screen.note(f"20,000 flights of 2001 arrive in time order as files in {relative(self.input)}, "
                         f"{self.feeder.days_per_second} day{'s' * (self.feeder.days_per_second > 1)} a second")
        self.wait_for("the first row", lambda: self.output.count)
        first = self.output.newest_at - self.up_at
        self.screen.fact(f"first row {first:.1f} s after the service was up")
        if first > 10:
            raise Deviation(f"the first row took {first:.1f} s; 10 s are allowed")
        self.wait_for_day(SNAPSHOT_DAY)

    def wait_for_day(self, day):
        # The window of the day before the hold is the last that the watermark can close while the feed waits there.
        self.wait_for(f"the rows of the days before {day}", lambda: self.output.newest_day() >= day_before(day), 120)

    def take_snapshot(self):
        self.screen.step(4, "A snapshot, while the stream runs")
        self.feeder.let_run_to(KILL_DAY)
        self.aws("create-application-snapshot", "--application-name", APPLICATION, "--snapshot-name", SNAPSHOT)
        self.wait_for("the snapshot to be READY", lambda: any(
            snapshot["SnapshotName"] == SNAPSHOT and snapshot["SnapshotStatus"] == "READY"
            for snapshot in self.aws.snapshots()))
        self.screen.fact(f"snapshot {SNAPSHOT} is READY")
        self.wait_for_day(KILL_DAY)

    def kill_cluster(self):
        self.screen.step(5, "The running cluster is killed with SIGKILL")
        pids = self.service.clusters()
        if len(pids) != 1:
            raise Deviation(f"one `millrace cluster` process was to be found, not {pids}")
        self.feeder.let_run_to(STOP_DAY)
        rows_before = self.output.count
        self.screen.command(["kill", "-9", str(pids[0])])
        os.kill(pids[0], signal.SIGKILL)
        killed_at = time.monotonic()
        replacement = self.wait_for("a new cluster process", lambda: [
            pid for pid in self.service.clusters() if pid != pids[0]])
        self.wait_for("the first row after the kill", lambda: self.output.count > rows_before)
        self.screen.fact(f"the service saw it, process {replacement[0]} went on from the last checkpoint: "
                         f"first new row {self.output.newest_at - killed_at:.1f} s after the kill")
        application = self.aws.application()
        restarts = self.wait_for("fullRestarts to count the kill", self.full_restarts)
        self.screen.command(["curl", self.rest_url])
        self.screen.fact(f"the application is {application['ApplicationStatus']}, fullRestarts is {restarts}")
        if application["ApplicationStatus"] != "RUNNING" or restarts != 1:
            raise Deviation("the application was to be RUNNING with one full restart")
        self.wait_for_day(STOP_DAY)

    def stop_and_restart(self):
        self.screen.step(6, "Stopped, which takes a snapshot; then started again from it, while the input goes on")
        self.aws("stop-application", "--application-name", APPLICATION)
        self.wait_for_status("READY")
        if self.service.clusters():
            raise Deviation("a cluster is still running although the application is READY")
        latest = max(self.aws.snapshots(), key=lambda snapshot: snapshot["SnapshotCreationTimestamp"])
        self.screen.fact(f"the latest snapshot is {latest['SnapshotName']}, {latest['SnapshotStatus']}")
        self.feeder.let_run_to(None)
        self.pause(2)
        self.screen.note("the latest, and not before-the-kill: from that older one, rows that are already committed")
        self.screen.note("would be computed and written a second time")
        restore = {"ApplicationRestoreConfiguration": {"ApplicationRestoreType": "RESTORE_FROM_CUSTOM_SNAPSHOT",
                                                       "SnapshotName": latest["SnapshotName"]}}
        self.aws("start-application", "--application-name", APPLICATION, "--run-configuration", json.dumps(restore))
        self.wait_for_status("RUNNING")

    def finish(self):
        self.screen.step(7, "The rest of the stream")
        self.wait_for("the last row", lambda: self.output.count >= len(self.expected), 240)
        self.feeder.join()
        self.pause(1)
        self.aws("stop-application", "--application-name", APPLICATION)
        self.wait_for_status("READY")
        self.output.poll()

    def verdict(self):
        self.screen.step(8, "The output, compared with a computation of its own in plain Python")
        comparison = check.Comparison(self.expected, check.committed_rows(self.output_folder))
        if not comparison.right:
            raise Deviation(str(comparison))
        self.screen.fact(str(comparison))
        self.screen.note("the day in which the data stops, 2001-03-31, stays open: no watermark has passed its end")
        self.screen.line()
        self.screen.line(self.screen.paint("1", "What to try next"))
        output = relative(self.output_folder)
        for what, command in [
            ("query the input yourself", f"{relative(MILLRACE)} sql -f {relative(EXAMPLE / 'explore.sql')} "
                                         f"--param input={relative(self.input)}"),
            ("look at the rows", f"cat {output}/* | head"),
            ("break a query, and ask what is wrong", f"{relative(MILLRACE)} validate {relative(EXAMPLE / 'explore.sql')} "
                                                     "--param input=."),
            ("read how a kill loses nothing", "docs/how-a-checkpoint-works.md"),
            ("first steps of your own", "docs/first-steps.md"),
        ]:
            self.screen.line(f"   {what + ':':36} {self.screen.paint('36', command)}")


def relative(path):
    try:
        return str(Path(path).relative_to(ROOT))
    except ValueError:
        return str(path)


def day_before(day):
    start = feed.datetime.strptime(day, "%Y/%m/%d") - feed.timedelta(days=1)
    return start.strftime("%Y/%m/%d")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--check", action="store_true", help="without pauses, for CI")
    demo = Demo(parser.parse_args().check)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        demo.run()
        return 0
    except Deviation as deviation:
        demo.screen.failure(str(deviation))
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if demo.service:
            demo.service.end()


if __name__ == "__main__":
    sys.exit(main())

"""The real cluster and the real service are killed, again and again, while a stream of files runs; the committed output
must be that of a run without faults: nothing lost, nothing twice, nothing wrong. A kill that did not happen fails the
test. KILLS says how many of each."""
import math
import os
import signal
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

import check
import feed
from harness import FLIGHTS, ROLE, ROOT, sql_application, status_of, wait_for, wait_for_status

KILLS = int(os.environ.get("KILLS", "10"))
SQL = (ROOT / "examples/flights/flights.sql").read_text()
MINUTES_PER_FILE = 120


def later(flights, copies):
    """The flights, and behind them the same ones of as many days later, and so on."""
    first, last = (datetime.strptime(flights[at]["date"][:10], "%Y/%m/%d") for at in (0, -1))
    days = (last - first).days + 1
    return [{**flight, "date": (datetime.strptime(flight["date"], feed.DATE) + timedelta(days=days * copy)).strftime(feed.DATE)}
            for copy in range(copies) for flight in flights]


class Stream(threading.Thread):
    """Publishes the flights, evenly, over at most `seconds`; finish() publishes the rest at once. There are rows once a day of the
    data: it has 90 days for each SECONDS_PER_COPY, as kills are counted by what is new."""
    SECONDS_PER_COPY = 200

    def __init__(self, folder, seconds):
        super().__init__(daemon=True)
        self.flights = later(feed.read_flights(FLIGHTS), math.ceil(seconds / self.SECONDS_PER_COPY))
        self.chunks = list(feed.files_of(self.flights, MINUTES_PER_FILE))
        self.folder = Path(folder)
        self.pause_s = seconds / len(self.chunks)
        self.hurry = threading.Event()
        self.folder.mkdir()

    def run(self):
        for number, (_, chunk) in enumerate(self.chunks, 1):
            feed.publish(self.folder, number, chunk)
            self.hurry.wait(self.pause_s)

    def finish(self):
        self.hurry.set()
        self.join()


def start_application(client, tmp_path, parallelism=1):
    properties = {"demo": {"input": str(tmp_path / "input"), "output": str(tmp_path / "output")}}
    client.create_application(ApplicationName="flights", RuntimeEnvironment="FLINK-1_20", ServiceExecutionRole=ROLE,
                              ApplicationConfiguration=sql_application(SQL, properties, 200, parallelism))
    client.start_application(ApplicationName="flights")
    wait_for_status(client, "flights", "RUNNING")


def committed_count(output):
    return sum(path.read_bytes().count(b"\n") for path in check.committed_files(output)) if output.exists() else 0


def assert_exactly_once(stream, output):
    stream.finish()
    expected = check.expected_rows(stream.flights)
    wait_for("every expected row", lambda: committed_count(output) >= len(expected), 120, 0.2)
    time.sleep(1)  # a row too many would come with the next checkpoint
    comparison = check.Comparison(expected, check.committed_rows(output))
    assert comparison.right, str(comparison)


def progress(output, before, what):
    """Rows were committed since `before`; returns how many there are now."""
    return wait_for(what, lambda: (count := committed_count(output)) > before and count, 60, 0.1)


def test_killed_clusters_lose_and_repeat_nothing(stopped_service, tmp_path):
    # Ten deaths within a minute would make the service wait longer and longer before each restart.
    service = stopped_service.start("--restart-backoff-max-ms", "200")
    client = service.client()
    stream = Stream(tmp_path / "input", seconds=60 + 10 * KILLS)
    output = tmp_path / "output"
    stream.start()
    start_application(client, tmp_path)
    rows, killed = 0, set()
    for number in range(KILLS):
        rows = progress(output, rows, f"new rows before kill {number + 1}")
        time.sleep(0.137 * (number % 5))  # somewhere else between two checkpoints each time
        assert stream.is_alive(), f"the stream ended before kill {number + 1}: that kill would prove nothing"
        (pid,) = wait_for("the cluster process", service.clusters)
        assert pid not in killed
        os.kill(pid, signal.SIGKILL)
        killed.add(pid)
        wait_for("the killed process to be gone", lambda: pid not in service.clusters())
    assert len(killed) == KILLS
    assert_exactly_once(stream, output)
    print(f"{KILLS} kills of the cluster, {len(stream.flights)} flights, {committed_count(output)} rows")
    assert status_of(client, "flights") == "RUNNING"


def test_a_killed_service_finds_its_clusters_again(stopped_service, tmp_path):
    service = stopped_service.start()
    client = service.client()
    stream = Stream(tmp_path / "input", seconds=60 + 10 * KILLS)
    output = tmp_path / "output"
    stream.start()
    start_application(client, tmp_path)
    rows = progress(output, 0, "the first rows")
    (cluster,) = service.clusters()
    for number in range(KILLS):
        service.kill()
        rows = progress(output, rows, f"new rows while the service is dead, kill {number + 1}")
        assert stream.is_alive(), f"the stream ended before kill {number + 1}: that kill would prove nothing"
        service.start()
        wait_for_status(client, "flights", "RUNNING")
        assert service.clusters() == [cluster], "the cluster was to outlive the service, alone"
    assert_exactly_once(stream, output)
    print(f"{KILLS} kills of the service, {len(stream.flights)} flights, {committed_count(output)} rows")


def test_cluster_and_service_killed_together_and_restored_from_a_snapshot(stopped_service, tmp_path):
    service = stopped_service.start()
    client = service.client()
    stream = Stream(tmp_path / "input", seconds=120)
    output = tmp_path / "output"
    stream.start()
    start_application(client, tmp_path)
    rows = progress(output, 0, "the first rows")
    for _ in range(min(KILLS, 3)):
        (cluster,) = service.clusters()
        service.kill()
        os.kill(cluster, signal.SIGKILL)
        service.start()
        rows = progress(output, rows, "new rows after both died")
    client.stop_application(ApplicationName="flights")
    wait_for_status(client, "flights", "READY")
    assert stream.is_alive(), "the stream was to go on while the application is stopped"
    client.start_application(ApplicationName="flights", RunConfiguration={"ApplicationRestoreConfiguration": {
        "ApplicationRestoreType": "RESTORE_FROM_LATEST_SNAPSHOT"}})
    wait_for_status(client, "flights", "RUNNING")
    assert_exactly_once(stream, output)

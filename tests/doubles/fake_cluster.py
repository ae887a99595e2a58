#!/usr/bin/env python3
"""A stand-in for `millrace cluster` in tests of the service: the command line, the ready file and the Flink REST API of a
cluster, with a counter for state. The "SQL" it is given holds words that say how it behaves:

  BROKEN             cannot be planned: an error in the ready file, exit 1
  CRASH              ends without a word before it is ready
  SLOW_START         takes 500 ms to be ready
  NEVER_READY        never becomes ready
  BOUNDED            the job is FINISHED 200 ms after it began
  SLOW_SAVEPOINT     a savepoint takes 500 ms
  ENDLESS_SAVEPOINT  a savepoint is never complete
  FAILING_SAVEPOINT  a savepoint fails
  NO_CHECKPOINTS     takes no checkpoints by itself; otherwise one every 50 ms
  OTHER_STATE        cannot go on from the state of "SQL" without this word: found when it is prepared
  LATE_FAILURE       cannot restore anything, which is found only when it does
  BUSY               keeps a CPU busy; IDLE_AT_2: only at a parallelism below 2
  LAGGING            its source is 5000 records behind at a parallelism below 2
  BACK_PRESSURED     its task stands under back-pressure for 800 ms of a second at a parallelism below 2
  HUNGRY             takes 200 MB of memory
  FAILING_CHECKPOINTS its checkpoints fail
  STILL_WATERMARK    its watermark does not advance, though it reads
  FAILING_TASK       its task is FAILING
  RESTARTING         the job restarts without end: RESTARTING, its fullRestarts counting up
"""

import fcntl
import json
import os
import signal
import socket
import sys
import threading
import time
import uuid


def argument(name):
    return sys.argv[sys.argv.index(name) + 1]


def write_atomically(path, value):
    with open(path + ".part", "w") as file:
        json.dump(value, file)
    os.rename(path + ".part", path)


class Cluster:
    def __init__(self, package):
        self.package = package
        self.sql = package.get("sql") or "\n".join(v for _, v in sorted(package.get("files", {}).items()))
        self.job_id = uuid.uuid4().hex
        self.parallelism = int(package["configuration"]["parallelism.default"])
        self.state = "RUNNING"
        self.count = 0
        self.restored = package.get("restore")
        self.checkpoints = 0
        self.restarts = 0
        self.savepoints = {}
        self.lock = threading.Lock()
        self.started = time.time()

    def has(self, word):
        return word in self.sql

    def restore(self):
        if self.restored:
            if self.has("LATE_FAILURE"):
                raise ValueError("out of luck")
            with open(os.path.join(self.restored, "_metadata")) as file:
                self.count = json.load(file)["count"]

    def check(self, path):
        """Whether the state at `path` could be gone on from; said before anything is restored."""
        with open(os.path.join(path, "_metadata")) as file:
            written = json.load(file)
        if written["other"] != self.has("OTHER_STATE") and not self.package["allowNonRestoredState"]:
            raise ValueError("the snapshot holds state of the operator 'sum', which the job does not have")

    def write_metadata(self, folder):
        os.makedirs(folder, exist_ok=True)
        write_atomically(os.path.join(folder, "_metadata"), {"count": self.count, "other": self.has("OTHER_STATE")})

    def tick(self):
        while True:
            time.sleep(0.05)
            with self.lock:
                if self.state != "RUNNING":
                    continue
                self.count += 1
                if self.has("RESTARTING"):
                    self.restarts += 1
                    continue
                if self.has("BOUNDED") and time.time() - self.started > 0.2:
                    self.state = "FINISHED"
                if not self.has("NO_CHECKPOINTS") and not self.has("FAILING_CHECKPOINTS"):
                    self.checkpoints += 1
                    self.write_metadata(self.checkpoint_path())

    def checkpoint_path(self):
        return os.path.join(
            self.package["configuration"]["state.checkpoints.dir"], self.job_id, "chk-%d" % self.checkpoints
        )

    def take_savepoint(self, request, target, stop):
        if self.has("SLOW_SAVEPOINT"):
            time.sleep(0.5)
        if self.has("ENDLESS_SAVEPOINT"):
            return
        if self.has("FAILING_SAVEPOINT"):
            self.savepoints[request] = {"failure-cause": {"class": "java.io.IOException", "stack-trace": "disk is full"}}
            return
        with self.lock:
            folder = os.path.join(target, "savepoint-" + request)
            self.write_metadata(folder)
            if stop:
                self.state = "FINISHED"
            self.savepoints[request] = {"location": folder}

    def begin_savepoint(self, target, stop):
        request = uuid.uuid4().hex
        self.savepoints[request] = None
        threading.Thread(target=self.take_savepoint, args=(request, target, stop), daemon=True).start()
        return 202, {"request-id": request}

    def answer(self, method, path, body):
        parts = [p for p in path.split("?")[0].split("/") if p]
        if parts == ["overview"]:
            return 200, {"taskmanagers": 1, "slots-total": 1, "flink-version": "fake"}
        if parts == ["jobs"]:
            return 200, {"jobs": [{"id": self.job_id, "status": self.state}]}
        if parts[:1] != ["jobs"] or len(parts) < 2 or parts[1] != self.job_id:
            return 404, {"errors": ["not found"]}
        rest = parts[2:]
        if not rest and method == "PATCH":
            self.state = "CANCELED"
            return 202, {}
        if not rest:
            state = "FAILING" if self.has("FAILING_TASK") else "RUNNING"
            vertex = {"id": "a" * 32, "name": "Source", "status": state, "parallelism": 1, "maxParallelism": 128}
            vertex["metrics"] = {"read-records": self.count}
            detail = {"jid": self.job_id, "name": self.package["applicationName"], "state": self.state}
            detail["vertices"] = [vertex]
            # What a test wants to know of the "job": not part of Flink's answer. The lock: a count that was seen is
            # also in the checkpoint of its tick.
            with self.lock:
                detail["plan"] = {"count": self.count, "restored": self.restored, "package": self.package}
            return 200, detail
        if rest == ["metrics"]:
            return 200, [{"id": "fullRestarts", "value": str(self.restarts)}]
        if rest[:1] == ["vertices"] and rest[2:] == ["subtasks", "metrics"]:
            values = {"records_lag_max": self.has("LAGGING") * 5000, "backPressuredTimeMsPerSecond": self.has("BACK_PRESSURED") * 800}
            asked = dict(p.split("=") for p in path.split("?")[1].split("&"))["get"]
            value = values.get(asked, 0) if self.parallelism < 2 else 0
            return 200, [{"id": asked, "max": value}] if asked in values else []
        if rest[:1] == ["vertices"]:
            watermark = {"id": "0.currentInputWatermark", "value": "1000" if self.has("STILL_WATERMARK") else str(self.count)}
            return 200, [watermark] if rest[2:] == ["watermarks"] else []
        if rest == ["checkpoints"] and method == "GET":
            failed = self.count if self.has("FAILING_CHECKPOINTS") else 0
            return 200, {"counts": {"completed": self.checkpoints, "failed": failed}}
        if rest == ["checkpoints"] and method == "POST":
            with self.lock:
                self.checkpoints += 1
                self.write_metadata(self.checkpoint_path())
            return 202, {"request-id": "checkpoint"}
        if rest[:1] == ["checkpoints"] and len(rest) == 2:
            return 200, {"status": {"id": "COMPLETED"}, "operation": {"checkpointId": self.checkpoints}}
        if rest == ["savepoints"] and method == "POST":
            return self.begin_savepoint(body["target-directory"], False)
        if rest == ["stop"] and method == "POST":
            return self.begin_savepoint(body["targetDirectory"], True)
        if rest[:1] == ["savepoints"] and rest[1] in self.savepoints:
            operation = self.savepoints[rest[1]]
            if operation is None:
                return 200, {"status": {"id": "IN_PROGRESS"}, "operation": None}
            return 200, {"status": {"id": "COMPLETED"}, "operation": operation}
        return 404, {"errors": ["not found"]}


def serve_connection(cluster, connection):
    stream = connection.makefile("rb")
    while True:
        line = stream.readline()
        if not line:
            return
        method, path, _ = line.decode().split(" ", 2)
        length = 0
        while (header := stream.readline().strip()) != b"":
            name, value = header.split(b":", 1)
            if name.lower() == b"content-length":
                length = int(value)
        body = json.loads(stream.read(length) or b"{}")
        status, answer = cluster.answer(method, path, body)
        payload = json.dumps(answer).encode()
        head = "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(payload))
        connection.sendall(head.encode() + payload)


def burn():
    """A third of a CPU or so, and the interpreter's lock is given back in between."""
    while True:
        until = time.process_time() + 0.002
        while time.process_time() < until:
            pass
        time.sleep(0.003)


def await_activation(cluster, ready_file):
    check = cluster.package.get("checkAgainst")
    try:
        if check:
            cluster.check(check)
    except (OSError, ValueError, KeyError) as error:
        write_atomically(ready_file, {"error": {"code": "snapshot.state-not-mapped", "message": str(error)}})
        sys.exit(1)
    write_atomically(ready_file, {"pid": os.getpid(), "prepared": True})
    while not os.path.exists(argument("--activation-file")):
        time.sleep(0.002)
    fcntl.flock(int(argument("--lock-fd")), fcntl.LOCK_EX)
    with open(argument("--activation-file")) as file:
        cluster.restored = json.load(file).get("restore")


def main():
    assert sys.argv[1] == "cluster"
    ready_file = argument("--ready-file")
    with open(argument("--package")) as file:
        cluster = Cluster(json.load(file))
    if cluster.has("CRASH"):
        print("out of luck", flush=True)
        sys.exit(3)
    if cluster.has("BROKEN"):
        write_atomically(ready_file, {"error": {"code": "sql.syntax", "message": "line 1:1: this cannot be planned"}})
        sys.exit(1)
    if "--activation-file" in sys.argv:
        await_activation(cluster, ready_file)
    try:
        cluster.restore()
    except (OSError, ValueError, KeyError) as error:
        message = "%s cannot be restored: %s" % (cluster.restored, error)
        write_atomically(ready_file, {"error": {"code": "snapshot.damaged", "message": message}})
        sys.exit(1)
    if cluster.has("SLOW_START"):
        time.sleep(0.5)
    if cluster.has("NEVER_READY"):
        while True:
            time.sleep(1)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    eaten = b"x" * (200 << 20) if cluster.has("HUNGRY") else b""  # noqa: F841: kept
    if cluster.has("BUSY") and not (cluster.has("IDLE_AT_2") and cluster.parallelism >= 2):
        threading.Thread(target=burn, daemon=True).start()
    threading.Thread(target=cluster.tick, daemon=True).start()
    listener = socket.create_server(("127.0.0.1", 0))
    write_atomically(
        ready_file, {"pid": os.getpid(), "port": listener.getsockname()[1], "jobId": cluster.job_id}
    )
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve_connection, args=(cluster, connection), daemon=True).start()


main()

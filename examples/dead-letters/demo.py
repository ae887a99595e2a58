#!/usr/bin/env python3
"""Poison messages in a topic: the job goes on, they lie in another topic with their reason, and go back once they are mended.

usage: examples/dead-letters/demo.py        exit status 1 if it is not so, 69 if Kafka cannot be installed
"""
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SQL = ROOT / "examples/dead-letters/events.sql"
MILLRACE = Path(os.environ.get("MILLRACE", ROOT / "build/release/millrace"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def millrace(broker, command, *arguments):
    done = subprocess.run([MILLRACE, *command, "--param", f"kafka.servers={broker}", "--param", "input.until=latest-offset", *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return done.stdout


def topic(broker, name):
    done = subprocess.run(["kcat", "-b", broker, "-C", "-t", name, "-e", "-q", "-o", "beginning"], stdout=subprocess.PIPE,
                          text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{") and line.endswith("}")]


def demo(broker):
    messages = []
    for number in range(1000):
        price = '"unknown"' if number % 400 == 7 else f"{number / 4}"
        messages.append(f'{{"id": {number}, "message": "event {number}", "price": {price}}}')
    messages[500] = "poison"
    messages[600] = '{"message": "nobody\'s"}'
    subprocess.run(["kcat", "-b", broker, "-P", "-t", "incoming-events", "-p", "0"], input="\n".join(messages) + "\n", text=True, check=True)

    millrace(broker, ["sql", "-f", SQL])
    good, bad = topic(broker, "sink-topic"), topic(broker, "exception-topic")
    print(f"{len(good)} events were worked on, {len(bad)} were not:")
    listed = millrace(broker, ["dead-letters", "list", SQL, "exceptions"], "--output", "json").splitlines()
    for letter in sorted(map(json.loads, listed), key=lambda one: one["source_offset"]):
        print(f"  offset {letter['source_offset']}  {letter['cause']:9}  {letter['record_text']}")

    # A price that is not known is none: mended, these go back to where they came from.
    millrace(broker, ["dead-letters", "replay", SQL, "exceptions"], "--source", "events", "--where", "cause = 'type'",
             "--record", "REPLACE(record_text, '\"unknown\"', 'null')")
    millrace(broker, ["sql", "-f", SQL])
    ids = {row["id"] for row in topic(broker, "sink-topic")}
    print(f"after the replay, {len(ids)} of 1000 events are worked on")
    return 0 if len(good) == 995 and len(bad) == 5 and len(ids) == 998 else 1


def main():
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        tool = ROOT / "tools/peers/kafka"
        started = subprocess.run([tool, "start", "--port", str(port), "--dir", folder], stdout=subprocess.DEVNULL)
        if started.returncode != 0:
            return started.returncode
        try:
            return demo(f"127.0.0.1:{port}")
        finally:
            subprocess.run([tool, "stop", "--dir", folder], check=True)


sys.exit(main())

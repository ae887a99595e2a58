#!/usr/bin/env python3
"""Turns the recorded flights into a stream: files of JSON lines that appear in a folder, in time order.

Each file holds the flights of some minutes of the data's own time and appears when that time has come, at the chosen
speed-up. A file is written under a hidden name, synced and renamed, so that whoever watches the folder sees whole files
only. When the data is at its end, the feed ends; nothing is invented to follow it.

usage: feed.py FLIGHTS.json FOLDER [--speed-up 86400] [--minutes-per-file 360] [--until YYYY/MM/DD]
"""
import argparse
import json
import os
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

DATE = "%Y/%m/%d %H:%M"


def read_flights(path, until=None):
    """The flights in time order; those of one minute keep the order of the file."""
    with open(path, encoding="utf-8") as file:
        flights = json.load(file)
    if until:
        flights = [flight for flight in flights if flight["date"] < until]
    return sorted(flights, key=lambda flight: flight["date"])


def files_of(flights, minutes_per_file):
    """Yields (time at which the file is complete, its flights)."""
    span = timedelta(minutes=minutes_per_file)
    end, chunk = None, []
    for flight in flights:
        departure = datetime.strptime(flight["date"], DATE)
        if end is None:
            end = departure.replace(hour=0, minute=0) + span
        while departure >= end:
            if chunk:
                yield end, chunk
            end, chunk = end + span, []
        chunk.append(flight)
    if chunk:
        yield end, chunk


def publish(folder, number, chunk):
    name = f"flights-{number:06}.json"
    hidden = folder / f".{name}.tmp"
    with open(hidden, "w", encoding="utf-8") as file:
        for flight in chunk:
            file.write(json.dumps(flight, separators=(",", ":")) + "\n")
        file.flush()
        os.fsync(file.fileno())
    hidden.rename(folder / name)


def feed(flights, folder, speed_up, minutes_per_file, say=lambda text: None):
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    first = None
    for number, (complete, chunk) in enumerate(files_of(flights, minutes_per_file), 1):
        first = first or complete
        due = (complete - first).total_seconds() / speed_up
        time.sleep(max(0.0, started + due - time.monotonic()))
        publish(folder, number, chunk)
        say(f"{number} {chunk[-1]['date']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("flights", type=Path, help="flights-20k.json of the npm package vega-datasets")
    parser.add_argument("folder", type=Path, help="where the files appear")
    parser.add_argument("--speed-up", type=float, default=86400, help="data seconds a second; 86400 is a day a second")
    parser.add_argument("--minutes-per-file", type=int, default=360)
    parser.add_argument("--until", help="stop before this date of the data, as 2001/02/01")
    arguments = parser.parse_args()
    feed(read_flights(arguments.flights, arguments.until), arguments.folder, arguments.speed_up,
         arguments.minutes_per_file, say=lambda text: print(text, flush=True))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)

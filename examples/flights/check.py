#!/usr/bin/env python3
"""Checks the rows of flights.sql against a computation of its own: plain Python over the recorded flights.

Expected are the windows that the stream itself closes. The last watermark is the latest departure less the five minutes
of flights.sql, and a window of a day is complete once the watermark has passed its end; the day in which the data stops
stays open, in Millrace as in Flink, so none of its rows may appear.

usage: check.py FLIGHTS.json OUTPUT-FOLDER [--until YYYY/MM/DD]      exit 0 if every expected row is there exactly once
"""
import argparse
import collections
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path

from feed import DATE, read_flights

WATERMARK_DELAY = timedelta(minutes=5)
LATE_MINUTES = 15


def expected_rows(flights):
    """{(day, airport): row} of every window that ends at or before the last watermark."""
    delays = collections.defaultdict(list)
    for flight in flights:
        delays[flight["date"][:10], flight["origin"]].append(flight["delay"])
    watermark = datetime.strptime(flights[-1]["date"], DATE) - WATERMARK_DELAY
    rows = {}
    for (day, airport), values in delays.items():
        start = datetime.strptime(day, "%Y/%m/%d")
        if start + timedelta(days=1) > watermark:
            continue
        rows[start.strftime("%Y-%m-%d %H:%M:%S"), airport] = {
            "flights": len(values),
            "average_delay": sum(values) / len(values),
            "max_delay": max(values),
            "delayed": sum(value > LATE_MINUTES for value in values),
        }
    return rows


def committed_files(folder):
    """What a reader of the output may see: a sink's unfinished files have hidden names."""
    return sorted(path for path in Path(folder).rglob("*")
                  if path.is_file() and not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts))


def committed_rows(folder):
    for path in committed_files(folder):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def key_of(row):
    return row["day"][:19], row["airport"]


class Comparison:
    """Expected and found rows side by side: every list is empty when the output is right."""

    def __init__(self, expected, rows):
        self.expected = expected
        self.rows = list(rows)
        seen = collections.Counter(key_of(row) for row in self.rows)
        self.missing = sorted(set(expected) - set(seen))
        self.unexpected = sorted(set(seen) - set(expected))
        self.repeated = sorted(key for key, count in seen.items() if count > 1)
        self.wrong = sorted(key_of(row) for row in self.rows
                            if key_of(row) in expected and {name: row[name] for name in expected[key_of(row)]}
                            != expected[key_of(row)])

    @property
    def complete(self):
        return not self.missing

    @property
    def right(self):
        return not (self.missing or self.unexpected or self.repeated or self.wrong)

    def __str__(self):
        if self.right:
            return f"{len(self.rows)} rows expected, each there exactly once, each with the right values"
        parts = []
        for name in ("missing", "repeated", "wrong", "unexpected"):
            keys = getattr(self, name)
            if keys:
                parts.append(f"{len(keys)} {name}, such as {keys[0][0][:10]} {keys[0][1]}")
        return f"of {len(self.expected)} expected rows: " + "; ".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("flights", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--until", help="as given to feed.py")
    arguments = parser.parse_args()
    comparison = Comparison(expected_rows(read_flights(arguments.flights, arguments.until)),
                            committed_rows(arguments.output))
    print(comparison)
    return 0 if comparison.right else 1


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Writes .test files of random queries over random tables, with the answers of independent engines.

usage: tests/random/queries.py --seed N --count QUERIES FOLDER

Four kinds, file by file: queries without time, answered by SQLite and by DuckDB, which must agree; expressions over
columns of many types, answered by DuckDB; windows as arithmetic on time, answered by DuckDB; and window aggregations
answered by the definition of the windows, row by row. `millrace test FOLDER` then runs them under every profile. The
same seed writes the same files.
"""
import argparse
import random
from pathlib import Path

from relational import Relational
from timed import Timed
from typed import Typed
from windowed import Windowed

QUERIES_A_FILE = 10
KINDS = [Relational, Typed, Windowed, Relational, Timed]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for old in arguments.folder.glob("*.test"):
        old.unlink()
    left = arguments.count
    number = 0
    while left > 0:
        kind = KINDS[number % len(KINDS)]
        queries = min(left, QUERIES_A_FILE)
        text = f"# {kind.__name__}, seed {arguments.seed}\n\n" + kind(rng).file(queries)
        (arguments.folder / f"{kind.__name__.lower()}_{number:04}.test").write_text(text)
        left -= queries
        number += 1


if __name__ == "__main__":
    main()

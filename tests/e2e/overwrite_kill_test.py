"""INSERT OVERWRITE is killed before every call by which it changes the table's folder, and the table is read by another process:
the old rows or the new ones, whole, and the new ones from the moment on at which they were decided."""
import os
import shutil
import signal
import subprocess

import pytest
from harness import MILLRACE, ROOT

KILLER = ROOT / "build/release/tests/kill_at_call.so"
TABLE = """CREATE TABLE t (id INT, day STRING){} WITH ('connector' = 'filesystem', 'path' = '{}', 'format' = 'csv');
CREATE TEMPORARY VIEW fresh AS SELECT * FROM (VALUES {}) AS v(id, day);
"""
OLD = "(1, 'mon'), (2, 'mon'), (3, 'tue'), (4, 'wed')"
NEW = "(5, 'mon'), (6, 'mon'), (7, 'tue')"


def run(folder, partitioned, rows, text, **environment):
    table = TABLE.format(" PARTITIONED BY (day)" if partitioned else "", folder, rows)
    return subprocess.run([str(MILLRACE), "sql", "-e", table + text, "--output", "csv"], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, env=dict(os.environ, **environment))


def read(folder, partitioned):
    done = run(folder, partitioned, NEW, "SELECT * FROM t;")
    assert done.returncode == 0, done.stderr
    return sorted(done.stdout.splitlines()[1:])


@pytest.mark.parametrize("partitioned, parallelism", [(False, 1), (True, 1), (True, 3)])
def test_a_reader_finds_the_old_table_or_the_new_one(tmp_path, partitioned, parallelism):
    before = tmp_path / "before"
    assert run(before, partitioned, OLD, "INSERT INTO t SELECT * FROM fresh;").returncode == 0
    old = read(before, partitioned)
    new = ["5,mon", "6,mon", "7,tue"] + (["4,wed"] if partitioned else [])  # of partitions, those that rows come for
    assert old == ["1,mon", "2,mon", "3,tue", "4,wed"]
    overwrite = f"SET 'execution.runtime-mode' = 'batch'; SET 'parallelism.default' = '{parallelism}'; INSERT OVERWRITE t SELECT * FROM fresh;"
    found = []
    for call in range(100):
        folder = tmp_path / str(call)
        shutil.copytree(before, folder)
        done = run(folder, partitioned, NEW, overwrite, LD_PRELOAD=str(KILLER), KILL_BELOW=str(folder), KILL_AT=str(call))
        seen = read(folder, partitioned)
        assert seen in (old, sorted(new)), f"killed before call {call}"
        assert read(folder, partitioned) == seen, f"killed before call {call}: the next reader sees something else"
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        found.append(seen == sorted(new))
        # Done once more by somebody who knows nothing of the first attempt.
        done = run(folder, partitioned, NEW, overwrite)
        assert done.returncode == 0, done.stderr
        assert read(folder, partitioned) == sorted(new), f"killed before call {call}"
    assert seen == sorted(new) and done.returncode == 0
    assert found.count(False) > 2 and found.count(True) > 2, found
    if parallelism == 1:
        assert found == sorted(found), "what was decided stays so"

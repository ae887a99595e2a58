"""State that is ten times its memory, killed with -9 at the steps of its checkpoints: no row is lost or comes twice, and
neither checkpoints nor restores take the memory that the state has not got."""
import json
import re
import signal
import subprocess
import time

import pytest

from harness import ROOT

pytestmark = pytest.mark.alone

KEYS = 600_000
JOB = """
CREATE TABLE numbers (id BIGINT) WITH (
    'connector' = 'datagen', 'number-of-rows' = '{rows}', 'rows-per-second' = '{rate}', 'fields.id.kind' = 'sequence',
    'fields.id.start' = '0', 'fields.id.end' = '{last}'
);
CREATE TABLE first_ones (id BIGINT, k STRING) WITH ('connector' = 'filesystem', 'path' = '{folder}/out', 'format' = 'json');
INSERT INTO first_ones SELECT id, SUBSTRING(k, 301) FROM (
    SELECT id, k, ROW_NUMBER() OVER (PARTITION BY k ORDER BY PROCTIME()) AS place
    FROM (SELECT id, CONCAT(REPEAT('x', 300), CAST(MOD(id, {keys}) AS STRING)) AS k FROM numbers))
WHERE place = 1;
"""
STEPS = ["upload", "clean-up", "capture", "none"]
MANAGED_MB = 16
ANONYMOUS_MB_MAX = 150  # of the whole process; the state alone is above 200


def anonymous_mb(pid):
    try:
        with open(f"/proc/{pid}/status") as status:
            found = re.search(r"RssAnon:\s+(\d+) kB", status.read())
    except OSError:
        return 0
    return int(found[1]) >> 10 if found else 0


def run(folder, step, backend):
    """How it ended, its most memory and its output."""
    settings = [f"state.backend.type={backend}", f"state.backend.rocksdb.localdir={folder}/spill",
                f"taskmanager.memory.managed.size={MANAGED_MB} mb", "execution.checkpointing.interval=700 ms"]
    log = folder / "log"
    with open(log, "wb") as out:
        process = subprocess.Popen([ROOT / "build/release/tests/kill_at_step", folder / "job.sql", folder / "state", "2", step, "3", "",
                                    *settings], stdout=out, stderr=subprocess.STDOUT)
        most = 0
        while process.poll() is None:
            most = max(most, anonymous_mb(process.pid))
            time.sleep(0.01)
    return process.returncode, most, log.read_text()


def prepare(folder):
    folder.mkdir(exist_ok=True)
    rows = 2 * KEYS
    (folder / "job.sql").write_text(JOB.format(rows=rows, last=rows - 1, rate=rows // 4, keys=KEYS, folder=folder))


def test_state_that_does_not_fit_is_checkpointed_and_restored(tmp_path):
    prepare(tmp_path)
    for step in STEPS:
        status, most, log = run(tmp_path, step, "rocksdb")
        assert most < ANONYMOUS_MB_MAX, f"{most} MB at {step}"
        if step != "none":
            assert status == -signal.SIGKILL, log[-1000:]
    assert log.endswith("FINISHED\n"), log[-1000:]
    assert "restores checkpoint" in log
    keys = []
    for path in (tmp_path / "out").glob("*"):
        if not path.name.startswith((".", "_")):
            keys += [json.loads(line)["k"] for line in path.read_text().splitlines()]
    assert len(keys) == KEYS
    assert set(keys) == {str(number) for number in range(KEYS)}


def test_the_same_in_memory_takes_more(tmp_path):
    """So that the bound above says something."""
    prepare(tmp_path)
    status, most, log = run(tmp_path, "upload", "hashmap")
    assert status == -signal.SIGKILL, log[-1000:]
    assert most > ANONYMOUS_MB_MAX

"""examples/lifecycle, step by step, as its README has it; and that no order is lost or written twice on the way."""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from harness import CREDENTIALS, ROOT

FOLDER = ROOT / "examples/lifecycle"
STEPS = re.findall(r"^\| `([a-z-]+)` \|", (FOLDER / "README.md").read_text(), re.M)


def ids(output):
    """The orders that are committed; files that are still being written have names of their own."""
    rows = [json.loads(line) for path in output.rglob("part-*") for line in path.read_text().splitlines()]
    return sorted(row["id"] for row in rows), {row["label"] for row in rows}


def test_the_life_of_the_example(service, tmp_path):
    output = tmp_path / "rows"
    environment = dict(os.environ, **CREDENTIALS, ENDPOINT=service.url, DATA_DIR=str(service.data_dir), OUTPUT=str(output))
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    assert len(STEPS) == 15
    for step in STEPS:
        done = subprocess.run([str(FOLDER / "lifecycle.sh"), step], env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{step}: {done.stdout}{done.stderr}\n{service.log_tail()}"
        if step == "faulty-update":
            assert "order_s" in done.stdout and "holds state of the operator 'GroupAggregate" in done.stdout
        if step == "upgrade":
            assert "cannot be restored under the older FLINK-1_19" in done.stdout
        if step == "force-stop":
            seen, labels = ids(output)
            assert len(seen) > 500
            assert seen == list(range(1, len(seen) + 1)), "an order is missing, or written twice"
            assert labels == {"first", "FIRST", "SECOND"}
    assert not service.clusters()

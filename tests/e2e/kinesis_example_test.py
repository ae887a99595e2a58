"""examples/kinesis, as its README says."""
import subprocess
import sys

import pytest
from harness import ROOT


def test_the_example_shows_order_and_shares():
    done = subprocess.run([sys.executable, ROOT / "examples/kinesis/demo.py"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=300)
    if done.returncode == 69:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    told = (ROOT / "examples/kinesis/README.md").read_text()
    assert done.stdout and done.stdout in told, done.stdout

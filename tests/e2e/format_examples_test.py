"""examples/dead-letters and examples/velocity-check, as their READMEs say."""
import subprocess
import sys

import pytest
from harness import ROOT


@pytest.mark.parametrize("example", ["dead-letters", "velocity-check"])
def test_the_example_prints_what_its_readme_says(example):
    folder = ROOT / "examples" / example
    done = subprocess.run([sys.executable, folder / "demo.py"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=300)
    if done.returncode == 69:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout and done.stdout in (folder / "README.md").read_text(), done.stdout

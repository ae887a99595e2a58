"""Runs the snippets of the documentation that are marked to be run: fenced blocks that open with `sh run`.

The snippets of one page run in order, in one empty folder, with `millrace` and the example's folder on hand. A block
that opens with `text output` right after a snippet is what it must print, exactly; `sh run fails` is a snippet whose exit
status must not be 0, and its output includes what it writes to stderr.
"""
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(?P<kind>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


def snippets(page):
    """[(line, shell text, expected output or None, must fail)]"""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        kind, line = match["kind"].strip(), text.count("\n", 0, match.start()) + 1
        if kind in ("sh run", "sh run fails"):
            found.append([line, match["body"], None, kind.endswith("fails")])
        elif kind == "text output":
            assert found and found[-1][2] is None, f"{page}:{line}: no snippet prints this"
            found[-1][2] = match["body"]
    return found


PAGES = [page for page in sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
         if snippets(page)]


def test_some_page_has_snippets():
    assert PAGES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_snippets(page, tmp_path):
    environment = dict(os.environ, PATH=f"{ROOT / 'build/release'}:{ROOT / 'build/venv/bin'}:{os.environ['PATH']}",
                       FLIGHTS=str(ROOT / "build/node/node_modules/vega-datasets/data/flights-20k.json"),
                       MILLRACE_TREE=str(ROOT))
    for line, text, expected, must_fail in snippets(page):
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=tmp_path, env=environment, timeout=60,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT if must_fail else subprocess.PIPE, text=True)
        where = f"{page.relative_to(ROOT)}:{line}"
        assert (done.returncode != 0) == must_fail, f"{where} exited with {done.returncode}: {done.stderr}{done.stdout}"
        if expected is not None:
            assert done.stdout.rstrip() == expected.rstrip(), where

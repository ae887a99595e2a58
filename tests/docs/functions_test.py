"""docs/functions.md is what the functions' own descriptions say."""
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MILLRACE = Path(os.environ.get("MILLRACE", ROOT / "build/release/millrace"))


def test_the_page_of_functions_is_what_the_binary_says():
    written = subprocess.run([MILLRACE, "functions", "--markdown"], check=True, capture_output=True, text=True).stdout
    page = (ROOT / "docs/functions.md").read_text(encoding="utf-8")
    assert page == written, "write it anew: build/release/millrace functions --markdown > docs/functions.md"

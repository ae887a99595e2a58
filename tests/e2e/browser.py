"""Chromium for tests, driven through browser.mjs."""
import json
import shutil
import subprocess
from pathlib import Path

from harness import ROOT, wait_for


class Browser:
    """browser.text(), browser.click(selector=...): the commands of browser.mjs, by name."""

    def __init__(self):
        assert shutil.which("chromium"), "Debian's package chromium has it: tools/install test"
        self.process = subprocess.Popen(["node", str(Path(__file__).with_name("browser.mjs")), str(ROOT / "build/node")],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __getattr__(self, command):
        def ask(**parameters):
            self.process.stdin.write(json.dumps({"do": command, **parameters}) + "\n")
            self.process.stdin.flush()
            answer = json.loads(self.process.stdout.readline())
            assert "error" not in answer, f"{command} {parameters}: {answer['error']}"
            return answer["value"]
        return ask

    def wait_for_text(self, wanted, patience_s=20, **parameters):
        """The page's text once it holds `wanted`."""
        text = ""

        def seen():
            nonlocal text
            text = self.text(**parameters)
            return wanted in text
        try:
            wait_for(f"{wanted!r} on the page", seen, patience_s, 0.1)
        except AssertionError as error:
            raise AssertionError(f"{error}; there is: {text}") from None
        return text

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

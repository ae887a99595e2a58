"""The SQL shell on a real pseudo-terminal, with a small terminal of our own that obeys what it writes."""
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time

import pytest
from harness import MILLRACE

UP, DOWN, LEFT, CTRL_C, CTRL_D, TAB = "\x1b[A", "\x1b[B", "\x1b[D", "\x03", "\x04", "\t"
ROWS, COLUMNS = 30, 180


class Screen:
    """What stands on the screen after a text was written to it: enough of a terminal for line editing and tables."""

    def __init__(self):
        self.lines, self.row, self.column = [""], 0, 0

    def write(self, text):
        for control, letter, plain in re.findall(r"\x1b\[([0-9;?]*)([A-Za-z@])|(\x1b[=>]|[\s\S])", text):
            count = int(control) if control.isdigit() else 1
            if plain == "\n":
                self.row += 1
                self.lines += [""] * (self.row + 1 - len(self.lines))
            elif plain == "\r":
                self.column = 0
            elif plain == "\b":
                self.column = max(0, self.column - 1)
            elif plain >= " ":
                self.put(plain)
            elif letter == "A":
                self.row = max(0, self.row - count)
            elif letter == "C":
                self.column += count
            elif letter == "D":
                self.column = max(0, self.column - count)
            elif letter in "JK":
                self.lines[self.row] = self.lines[self.row][:self.column]
                if letter == "J":
                    del self.lines[self.row + 1:]
            elif letter == "P":
                line = self.lines[self.row]
                self.lines[self.row] = line[:self.column] + line[self.column + count:]
            elif letter == "@":
                line = self.lines[self.row]
                self.lines[self.row] = line[:self.column] + " " * count + line[self.column:]

    def put(self, character):
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[:self.column] + character + line[self.column + 1:]
        self.column += 1

    def text(self):
        return "\n".join(line.rstrip() for line in self.lines)


class Terminal:
    def __init__(self, folder, *arguments):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        environment = {**os.environ, "TERM": "vt100", "XDG_STATE_HOME": str(folder / "state"), "HOME": str(folder), "LC_ALL": "C.UTF-8"}
        self.process = subprocess.Popen([str(MILLRACE), "sql", *arguments], stdin=slave, stdout=slave, stderr=slave,
                                        cwd=folder, env=environment, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        os.set_blocking(self.master, False)
        self.screen = Screen()
        self.raw = ""

    def read(self):
        try:
            text = os.read(self.master, 65536).decode(errors="replace")
        except (BlockingIOError, OSError):
            return
        self.raw += text
        self.screen.write(text)

    def type(self, text):
        os.write(self.master, text.encode())

    def wait_for(self, pattern, patience_s=20):
        """Until what the screen shows has the pattern; the match."""
        deadline = time.monotonic() + patience_s
        while not (found := re.search(pattern, self.screen.text())):
            assert time.monotonic() < deadline, f"{pattern!r} does not come; there is:\n{self.screen.text()}"
            self.read()
            time.sleep(0.01)
        return found

    def clear(self):
        """Forgets what the screen shows, but for where the cursor stands."""
        self.read()
        column = self.screen.column
        self.screen = Screen()
        self.screen.column = column

    def run(self, text, pattern, patience_s=20):
        self.clear()
        self.type(text)
        return self.wait_for(pattern, patience_s)

    def end(self):
        self.type(CTRL_D)
        return self.process.wait(20)


@pytest.fixture
def open_terminal(tmp_path):
    opened = []

    def open_one(*arguments):
        terminal = Terminal(tmp_path, *arguments)
        opened.append(terminal)
        terminal.wait_for("millrace>")
        return terminal
    yield open_one
    for terminal in opened:
        if terminal.process.poll() is None:
            terminal.process.kill()
            terminal.process.wait()
        os.close(terminal.master)


def test_statements_of_several_lines_their_history_and_errors(open_terminal):
    shell = open_terminal()
    shell.run("SELECT 1 AS one,\r 2 AS two;\r", r"one \| two\n----\+----\n +1 \|   2\n\(1 row\)\nTime: [0-9.]+ m?s")
    shell.wait_for("millrace>$")
    # The statement comes back whole; it is changed in its first line and runs again.
    shell.clear()
    shell.type(UP)
    shell.wait_for(r"SELECT 1 AS one,\n 2 AS two;")
    shell.type(UP + "\x05" + "\x7f" * 4 + "eins,\x0e" + "\r")
    shell.wait_for(r"eins \| two\n")
    shell.wait_for(r"Time: .*\nmillrace>$")
    # An error shows the place and what to do, and the shell goes on.
    shell.run("SELECT nothing FROM nowhere;\r", r"nowhere[\s\S]*millrace>$")
    shell.run("SELECT 'ä;€' AS t;\r", r"ä;€\n\(1 row\)")
    shell.run("HELP;\r", r"Ctrl-C stops a query")
    shell.run("\\help\r", r"result-mode")
    shell.wait_for("millrace>$")
    assert shell.end() == 0
    # The next shell knows them.
    again = open_terminal()
    again.run(UP + UP + UP, r"SELECT 'ä;€' AS t;")
    again.run(CTRL_C, r"millrace>$")
    assert again.run("QUIT;\r", r"QUIT;") and again.process.wait(20) == 0


def test_completion(open_terminal):
    shell = open_terminal()
    shell.run("CREATE TABLE purchases (customer STRING, amount INT) WITH ('conn" + TAB + " = 'dat" + TAB + ", 'number-of" + TAB + " = '3');\r",
              r"\('connector' = 'datagen', 'number-of-rows' = '3'\)")
    shell.wait_for("millrace>$")
    shell.run("sel" + TAB + "COUNT(cust" + TAB, r"select COUNT\(customer")
    shell.type(") FROM pur" + TAB + ";")
    shell.wait_for(r"FROM purchases ;")
    shell.type("\r")
    shell.wait_for(r"\n +3\n\(1 row\)\nTime: .*\nmillrace>$")
    # Where several fit they are listed, and the line stands below.
    shell.run("DESC" + TAB + TAB, r"DESC +DESCRIBE +DESCRIPTOR\nmillrace> DESC$")
    shell.run(CTRL_C, r"\^C\nmillrace>$")
    shell.run("SELECT  FROM purchases" + LEFT * len(" FROM purchases") + TAB + TAB, r"amount +customer")
    assert shell.run(CTRL_C, r"millrace>$") and shell.end() == 0


COUNTS = """CREATE TABLE ticks (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '50',
 'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '1000000');\r"""


def test_results_change_in_place_and_ctrl_c_stops_the_query_alone(open_terminal):
    shell = open_terminal()
    shell.run(COUNTS, r"created[\s\S]*millrace>$")
    shell.run("SELECT MOD(n, 2) AS half, COUNT(*) AS c FROM ticks GROUP BY MOD(n, 2);\r", r"half \| +c[\s\S]*Ctrl-C ends the query")
    before = shell.wait_for(r"\n +1 \| +(\d+)\n")
    shell.wait_for(rf"\n +1 \| +(?!{before[1]}\n)\d+\n")
    assert shell.screen.text().count("Ctrl-C ends the query") == 1  # one table, drawn over itself
    shell.type(CTRL_C)
    shell.wait_for(r"\(2 rows\)\nStopped.\nTime: .*\nmillrace>$")

    shell.run("SET 'sql-client.execution.result-mode' = 'changelog';\r", r"\nmillrace>$")
    shell.run("SELECT COUNT(*) FROM ticks;\r", r"\+I\[1\]\n-U\[1\]\n\+U\[2\]")
    shell.run(CTRL_C, r"Stopped.[\s\S]*millrace>$")
    shell.run("SET 'sql-client.execution.result-mode' = 'tableau';\r", r"\nmillrace>$")
    shell.run("SELECT n FROM ticks;\r", r"\n +3\n +4\n")
    shell.run(CTRL_C, r"Stopped.[\s\S]*millrace>$")
    shell.run("SET 'sql-client.execution.result-mode' = 'pie';\r", r"millrace>$")
    shell.run("SELECT 1;\r", r"it is table, changelog or tableau")
    # What was typed is thrown away, and the shell is still there.
    shell.run("SELECT" + CTRL_C, r"\^C\nmillrace>$")
    shell.process.send_signal(signal.SIGTERM)
    assert shell.process.wait(20) == 130
    settings = termios.tcgetattr(shell.master)
    assert settings[3] & termios.ICANON and settings[3] & termios.ECHO  # the terminal is as it was


def test_arguments_and_pipes_are_no_shell(open_terminal, tmp_path):
    shell = open_terminal("--set", "sql-client.display.print-time-cost=false", "--output", "json")
    shell.run("SELECT 1 AS one;\r", r'\{"one":1\}\nmillrace>$')
    assert shell.end() == 0
    done = subprocess.run([str(MILLRACE), "sql"], input="SELECT 1 AS one;", capture_output=True, text=True, timeout=60)
    assert done.stdout == "one\n---\n  1\n(1 row)\n" and done.returncode == 0

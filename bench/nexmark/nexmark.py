"""What bench/nexmark/run and bench/nexmark/compare share: the queries, and running one on Millrace."""
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build/release"
MILLRACE = BUILD / "millrace"
QUERIES = [f"q{number}" for number in range(24)]

# Millions of events a second of one core that a hand-written loop reaches, from a vectorised generator: the range
# over several runs on a 3.6 GHz server core. None was measured for q23.
CEILINGS = {
    "q0": (50, 70), "q1": (50, 70), "q2": (70, 120), "q3": (70, 120), "q4": (20, 35), "q5": (40, 55), "q6": (20, 35),
    "q7": (70, 120), "q8": (70, 120), "q9": (20, 35), "q10": (20, 35), "q11": (40, 55), "q12": (70, 120),
    "q13": (40, 55), "q14": (40, 55), "q15": (20, 35), "q16": (10, 20), "q17": (20, 35), "q18": (10, 10),
    "q19": (10, 20), "q20": (10, 20), "q21": (20, 35), "q22": (40, 55),
}
# The same from JSON in memory, for lines of JSON_CEILING_BYTES (bids alone): of longer ones it is fewer, and as many bytes.
# None was measured for the other queries.
JSON_CEILINGS = {"q0": (11, 16), "q5": (15, 21), "q7": (20, 34), "q12": (18, 30)}
JSON_CEILING_BYTES = 191
SIDE_INPUT_ROWS = 10_000


def build(*targets):
    """Builds what is measured, if the tree is configured; a build that is up to date costs nothing."""
    if (BUILD / "build.ninja").exists():
        subprocess.run(["cmake", "--build", BUILD, "--target", *targets], check=True, stdout=subprocess.DEVNULL)
    if not MILLRACE.exists():
        raise SystemExit(f"there is no {MILLRACE.relative_to(ROOT)}: run make first")


def ceiling(query, event_bytes=None):
    """(low, high) events a second of one core, from the generator, or from JSON lines of so many bytes; None if unknown."""
    found = CEILINGS.get(query) if event_bytes is None else JSON_CEILINGS.get(query)
    scale = 1e6 if event_bytes is None else 1e6 * JSON_CEILING_BYTES / event_bytes
    return found and tuple(bound * scale for bound in found)


def statements(text):
    """Splits SQL at the semicolons outside of comments and quotes; comments go."""
    parts, part = [], ""
    for token in re.findall(r"--[^\n]*|'(?:[^']|'')*'|`[^`]*`|;|[^;'`-]+|-", text):
        if token.startswith("--"):
            continue
        if token == ";":
            parts.append(part.strip())
            part = ""
        else:
            part += token
    return [part for part in (*parts, part.strip()) if part]


def substitute(text, parameters):
    return re.sub(r"\$\{(\w+)\}", lambda match: str(parameters[match.group(1)]), text)


def prepare_folder(folder):
    """The files that some queries read or write beside the events."""
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    (data / "side_input.txt").write_text("".join(f"{i},{i}\n" for i in range(SIDE_INPUT_ROWS)))


def script(query, ddl, folder, parameters):
    """The whole of a query's SQL, its placeholders filled."""
    text = "".join((HERE / "ddl" / f"{name}.sql").read_text() for name in (ddl, "views"))
    text += (HERE / "queries" / f"{query}.sql").read_text()
    table = {"generator": "datagen", "files": "files"}[ddl]
    return substitute(text, {"NEXMARK_TABLE": table, "NEXMARK_DIR": folder, "FLINK_HOME": folder,
                             "SUBMIT_TIME": query, "PERSON_PROPORTION": 1, "AUCTION_PROPORTION": 3,
                             "BID_PROPORTION": 46, **parameters})


def as_select(text):
    """The SQL with its last statement, an INSERT, made the SELECT whose rows it writes."""
    *before, last = statements(text)
    return ";\n".join([*before, re.sub(r"^INSERT INTO \w+\s+", "", last)])


class Failed(Exception):
    """The engine cannot run the query; the text is its own message."""


def warm_memory(most_bytes=6 << 30):
    """Touches memory and gives it back, so that the next process finds pages that are there.

    A virtual machine whose host takes free memory back pays for each page again when it is next used: a gigabyte costs
    0.4 to 2.5 s of CPU in place of 0.1 s, by what ran before. What a query costs must not depend on that.
    """
    touch = ("import mmap, os, sys\n"
             "size = min(int(sys.argv[1]), os.sysconf('SC_AVPHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') // 2) // 4096 * 4096\n"
             "memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\n"
             "if hasattr(mmap, 'MADV_HUGEPAGE'): memory.madvise(mmap.MADV_HUGEPAGE)\n"
             "memory[::4096] = bytes(size // 4096)\n")
    subprocess.run([sys.executable, "-c", touch, str(most_bytes)], check=True)


def run_sql(text, settings, output="json", stdout=subprocess.DEVNULL):
    """Runs SQL on Millrace: {seconds, cpu_seconds, state_bytes, peak_rss_bytes}."""
    with tempfile.TemporaryDirectory() as name:
        statistics, sql = Path(name) / "statistics", Path(name) / "query.sql"
        sql.write_text(text)
        command = [MILLRACE, "sql", "-f", sql, "--statistics", statistics, "--output", output]
        for key, value in settings.items():
            command += ["--set", f"{key}={value}"]
        done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise Failed(first_error(done.stderr) or f"millrace sql ended with status {done.returncode}")
        jobs = [json.loads(line) for line in statistics.read_text().splitlines()]
    if not jobs:
        raise Failed("it started no job")
    return {"seconds": sum(job["seconds"] for job in jobs), "cpu_seconds": sum(job["cpu_seconds"] for job in jobs),
            "state_bytes": max(job["state_bytes"] for job in jobs),
            "peak_rss_bytes": max(job["peak_rss_bytes"] for job in jobs)}


def first_error(message):
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return next((line for line in lines if "error" in line.lower()), lines[0] if lines else "")


def write_events(folder, events, files, rate, seed=1, options=None):
    """The events as JSON lines, one file for each generator, so that each file is in the order of event time."""
    options = {"first-event.rate": rate, "generators": files, **(options or {})}
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(files):
        command = [MILLRACE, "nexmark", "generate", "--events", str(events), "--seed", str(seed),
                   "--generator", str(index), "--output", folder / f"events-{index}.json"]
        for key, value in options.items():
            command += ["--option", f"{key}={value}"]
        subprocess.run(command, check=True)

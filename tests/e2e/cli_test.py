"""The command line as a person and a script meet it: output forms, exit statuses, errors, signals, pipes."""
import contextlib
import json
import os
import re
import signal
import subprocess
import time

import pytest
from harness import MILLRACE, wait_for

ROWS = """\
{"id": 1, "customer": "ann", "amount": 10.00, "at": "2026-03-01 09:00:10"}
{"id": 2, "customer": "bob", "amount": 5.50, "at": "2026-03-01 09:00:40.250"}
{"id": 3, "customer": "ann", "amount": 2.25, "at": "2026-03-01 09:01:05"}
"""
ORDERS = """\
CREATE TABLE orders (id INT, customer STRING, amount DECIMAL(8, 2), `at` TIMESTAMP(3),
    WATERMARK FOR `at` AS `at` - INTERVAL '5' SECOND)
WITH ('connector' = 'filesystem', 'path' = '${dir}/orders.json', 'format' = 'json');
"""
WATCHED = ORDERS.replace("${dir}/orders.json", "${dir}/in").replace(
    "'format'", "'source.monitor-interval' = '20 ms', 'format'")
TOTALS = "SELECT customer, SUM(amount) AS total, MAX(`at`) AS latest FROM orders GROUP BY customer;"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "orders.json").write_text(ROWS)
    return tmp_path


def millrace(*arguments, **keywords):
    keywords.setdefault("stdin", subprocess.DEVNULL if "input" not in keywords else None)
    if "input" in keywords:
        del keywords["stdin"]
    return subprocess.run([str(MILLRACE), *map(str, arguments)], capture_output=True, text=True, timeout=60, **keywords)


def sql(folder, text, *arguments):
    return millrace("sql", "-e", text, "--param", f"dir={folder}", *arguments)


def rows(done):
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_json_has_the_keys_in_select_order_decimals_at_scale_and_plain_times(folder):
    assert sorted(rows(sql(folder, ORDERS + TOTALS, "--output", "json"))) == [
        '{"customer":"ann","total":12.25,"latest":"2026-03-01 09:01:05"}',
        '{"customer":"bob","total":5.50,"latest":"2026-03-01 09:00:40.250"}']


def test_csv_has_a_line_of_names(folder):
    lines = rows(sql(folder, ORDERS + TOTALS, "--output", "csv"))
    assert lines[0] == "customer,total,latest"
    assert sorted(lines[1:]) == ["ann,12.25,2026-03-01 09:01:05", "bob,5.50,2026-03-01 09:00:40.250"]


def test_a_table_is_the_default(folder):
    lines = rows(sql(folder, ORDERS + "SELECT id, customer FROM orders WHERE id = 2;"))
    assert lines == ["id | customer", "---+---------", " 2 | bob", "(1 row)"]


def test_changelog_shows_every_change_with_its_kind(folder):
    lines = rows(sql(folder, ORDERS + "SELECT customer, COUNT(*) FROM orders GROUP BY customer;",
                     "--output", "changelog", "--set", "millrace.batch.rows-max=1"))
    assert [line for line in lines if "ann" in line] == ["+I[ann, 1]", "-U[ann, 1]", "+U[ann, 2]"]
    assert [line for line in lines if "bob" in line] == ["+I[bob, 1]"]


def test_statements_come_from_a_file_or_from_standard_input(folder):
    (folder / "query.sql").write_text(ORDERS + "SELECT COUNT(*) AS n FROM orders;")
    from_file = millrace("sql", "-f", folder / "query.sql", "--param", f"dir={folder}", "--output", "json")
    assert rows(from_file) == ['{"n":3}']
    for arguments in ((), ("-f", "-"), ("-f", "/dev/stdin")):
        from_input = millrace("sql", "--output", "json", *arguments, input="SELECT 1 AS one;")
        assert rows(from_input) == ['{"one":1}']
    assert "1:1" in millrace("validate", "-", input="SELEC 1;").stderr


def test_instants_are_shown_at_local_time_and_bytes_by_their_digits():
    text = "SELECT TO_TIMESTAMP_LTZ(0, 3) AS t, ARRAY[TO_TIMESTAMP_LTZ(0, 3)] AS a, TIMESTAMP '1970-01-01 00:00:00' AS w"
    zone = ("--set", "table.local-time-zone=America/New_York")
    shown = millrace("sql", "--output", "csv", *zone, "-e", text).stdout.splitlines()[1]
    assert shown == "1969-12-31 19:00:00,[1969-12-31 19:00:00.000],1970-01-01 00:00:00"
    change = millrace("sql", "--output", "changelog", *zone, "-e", text).stdout.strip()
    assert change == "+I[1969-12-31 19:00:00, [1969-12-31 19:00:00.000], 1970-01-01 00:00:00]"
    assert millrace("sql", "--output", "csv", "-e", "SELECT X'00FF' AS b").stdout == "b\nx'00ff'\n"
    row = json.loads(millrace("sql", "--output", "json", *zone, "-e", text).stdout)
    assert row == {"t": "1970-01-01 00:00:00Z", "a": ["1970-01-01 00:00:00Z"], "w": "1970-01-01 00:00:00"}


def test_show_jobs_lists_what_the_session_ran():
    shown = millrace("sql", "--output", "csv", "-e", "SET 'pipeline.name' = 'first'; SELECT 1; SHOW JOBS").stdout
    header, job = shown.splitlines()[-2:]
    assert header == "job id,job name,status,start time"
    assert re.fullmatch(r"[0-9a-f]{32},first,FINISHED,20\d\d-.*", job), job


def test_several_statements_run_in_order_and_inserts_are_waited_for(folder):
    copies = "CREATE TABLE copies (id INT) WITH ('connector'='filesystem', 'path'='${dir}/copies', 'format'='json');"
    done = sql(folder, ORDERS + copies + "INSERT INTO copies SELECT id FROM orders; SELECT COUNT(*) AS n FROM copies;",
               "--output", "json")
    assert rows(done) == ['{"n":3}']


def test_settings_are_given_on_the_command_line(folder):
    done = sql(folder, "SET;", "--set", "parallelism.default=3", "--output", "csv")
    assert "parallelism.default,3" in rows(done)


def test_a_wrong_statement_is_shown_with_a_caret_and_a_suggestion(folder):
    done = sql(folder, ORDERS + "SELECT custmer FROM orders;", "--output", "json")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "error[sql.unknown-column]" in done.stderr
    assert " --> 4:8" in done.stderr
    assert "       ^^^^^^^" in done.stderr
    assert "did you mean 'customer'?" in done.stderr


def test_a_malformed_record_names_file_line_and_reason(folder):
    (folder / "orders.json").write_text(ROWS + '{"id": "many"}\n')
    done = sql(folder, ORDERS + "SELECT id FROM orders;")
    assert done.returncode == 1
    assert "orders.json" in done.stderr and "line 4" in done.stderr, done.stderr


def test_a_missing_path_is_an_error(folder):
    (folder / "orders.json").unlink()
    done = sql(folder, ORDERS + "SELECT id FROM orders;")
    assert done.returncode == 1
    assert "orders.json" in done.stderr


@pytest.mark.parametrize("arguments", [["--nope"], ["sql", "--nope"], ["nope"], ["sql", "--output", "xml", "-e", "SELECT 1"],
                                       ["sql", "-f", "a", "-e", "b"], []])
def test_a_wrong_command_line_exits_with_2(arguments):
    done = millrace(*arguments)
    assert done.returncode == 2
    assert done.stderr


def test_an_assignment_without_a_value_is_refused():
    done = millrace("sql", "-e", "SELECT 1", "--param", "x")
    assert done.returncode == 1
    assert "--param" in done.stderr


def test_version_and_help():
    assert millrace("--version").stdout.strip().count(".") == 2
    assert "sql" in millrace("help").stdout
    assert "--output" in millrace("help", "sql").stdout
    done = millrace("help", "sq")
    assert done.returncode == 1 and "did you mean 'sql'?" in done.stderr


def test_validate_reports_every_error_and_looks_at_nothing(folder):
    (folder / "job.sql").write_text(
        ORDERS + "SELECT custmer FROM orders;\nSELECT id FROM ordrs;\nSELECT 1 +;\nSELECT id FROM orders;\n")
    done = millrace("validate", folder / "job.sql", "--param", "dir=/does/not/exist")
    assert done.returncode == 1
    assert "job.sql:4:8" in done.stderr and "job.sql:5:16" in done.stderr and "job.sql:6:11" in done.stderr
    assert done.stderr.rstrip().endswith("3 errors")
    # A set of which nothing can be read.
    (folder / "job.sql").write_text("EXECUTE STATEMENT SET BEGIN INSERT o SELECT 1; END;\n")
    done = millrace("validate", folder / "job.sql")
    assert done.returncode == 1 and "job.sql:1:36" in done.stderr and "internal" not in done.stderr
    (folder / "job.sql").write_text(ORDERS + TOTALS)
    assert millrace("validate", folder / "job.sql", "--param", "dir=/does/not/exist").returncode == 0


def start(folder, text, *arguments, **keywords):
    return subprocess.Popen([str(MILLRACE), "sql", "-e", text, "--param", f"dir={folder}", *arguments],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            **keywords)


def test_rows_of_unbounded_input_come_as_they_come_and_ctrl_c_ends_it(folder):
    (folder / "in").mkdir()
    process = start(folder, WATCHED + "SELECT id FROM orders;", "--output", "json")
    try:
        for number in range(3):
            (folder / "in" / f".{number}").write_text(f'{{"id": {number}, "at": "2026-03-01 00:00:00"}}\n')
            (folder / "in" / f".{number}").rename(folder / "in" / f"{number}.json")
            assert process.stdout.readline() == f'{{"id":{number}}}\n'
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.wait()


def test_a_broken_pipe_ends_it_quietly(folder):
    (folder / "in").mkdir()
    process = start(folder, WATCHED + "SELECT id FROM orders;", "--output", "changelog")
    try:
        process.stdout.close()
        deadline = time.monotonic() + 20
        number = 0
        while process.poll() is None:
            assert time.monotonic() < deadline, "it goes on although nobody reads"
            number += 1
            (folder / "in" / f".{number}").write_text('{"id": 1, "at": "2026-03-01 00:00:00"}\n')
            (folder / "in" / f".{number}").rename(folder / "in" / f"{number}.json")
            time.sleep(0.05)
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.wait()


def test_overwriting_changes_nothing_when_it_is_killed(folder):
    out = folder / "out"
    out.mkdir()
    (out / "old").write_text("1,old\n")
    overwrite = """
CREATE TABLE numbers (k BIGINT, v STRING) WITH ('connector' = 'datagen', 'number-of-rows' = '{rows}', 'fields.v.length' = '5');
CREATE TABLE kept (k BIGINT, v STRING) WITH ('connector' = 'filesystem', 'path' = '${{dir}}/out', 'format' = 'csv');
SET 'execution.runtime-mode' = 'batch';
SET 'execution.checkpointing.interval' = '50 ms';
INSERT OVERWRITE kept SELECT k, v FROM numbers;
"""

    def visible():
        return sorted(path.name for path in out.iterdir() if not path.name.startswith("."))

    process = start(folder, overwrite.format(rows=1_000_000_000))
    try:
        wait_for("files of several checkpoints", lambda: len(list(out.glob(".part-*"))) > 5)
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
    assert visible() == ["old"]
    process = start(folder, overwrite.format(rows=1000))
    assert process.wait(60) == 0, process.stderr.read()
    names = visible()
    assert names and "old" not in names
    assert sum(len((out / name).read_text().splitlines()) for name in names) == 1000


def test_state_on_disk_is_gone_with_a_process_that_is_killed(folder):
    state = folder / "state"
    process = start(folder, """
CREATE TABLE numbers (k BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '1000000');
CREATE TABLE nothing (k BIGINT, n BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO nothing SELECT k, COUNT(*) FROM numbers GROUP BY k;""", "--set", "state.backend.type=rocksdb", "--set",
                    f"state.backend.rocksdb.localdir={state}", "--set", "taskmanager.memory.managed.size=4 mb")

    def spilled():
        size = 0
        for number in os.listdir(f"/proc/{process.pid}/fd"):
            with contextlib.suppress(FileNotFoundError):  # closed in between
                file = f"/proc/{process.pid}/fd/{number}"
                if os.readlink(file).startswith(str(state)):
                    size += os.stat(file).st_blocks * 512
        return size

    try:
        wait_for("state on disk", lambda: spilled() > 20 << 20)
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
    assert not list(state.iterdir())


def test_a_table_file_runs_under_every_profile(folder):
    (folder / "a.test").write_text("""query
SELECT k, COUNT(*) FROM (VALUES ('a'), ('b'), ('a')) AS t (k) GROUP BY k;
----
a|2
b|1
""")
    done = millrace("test", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"default .* batch-1 .* parallelism-3 .* rescale .* two-phases .* state-on-disk ", done.stdout)
    assert done.stdout.endswith("6 passed, 0 failed\n")
    (folder / "b.test").write_text("query\nSELECT 1;\n----\n2\n")
    done = millrace("test", folder, "--profile", "default")
    assert done.returncode == 1
    assert "1 passed, 1 failed" in done.stdout and "- 2" in done.stdout and "+ 1" in done.stdout


def test_nothing_is_printed_twice_by_a_query_at_parallelism_3(folder):
    os.remove(folder / "orders.json")
    (folder / "orders.json").mkdir()
    for part in range(5):
        (folder / "orders.json" / f"{part}.json").write_text(
            "".join(f'{{"id": {part * 100 + i}, "customer": "c{i % 7}", "at": "2026-03-01 00:00:00"}}\n' for i in range(100)))
    done = sql(folder, ORDERS + "SELECT id FROM orders;", "--set", "parallelism.default=3", "--output", "json")
    assert sorted(json.loads(line)["id"] for line in rows(done)) == list(range(500))

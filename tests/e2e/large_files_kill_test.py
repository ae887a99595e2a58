"""A cluster is killed while it writes files of many blocks, which go past the page cache to the disk: what is committed in the
end must be, line by line, what a run without faults writes."""
import os
import signal
import subprocess
import time
from collections import Counter

from check import committed_files
from harness import MILLRACE, ROLE, sql_application, wait_for, wait_for_status

KILLS = min(int(os.environ.get("KILLS", "4")), 20)
EVENTS_PER_SECOND = 60_000
SECONDS_PER_KILL = 3
BLOCK_BYTES = 1 << 20  # that the sink writes at once
SQL = """CREATE TABLE events (
  event_type INT,
  bid ROW<auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, dateTime TIMESTAMP(3), extra STRING>
) WITH ('connector' = 'nexmark', 'first-event.rate' = '{rate}', 'events.num' = '{events}', 'rate.limited' = '{paced}',
        'generators' = '1');
CREATE TABLE bids (auction BIGINT, bidder BIGINT, price BIGINT, url STRING, at TIMESTAMP(3), extra STRING)
WITH ('connector' = 'filesystem', 'path' = '{output}', 'format' = 'csv');
INSERT INTO bids SELECT bid.auction, bid.bidder, bid.price, bid.url, bid.dateTime, bid.extra FROM events WHERE event_type = 2;
"""


def sql(output, paced):
    events = EVENTS_PER_SECOND * SECONDS_PER_KILL * (KILLS + 1)
    return SQL.format(rate=EVENTS_PER_SECOND, events=events, paced=str(paced).lower(), output=output)


def lines_of(output):
    """How often each line was committed, by its hash."""
    lines = Counter()
    for path in committed_files(output):
        with open(path, "rb") as file:
            lines.update(map(hash, file))
    return lines


def count(output):
    return sum(path.read_bytes().count(b"\n") for path in committed_files(output)) if output.exists() else 0


def test_killed_while_large_files_are_written(stopped_service, tmp_path):
    reference, output = tmp_path / "reference", tmp_path / "output"
    script = tmp_path / "reference.sql"
    script.write_text(sql(reference, False))
    subprocess.run([MILLRACE, "sql", "-f", script], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    expected = lines_of(reference)

    service = stopped_service.start("--restart-backoff-max-ms", "200")
    client = service.client()
    client.create_application(ApplicationName="bids", RuntimeEnvironment="FLINK-1_20", ServiceExecutionRole=ROLE,
                              ApplicationConfiguration=sql_application(sql(output, True), checkpoint_interval_ms=1000))
    client.start_application(ApplicationName="bids")
    wait_for_status(client, "bids", "RUNNING")
    for number in range(KILLS):
        committed = count(output)
        wait_for(f"new rows before kill {number + 1}", lambda: count(output) > committed, 60, 0.2)
        # While a file has blocks on the disk, and none of its rows is committed.
        wait_for("a file of several blocks that is open", lambda: any(
            path.stat().st_size >= 2 * BLOCK_BYTES for path in output.glob(".part-*")), 60, 0.02)
        (pid,) = wait_for("the cluster process", service.clusters)
        os.kill(pid, signal.SIGKILL)
        wait_for("the killed process to be gone", lambda: pid not in service.clusters())
    wait_for("every expected row", lambda: count(output) >= expected.total(), 120, 0.5)
    time.sleep(1)  # a row too many would come with the next checkpoint
    assert lines_of(output) == expected
    assert any(path.stat().st_size > 4 * BLOCK_BYTES for path in committed_files(output))
    print(f"{KILLS} kills, {expected.total()} rows in {len(committed_files(output))} files")

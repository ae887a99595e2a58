"""The AWS SDK for JavaScript, unmodified, against the service: its parsers accept every answer, its classes every error."""
import json
import os
import subprocess
from pathlib import Path

from harness import ROOT, sql_application

SQL = """
CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '10');
CREATE TABLE nowhere (n BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO nowhere SELECT n FROM numbers;
"""


def test_life_of_an_application(service, tmp_path):
    configuration = tmp_path / "configuration.json"
    configuration.write_text(json.dumps(sql_application(SQL)))
    done = subprocess.run(["node", str(Path(__file__).with_name("javascript_sdk.mjs")), service.url, str(configuration)],
                          env=dict(os.environ, NODE_PACKAGES=str(ROOT / "build/node")), capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=120)
    assert done.returncode == 0, done.stderr + service.log_tail()
    seen = json.loads(done.stdout)

    assert seen["createdAtIsDate"]
    assert (seen["created"]["ApplicationStatus"], seen["created"]["ApplicationVersionId"]) == ("READY", 1)
    assert seen["created"]["ApplicationARN"] == "arn:aws:kinesisanalytics:us-east-1:000000000000:application/from-javascript"
    for error, name in ((seen["duplicate"], "ResourceInUseException"), (seen["unknown"], "ResourceNotFoundException"),
                        (seen["gone"], "ResourceNotFoundException")):
        assert (error["name"], error["instance"], error["status"]) == (name, True, 400), error
        assert error["message"]
    assert seen["running"]["ApplicationStatus"] == "RUNNING"
    assert seen["snapshot"]["SnapshotStatus"] == "READY"
    assert seen["snapshot"]["ApplicationVersionId"] == 1
    assert seen["operation"]["Operation"] == "StartApplication"
    assert seen["operation"]["OperationStatus"] == "SUCCESSFUL"
    assert [operation["Operation"] for operation in seen["operations"]] == ["CreateApplicationSnapshot", "StartApplication"]
    names = [snapshot["SnapshotName"] for snapshot in seen["snapshots"]]
    assert "one" in names and len(names) == 2, "the stop takes a snapshot too"
    assert [application["ApplicationName"] for application in seen["listed"]] == ["from-javascript"]

"""Applications through boto3, with the real engine behind the service: code in all its forms, restore types, failures."""
import io
import json
import zipfile

import pytest
from botocore.exceptions import ClientError

from harness import ROLE, sql_application, status_of, wait_for, wait_for_status

COPY = """
CREATE TABLE words (id INT, word STRING)
WITH ('connector' = 'filesystem', 'path' = '${files.input}', 'source.monitor-interval' = '50 ms', 'format' = 'json');
CREATE TABLE copies (id INT, word STRING)
WITH ('connector' = 'filesystem', 'path' = '${files.output}', 'format' = 'json');
INSERT INTO copies SELECT id, UPPER(word) FROM words;
"""


class Files:
    """The input and output folders of one application."""

    def __init__(self, folder):
        self.input, self.output = folder / "input", folder / "output"
        self.input.mkdir()
        self.properties = {"files": {"input": str(self.input), "output": str(self.output)}}
        self.count = 0

    def publish(self, *rows):
        self.count += 1
        hidden = self.input / f".part-{self.count:04}"
        hidden.write_text("".join(json.dumps(row) + "\n" for row in rows))
        hidden.rename(self.input / f"part-{self.count:04}.json")

    def rows(self):
        if not self.output.exists():
            return []
        return [json.loads(line) for path in sorted(self.output.rglob("*"))
                if path.is_file() and not path.name.startswith((".", "_")) for line in path.read_text().splitlines()]

    def words(self):
        return sorted(row["word"] for row in self.rows())

    def wait_for_words(self, *words):
        wait_for(f"the output to be {words}", lambda: self.words() == sorted(words), 20)


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def create(client, configuration, name="app"):
    return client.create_application(ApplicationName=name, RuntimeEnvironment="FLINK-1_20", ServiceExecutionRole=ROLE,
                                     ApplicationConfiguration=configuration)["ApplicationDetail"]


def start(client, restore=None, name="app"):
    run = {"ApplicationRestoreConfiguration": restore} if restore else {}
    client.start_application(ApplicationName=name, RunConfiguration=run)
    wait_for_status(client, name, "RUNNING")


def stop(client, name="app", **keywords):
    client.stop_application(ApplicationName=name, **keywords)
    wait_for_status(client, name, "READY")


def error_code(call, **keywords):
    with pytest.raises(ClientError) as caught:
        call(**keywords)
    return caught.value.response["Error"]["Code"]


def test_rows_flow_and_a_stop_and_start_repeats_none(client, files):
    create(client, sql_application(COPY, files.properties, 200))
    files.publish({"id": 1, "word": "one"})
    start(client)
    files.wait_for_words("ONE")
    stop(client)
    files.publish({"id": 2, "word": "two"})
    start(client)  # from the latest snapshot, by default
    files.wait_for_words("ONE", "TWO")
    stop(client)
    assert files.words() == ["ONE", "TWO"]


def test_restore_types(client, files):
    create(client, sql_application(COPY, files.properties, 200))
    files.publish({"id": 1, "word": "one"})
    start(client)
    files.wait_for_words("ONE")
    client.create_application_snapshot(ApplicationName="app", SnapshotName="after-one")
    wait_for("the snapshot", lambda: client.describe_application_snapshot(
        ApplicationName="app", SnapshotName="after-one")["SnapshotDetails"]["SnapshotStatus"] == "READY")
    files.publish({"id": 2, "word": "two"})
    files.wait_for_words("ONE", "TWO")
    stop(client)

    start(client, {"ApplicationRestoreType": "RESTORE_FROM_LATEST_SNAPSHOT"})
    files.publish({"id": 3, "word": "three"})
    files.wait_for_words("ONE", "TWO", "THREE")
    stop(client, Force=True)

    # What came after the named snapshot is computed again.
    start(client, {"ApplicationRestoreType": "RESTORE_FROM_CUSTOM_SNAPSHOT", "SnapshotName": "after-one"})
    files.wait_for_words("ONE", "TWO", "THREE", "TWO", "THREE")
    stop(client, Force=True)

    start(client, {"ApplicationRestoreType": "SKIP_RESTORE_FROM_SNAPSHOT"})
    files.wait_for_words("ONE", "TWO", "THREE", "TWO", "THREE", "ONE", "TWO", "THREE")


def test_code_as_a_zip_and_as_an_object_of_a_local_bucket(service, client, files):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("job.sql", COPY)
    inline = sql_application("", files.properties, 200)
    inline["ApplicationCodeConfiguration"] = {"CodeContentType": "ZIPFILE",
                                              "CodeContent": {"ZipFileContent": archive.getvalue()}}
    create(client, inline, "zipped")
    files.publish({"id": 1, "word": "one"})
    start(client, name="zipped")
    files.wait_for_words("ONE")
    stop(client, name="zipped")

    bucket = service.data_dir / "buckets" / "code"
    bucket.mkdir(parents=True)
    (bucket / "job.zip").write_bytes(archive.getvalue())
    stored = dict(inline, ApplicationCodeConfiguration={
        "CodeContentType": "ZIPFILE",
        "CodeContent": {"S3ContentLocation": {"BucketARN": "arn:aws:s3:::code", "FileKey": "job.zip"}}})
    create(client, stored, "stored")
    (bucket / "job.zip").unlink()  # the application keeps a copy of its own
    start(client, name="stored")
    files.wait_for_words("ONE", "ONE")

    stored["ApplicationCodeConfiguration"]["CodeContent"]["S3ContentLocation"]["FileKey"] = "missing.zip"
    assert error_code(client.create_application, ApplicationName="missing", RuntimeEnvironment="FLINK-1_20",
                      ServiceExecutionRole=ROLE, ApplicationConfiguration=stored) == "InvalidArgumentException"


def test_an_application_whose_input_ends_is_ready_again(client, files):
    bounded = COPY.replace("'source.monitor-interval' = '50 ms', ", "")
    create(client, sql_application(bounded, files.properties, 200))
    files.publish({"id": 1, "word": "one"}, {"id": 2, "word": "two"})
    client.start_application(ApplicationName="app")
    files.wait_for_words("ONE", "TWO")
    wait_for_status(client, "app", "READY")


def test_a_record_that_cannot_be_read_fails_and_restarts_until_it_is_mended(service, client, files):
    create(client, sql_application(COPY, files.properties, 200))
    files.publish({"id": 1, "word": "one"})
    start(client)
    files.wait_for_words("ONE")
    (files.input / "part-9999.json").write_text('{"id": 2, "word": \n')
    wait_for("the failure in the log", lambda: "part-9999.json" in service_logs(service), 20)
    assert status_of(client, "app") == "RUNNING"
    assert files.words() == ["ONE"]
    stop(client, Force=True)


def service_logs(service):
    texts = [path.read_text(errors="replace") for path in (service.data_dir / "applications").rglob("*log")]
    return "\n".join(texts) + service.log_tail(1000)

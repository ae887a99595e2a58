"""The API through clients as they are: boto3, the aws cli and the JavaScript SDK. Every answer is checked against the
public service model that botocore carries: no member that the model lacks, none of those it requires missing, right types."""
import base64
import http.client
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import botocore.session
import pytest
from botocore.exceptions import ClientError
from harness import CREDENTIALS, ROLE, ROOT, sql_application, status_of, wait_for, wait_for_status

SQL = """
CREATE TABLE numbers (id BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '20');
CREATE TABLE nowhere (id BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO nowhere SELECT id FROM numbers;
"""
MODEL = botocore.session.get_session().get_service_model("kinesisanalyticsv2")
SQL_1_0 = {  # of another kind of application
    "AddApplicationInput", "AddApplicationInputProcessingConfiguration", "AddApplicationOutput",
    "AddApplicationReferenceDataSource", "DeleteApplicationInputProcessingConfiguration", "DeleteApplicationOutput",
    "DeleteApplicationReferenceDataSource", "DiscoverInputSchema",
}
# Members of ours beside the model's; docs/api.md says what they are.
BESIDE_THE_MODEL = {"ApplicationDetail": {"Health"}, "ApplicationOperationInfoDetails": {"DowntimeMilliseconds"}}


def check_shape(value, shape, path):
    """What the client parsed would hide what the model does not know, so this looks at the bytes that were sent."""
    if shape.type_name == "structure":
        assert isinstance(value, dict), path
        more = set(value) - set(shape.members)
        assert more <= BESIDE_THE_MODEL.get(shape.name, set()), f"{path}: {more} not in the model"
        assert set(shape.required_members) <= set(value), f"{path}: {set(shape.required_members) - set(value)} missing"
        for name in set(value) - more:
            check_shape(value[name], shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list":
        assert isinstance(value, list), path
        for index, member in enumerate(value):
            check_shape(member, shape.member, f"{path}[{index}]")
    elif shape.type_name == "map":
        assert isinstance(value, dict), path
        for member in value.values():
            check_shape(member, shape.value, path)
    elif shape.type_name in ("integer", "long", "timestamp"):  # timestamps: whole seconds since the epoch
        assert isinstance(value, int) and not isinstance(value, bool), f"{path}: {value!r}"
    elif shape.type_name == "boolean":
        assert isinstance(value, bool), path
    else:
        assert isinstance(value, str), f"{path}: {value!r}"
        if shape.enum:
            assert value in shape.enum, f"{path}: {value!r}"


def check_answer(operation, body):
    shape = MODEL.operation_model(operation).output_shape
    check_shape(json.loads(body or b"{}"), shape, operation)


@pytest.fixture
def checked(client):
    """The client, with each successful answer's bytes held against the model."""
    def check(http_response, model, **_):
        if http_response.status_code == 200:
            check_answer(model.name, http_response.content)
    client.meta.events.register("after-call.kinesisanalyticsv2", check)
    return client


def create(client, name, **more):
    return client.create_application(ApplicationName=name, RuntimeEnvironment="FLINK-1_20", ServiceExecutionRole=ROLE,
                                     ApplicationConfiguration=sql_application(SQL), **more)["ApplicationDetail"]


def error_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def finish(client, name, operation_id):
    def ended():
        details = client.describe_application_operation(ApplicationName=name, OperationId=operation_id)
        details = details["ApplicationOperationInfoDetails"]
        return details["OperationStatus"] != "IN_PROGRESS" and details
    return wait_for(f"operation {operation_id} to end", ended)


def test_the_life_of_an_application(checked, service):
    client = checked
    made = create(client, "life", ApplicationDescription="of a whole life", Tags=[{"Key": "team", "Value": "streams"}])
    assert made["ApplicationStatus"] == "READY" and made["ApplicationVersionId"] == 1
    assert made["ApplicationARN"] == "arn:aws:kinesisanalytics:us-east-1:000000000000:application/life"

    started = client.start_application(ApplicationName="life")["OperationId"]
    assert finish(client, "life", started)["OperationStatus"] == "SUCCESSFUL"
    assert status_of(client, "life") == "RUNNING"
    client.describe_application(ApplicationName="life", IncludeAdditionalDetails=True)

    client.create_application_snapshot(ApplicationName="life", SnapshotName="first")
    def snapshot():
        return client.describe_application_snapshot(ApplicationName="life", SnapshotName="first")["SnapshotDetails"]
    wait_for("the snapshot to be READY", lambda: snapshot()["SnapshotStatus"] == "READY")
    assert snapshot()["ApplicationVersionId"] == 1 and snapshot()["RuntimeEnvironment"] == "FLINK-1_20"

    stopped = client.stop_application(ApplicationName="life")["OperationId"]
    assert finish(client, "life", stopped)["OperationStatus"] == "SUCCESSFUL"
    assert status_of(client, "life") == "READY" and not service.clusters("life")
    listed = client.list_application_snapshots(ApplicationName="life")["SnapshotSummaries"]
    assert len(listed) == 2 and listed[1]["SnapshotName"] == "first"

    for restore in ({"ApplicationRestoreType": "RESTORE_FROM_CUSTOM_SNAPSHOT", "SnapshotName": "first"},
                    {"ApplicationRestoreType": "RESTORE_FROM_LATEST_SNAPSHOT"},
                    {"ApplicationRestoreType": "SKIP_RESTORE_FROM_SNAPSHOT"}):
        operation = client.start_application(ApplicationName="life",
                                             RunConfiguration={"ApplicationRestoreConfiguration": restore})["OperationId"]
        assert finish(client, "life", operation)["OperationStatus"] == "SUCCESSFUL", restore
        configuration = client.describe_application(ApplicationName="life")["ApplicationDetail"]
        configuration = configuration["ApplicationConfigurationDescription"]["RunConfigurationDescription"]
        assert configuration["ApplicationRestoreConfigurationDescription"] == restore
        client.stop_application(ApplicationName="life", Force=True)
        wait_for_status(client, "life", "READY")

    client.delete_application_snapshot(ApplicationName="life", SnapshotName="first",
                                       SnapshotCreationTimestamp=snapshot()["SnapshotCreationTimestamp"])
    wait_for("the snapshot to be gone", lambda: error_or_none(
        client.describe_application_snapshot, ApplicationName="life", SnapshotName="first") == "ResourceNotFoundException")

    operations = client.list_application_operations(ApplicationName="life")["ApplicationOperationInfoList"]
    assert operations[-1]["Operation"] == "StartApplication" and operations[-1]["OperationId"] == started
    only = client.list_application_operations(ApplicationName="life", Operation="StopApplication",
                                              OperationStatus="SUCCESSFUL")["ApplicationOperationInfoList"]
    assert len(only) == 4

    client.delete_application(ApplicationName="life", CreateTimestamp=made["CreateTimestamp"])
    wait_for("the application to be gone", lambda: error_or_none(
        client.describe_application, ApplicationName="life") == "ResourceNotFoundException")


def error_or_none(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]


def test_errors_are_those_of_the_model(checked):
    client = checked
    create(client, "twice")
    assert error_of(client.create_application, ApplicationName="twice", RuntimeEnvironment="FLINK-1_20",
                    ServiceExecutionRole=ROLE) == "ResourceInUseException"
    assert error_of(client.create_application, ApplicationName="a b", RuntimeEnvironment="FLINK-1_20",
                    ServiceExecutionRole=ROLE) == "InvalidArgumentException"
    assert error_of(client.create_application, ApplicationName="sql1", RuntimeEnvironment="SQL-1_0",
                    ServiceExecutionRole=ROLE) == "UnsupportedOperationException"
    assert error_of(client.describe_application, ApplicationName="nobody") == "ResourceNotFoundException"
    assert error_of(client.stop_application, ApplicationName="twice") == "ResourceInUseException"
    assert error_of(client.start_application, ApplicationName="nobody") == "ResourceNotFoundException"
    with pytest.raises(client.exceptions.InvalidArgumentException) as caught:
        client.create_application(
            ApplicationName="s3", RuntimeEnvironment="FLINK-1_20", ServiceExecutionRole=ROLE,
            ApplicationConfiguration={"ApplicationCodeConfiguration": {
                "CodeContentType": "ZIPFILE",
                "CodeContent": {"S3ContentLocation": {"BucketARN": "arn:aws:s3:::nobody-has-this", "FileKey": "x.zip"}}}})
    assert str(caught.value.response["Error"]["Message"]).startswith(
        "Please check the role provided or validity of S3 location you provided.")


def test_code_that_cannot_be_planned_makes_ready_again(client):
    client.create_application(ApplicationName="wrong", RuntimeEnvironment="FLINK-1_20", ServiceExecutionRole=ROLE,
                              ApplicationConfiguration=sql_application("INSERT INTO nothing SELEKT BROKEN;"))
    operation = client.start_application(ApplicationName="wrong")["OperationId"]
    details = finish(client, "wrong", operation)
    assert details["OperationStatus"] == "FAILED"
    assert details["OperationFailureDetails"]["ErrorInfo"]["ErrorString"]
    assert status_of(client, "wrong") == "READY"


def test_code_in_a_zip_and_in_a_local_bucket(checked, service):
    client = checked
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        for number, statement in enumerate(part for part in SQL.split(";") if part.strip()):
            writer.writestr(f"{number}.sql", statement + ";")
    bucket = service.data_dir / "buckets" / "code"
    bucket.mkdir(parents=True)
    (bucket / "apps.zip").write_bytes(archive.getvalue())
    for name, content in (("inline", {"ZipFileContent": archive.getvalue()}),
                          ("bucket", {"S3ContentLocation": {"BucketARN": "arn:aws:s3:::code", "FileKey": "apps.zip"}})):
        configuration = sql_application(SQL)
        configuration["ApplicationCodeConfiguration"] = {"CodeContentType": "ZIPFILE", "CodeContent": content}
        client.create_application(ApplicationName=name, RuntimeEnvironment="FLINK-2_2", ServiceExecutionRole=ROLE,
                                  ApplicationConfiguration=configuration)
        operation = client.start_application(ApplicationName=name)["OperationId"]
        details = finish(client, name, operation)
        assert details["OperationStatus"] == "SUCCESSFUL", details


def test_pages(checked):
    for number in range(5):
        create(checked, f"page-{number}")
    seen, token = [], {}
    for _ in range(3):
        page = checked.list_applications(Limit=2, **token)
        seen += [summary["ApplicationName"] for summary in page["ApplicationSummaries"]]
        token = {"NextToken": page["NextToken"]} if "NextToken" in page else {}
    assert not token
    assert seen == [f"page-{number}" for number in range(5)]


def test_actions_of_other_kinds_of_applications_say_so(client):
    """With an error that the model has for them if it has one; all others are done, and refuse what is not there."""
    for name in MODEL.operation_names:
        operation = MODEL.operation_model(name)
        errors = {shape.name for shape in operation.error_shapes}
        if name == "ListApplications":
            continue
        code = error_of(client._make_api_call, operation_name=name, api_params=example(operation.input_shape))
        if name in SQL_1_0:
            assert code in {"UnsupportedOperationException", "InvalidRequestException"}, name
            assert code in errors or not errors & {"UnsupportedOperationException", "InvalidRequestException"}, name
        else:
            assert code in {"ResourceNotFoundException", "InvalidArgumentException", "UnsupportedOperationException"}, name
            assert code in errors, name


def test_versions_updates_and_rollbacks(checked, service):
    client = checked
    made = create(client, "versions", Tags=[{"Key": "team", "Value": "streams"}])
    arn = made["ApplicationARN"]
    finish(client, "versions", client.start_application(ApplicationName="versions")["OperationId"])

    def update(version, **more):
        answer = client.update_application(ApplicationName="versions", CurrentApplicationVersionId=version, **more)
        return finish(client, "versions", answer["OperationId"])

    done = update(1, ApplicationConfigurationUpdate={"ApplicationCodeConfigurationUpdate": {
        "CodeContentUpdate": {"TextContentUpdate": SQL.replace("SELECT id", "SELECT id + 1")}}})
    assert done["OperationStatus"] == "SUCCESSFUL"
    assert done["ApplicationVersionChangeDetails"] == {"ApplicationVersionUpdatedFrom": 1, "ApplicationVersionUpdatedTo": 2}
    assert status_of(client, "versions") == "RUNNING" and len(service.clusters("versions")) == 1
    failed = update(2, ApplicationConfigurationUpdate={"ApplicationCodeConfigurationUpdate": {
        "CodeContentUpdate": {"TextContentUpdate": SQL.replace("FROM numbers", "FROM number")}}})
    assert failed["OperationStatus"] == "FAILED"
    assert "did you mean 'numbers'" in failed["OperationFailureDetails"]["ErrorInfo"]["ErrorString"]
    too_many = update(2, ApplicationConfigurationUpdate={"FlinkApplicationConfigurationUpdate": {
        "ParallelismConfigurationUpdate": {"ConfigurationTypeUpdate": "CUSTOM", "ParallelismUpdate": 129}}})
    assert "parallelism 129 is above the maximum, 128" in too_many["OperationFailureDetails"]["ErrorInfo"]["ErrorString"]
    assert status_of(client, "versions") == "RUNNING"
    rolled = client.rollback_application(ApplicationName="versions", CurrentApplicationVersionId=2)
    assert finish(client, "versions", rolled["OperationId"])["OperationStatus"] == "SUCCESSFUL"
    detail = client.describe_application(ApplicationName="versions")["ApplicationDetail"]
    assert (detail["ApplicationVersionId"], detail["ApplicationVersionRolledBackFrom"]) == (1, 2)

    listed = client.list_application_versions(ApplicationName="versions")["ApplicationVersionSummaries"]
    assert [one["ApplicationVersionId"] for one in listed] == [4, 3, 2, 1]
    assert {one["ApplicationStatus"] for one in listed} == {"ROLLED_BACK", "RUNNING"}
    client.describe_application_version(ApplicationName="versions", ApplicationVersionId=2)
    client.tag_resource(ResourceARN=arn, Tags=[{"Key": "more", "Value": "x"}])
    client.untag_resource(ResourceARN=arn, TagKeys=["team"])
    assert client.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "more", "Value": "x"}]
    client.stop_application(ApplicationName="versions")
    wait_for_status(client, "versions", "READY")

    token = client.describe_application(ApplicationName="versions")["ApplicationDetail"]["ConditionalToken"]
    added = client.add_application_cloud_watch_logging_option(
        ApplicationName="versions", ConditionalToken=token,
        CloudWatchLoggingOption={"LogStreamARN": "arn:aws:logs:us-east-1:000000000000:log-group:g:log-stream:s"})
    client.delete_application_cloud_watch_logging_option(
        ApplicationName="versions", CurrentApplicationVersionId=added["ApplicationVersionId"],
        CloudWatchLoggingOptionId=added["CloudWatchLoggingOptionDescriptions"][0]["CloudWatchLoggingOptionId"])
    vpc = client.add_application_vpc_configuration(
        ApplicationName="versions", CurrentApplicationVersionId=6,
        VpcConfiguration={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]})
    client.describe_application(ApplicationName="versions")
    client.delete_application_vpc_configuration(
        ApplicationName="versions", CurrentApplicationVersionId=7,
        VpcConfigurationId=vpc["VpcConfigurationDescription"]["VpcConfigurationId"])
    client.update_application_maintenance_configuration(
        ApplicationName="versions",
        ApplicationMaintenanceConfigurationUpdate={"ApplicationMaintenanceWindowStartTimeUpdate": "03:30"})


def example(shape):
    """Some input that the client's own validation lets through."""
    if shape.type_name == "structure":
        return {name: example(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "list":
        return [example(shape.member)]
    if shape.type_name == "map":
        return {}
    if shape.type_name in ("integer", "long"):
        return 1
    if shape.type_name == "timestamp":
        return 1_700_000_000
    return shape.enum[0] if getattr(shape, "enum", None) else "arn:aws:some-thing"


def run_client(command, service, **keywords):
    environment = dict(os.environ, **CREDENTIALS, AWS_EC2_METADATA_DISABLED="true", AWS_PAGER="")
    return subprocess.run([str(word) for word in command], env=environment, capture_output=True, text=True, timeout=120,
                          **keywords)


def test_the_unmodified_aws_cli(service):
    cli = Path(sys.executable).parent / "aws"
    def aws(*words):
        done = run_client([cli, "kinesisanalyticsv2", "--endpoint-url", service.url, "--output", "json", *words], service)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else {}
    made = aws("create-application", "--application-name", "cli", "--runtime-environment", "FLINK-1_20",
               "--service-execution-role", ROLE, "--application-configuration", json.dumps(sql_application(SQL)))
    assert made["ApplicationDetail"]["ApplicationStatus"] == "READY"
    operation = aws("start-application", "--application-name", "cli")["OperationId"]
    wait_for("the start to succeed", lambda: aws(
        "describe-application-operation", "--application-name", "cli", "--operation-id", operation
    )["ApplicationOperationInfoDetails"]["OperationStatus"] == "SUCCESSFUL", interval_s=0.2)
    assert aws("list-applications")["ApplicationSummaries"][0]["ApplicationStatus"] == "RUNNING"
    aws("stop-application", "--application-name", "cli", "--force")
    wait_for("READY", lambda: aws("list-applications")["ApplicationSummaries"][0]["ApplicationStatus"] == "READY")
    refused = run_client([cli, "kinesisanalyticsv2", "--endpoint-url", service.url, "describe-application",
                          "--application-name", "nobody"], service)
    assert refused.returncode != 0 and "ResourceNotFoundException" in refused.stderr


def test_the_javascript_sdk(service):
    done = run_client(["node", Path(__file__).with_name("service_api.mjs"), service.url, SQL], service,
                      cwd=ROOT / "build/node")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "all is well"


def test_a_request_that_is_too_large_or_malformed_changes_nothing(service, client):
    create(client, "stays")
    for body, headers, expected in (
            (b"{", {"X-Amz-Target": "KinesisAnalytics_20180523.ListApplications"}, 400),
            (b"\x00\xff", {"X-Amz-Target": "KinesisAnalytics_20180523.DescribeApplication"}, 400),
            (b"{}", {"X-Amz-Target": "KinesisAnalytics_20180523.Nonsense"}, 400),
            (b"{}", {}, 400),
            (None, {"Content-Length": str(1 << 40)}, 413)):
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
        connection.request("POST", "/", body=body, headers=headers)
        assert connection.getresponse().status == expected
        connection.close()
    big = base64.b64encode(b"x" * 200_000).decode()
    configuration = sql_application(big)
    assert error_of(client.create_application, ApplicationName="big", RuntimeEnvironment="FLINK-1_20",
                    ServiceExecutionRole=ROLE, ApplicationConfiguration=configuration) == "InvalidArgumentException"
    assert [summary["ApplicationName"] for summary in client.list_applications()["ApplicationSummaries"]] == ["stays"]

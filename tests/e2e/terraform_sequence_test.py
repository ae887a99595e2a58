"""What Terraform's resources aws_kinesisanalyticsv2_application and _application_snapshot do with the API: the same calls
in the same order, the same waiting. Its waiters know the statuses that may come on the way, and any other is an error to
them, so an answer that is only nearly right fails here. Parts whose action the service does not do yet are skipped."""
import time
from datetime import datetime

import pytest
from botocore.exceptions import ClientError
from harness import ROLE, sql_application

SQL = """
CREATE TABLE numbers (id BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '20');
CREATE TABLE nowhere (k BIGINT, n BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO nowhere SELECT MOD(id, 7), COUNT(*) FROM numbers GROUP BY MOD(id, 7);
"""
LOG_STREAM = "arn:aws:logs:us-east-1:000000000000:log-group:flink:log-stream:{}"


class NotFound(Exception):
    pass


def wait_for_state(refresh, pending, target, timeout_s=60):
    """The state that came; an unexpected one is an error at once. `target` empty: until it is gone."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            state = refresh()
        except NotFound:
            if not target:
                return None
            raise
        if state in target:
            return state
        assert state in pending, f"unexpected state '{state}', wanted target {target}, pending {pending}"
        time.sleep(0.05)
    raise AssertionError(f"timeout while waiting for {target}")


class Provider:
    """The resource's create, read, update and delete; `state` is what it keeps between runs."""

    def __init__(self, client):
        self.client = client
        self.state = {}

    def supports(self, action, **arguments):
        try:
            getattr(self.client, action)(ApplicationName="nobody", **arguments)
        except ClientError as error:
            return "not supported by this version" not in error.response["Error"]["Message"]
        return True

    def find(self):
        try:
            return self.client.describe_application(ApplicationName=self.state["name"])["ApplicationDetail"]
        except self.client.exceptions.ResourceNotFoundException as error:
            raise NotFound from error

    def status(self):
        return self.find()["ApplicationStatus"]

    def operation_succeeds(self, answer):
        if not answer.get("OperationId"):
            return
        def status():
            details = self.client.describe_application_operation(
                ApplicationName=self.state["name"], OperationId=answer["OperationId"])["ApplicationOperationInfoDetails"]
            return details["OperationStatus"]
        wait_for_state(status, {"IN_PROGRESS"}, {"SUCCESSFUL"})

    def create(self, name, configuration, start, **more):
        made = self.client.create_application(
            ApplicationName=name, RuntimeEnvironment="FLINK-1_20", ServiceExecutionRole=ROLE,
            ApplicationConfiguration=configuration, **more)["ApplicationDetail"]
        # Persisted as RFC 3339, so what comes back at the end has whole seconds.
        self.state = {"name": name, "create_timestamp": made["CreateTimestamp"].isoformat(timespec="seconds")}
        if start:
            self.start()
        return self.read()

    def read(self):
        detail = self.find()
        assert detail["CreateTimestamp"].isoformat(timespec="seconds") == self.state["create_timestamp"]
        self.state["version_id"] = detail["ApplicationVersionId"]
        return detail

    def start(self, run_configuration=None):
        if self.find()["ApplicationStatus"] != "READY":
            return
        answer = self.client.start_application(ApplicationName=self.state["name"],
                                               RunConfiguration=run_configuration or {})
        self.operation_succeeds(answer)
        wait_for_state(self.status, {"STARTING"}, {"RUNNING"})

    def stop(self, force=None):
        if self.find()["ApplicationStatus"] != "RUNNING":
            return
        arguments = {} if force is None else {"Force": force}
        self.operation_succeeds(self.client.stop_application(ApplicationName=self.state["name"], **arguments))
        wait_for_state(self.status, {"FORCE_STOPPING", "STOPPING"}, {"READY"})

    def change(self, action, **arguments):
        """UpdateApplication, or one of the actions that add and delete: by the version id that is kept."""
        answer = getattr(self.client, action)(ApplicationName=self.state["name"],
                                              CurrentApplicationVersionId=self.state["version_id"], **arguments)
        self.operation_succeeds(answer)
        wait_for_state(self.status, {"UPDATING"}, {"READY", "RUNNING"})
        if "ApplicationVersionId" in answer:
            self.state["version_id"] = answer["ApplicationVersionId"]
        return self.read()

    def delete(self):
        self.client.delete_application(ApplicationName=self.state["name"],
                                       CreateTimestamp=datetime.fromisoformat(self.state["create_timestamp"]))
        wait_for_state(self.status, {"DELETING"}, set())


@pytest.fixture
def provider(client):
    return Provider(client)


def need(provider, action, **arguments):
    if not provider.supports(action, **arguments):
        pytest.skip(f"the service does not do {action}")


UPDATE = {"CurrentApplicationVersionId": 1}


def parallelism(count):
    return {"FlinkApplicationConfigurationUpdate": {"ParallelismConfigurationUpdate": {
        "ConfigurationTypeUpdate": "CUSTOM", "ParallelismUpdate": count, "ParallelismPerKPUUpdate": 1,
        "AutoScalingEnabledUpdate": False}}}


def test_create_start_stop_start_delete(provider):
    detail = provider.create("plain", sql_application(SQL), start=True, ApplicationDescription="described")
    assert detail["ApplicationStatus"] == "RUNNING" and detail["ApplicationVersionId"] == 1
    provider.stop()
    assert provider.read()["ApplicationStatus"] == "READY"
    provider.start({"FlinkRunConfiguration": {"AllowNonRestoredState": True}, "ApplicationRestoreConfiguration": {
        "ApplicationRestoreType": "RESTORE_FROM_LATEST_SNAPSHOT"}})
    provider.stop(force=True)
    provider.start({"ApplicationRestoreConfiguration": {"ApplicationRestoreType": "SKIP_RESTORE_FROM_SNAPSHOT"}})
    provider.delete()  # at once, while it runs
    with pytest.raises(NotFound):
        provider.find()


def test_delete_of_one_that_was_never_started(provider):
    assert provider.create("idle", sql_application(SQL), start=False)["ApplicationStatus"] == "READY"
    provider.stop()  # which does nothing, as it is not RUNNING
    provider.delete()


def test_updates_while_it_runs(provider):
    need(provider, "update_application", **UPDATE)
    provider.create("running", sql_application(SQL, {"group": {"key": "value"}}), start=True)
    detail = provider.change("update_application", ApplicationConfigurationUpdate=parallelism(2))
    assert detail["ApplicationStatus"] == "RUNNING" and detail["ApplicationVersionId"] == 2
    described = detail["ApplicationConfigurationDescription"]["FlinkApplicationConfigurationDescription"]
    assert described["ParallelismConfigurationDescription"]["Parallelism"] == 2

    detail = provider.change(
        "update_application",
        ServiceExecutionRoleUpdate=ROLE + "-2",
        RunConfigurationUpdate={"FlinkRunConfiguration": {"AllowNonRestoredState": True},
                                "ApplicationRestoreConfiguration": {
                                    "ApplicationRestoreType": "RESTORE_FROM_LATEST_SNAPSHOT"}},
        ApplicationConfigurationUpdate={
            "ApplicationCodeConfigurationUpdate": {
                "CodeContentTypeUpdate": "PLAINTEXT",
                "CodeContentUpdate": {"TextContentUpdate": SQL.replace("'20'", "'30'")}},
            "ApplicationSnapshotConfigurationUpdate": {"SnapshotsEnabledUpdate": False},
            "EnvironmentPropertyUpdates": {"PropertyGroups": [
                {"PropertyGroupId": "other", "PropertyMap": {"key": "new"}}]}})
    assert detail["ApplicationStatus"] == "RUNNING" and detail["ApplicationVersionId"] == 3
    assert detail["ServiceExecutionRole"] == ROLE + "-2"
    configuration = detail["ApplicationConfigurationDescription"]
    assert "'30'" in configuration["ApplicationCodeConfigurationDescription"]["CodeContentDescription"]["TextContent"]
    assert configuration["ApplicationSnapshotConfigurationDescription"]["SnapshotsEnabled"] is False
    assert configuration["EnvironmentPropertyDescriptions"]["PropertyGroupDescriptions"] == [
        {"PropertyGroupId": "other", "PropertyMap": {"key": "new"}}]

    provider.state["version_id"] = 1  # of a state file that is out of date
    with pytest.raises(provider.client.exceptions.ConcurrentModificationException):
        provider.change("update_application", ApplicationConfigurationUpdate=parallelism(1))
    provider.delete()


def test_updates_while_it_does_not_run(provider):
    need(provider, "update_application", **UPDATE)
    provider.create("ready", sql_application(SQL), start=False)
    detail = provider.change("update_application", RuntimeEnvironmentUpdate="FLINK-2_2")
    assert detail["ApplicationStatus"] == "READY" and detail["RuntimeEnvironment"] == "FLINK-2_2"
    assert detail["ApplicationVersionId"] == 2
    provider.start()
    provider.delete()


def test_logging_options_come_change_and_go(provider):
    need(provider, "update_application", **UPDATE)
    need(provider, "add_application_cloud_watch_logging_option", CloudWatchLoggingOption={"LogStreamARN": LOG_STREAM})
    provider.create("logged", sql_application(SQL), start=False)
    detail = provider.change("add_application_cloud_watch_logging_option",
                             CloudWatchLoggingOption={"LogStreamARN": LOG_STREAM.format("a")})
    (option,) = detail["CloudWatchLoggingOptionDescriptions"]
    assert option["LogStreamARN"] == LOG_STREAM.format("a")
    detail = provider.change("update_application", CloudWatchLoggingOptionUpdates=[
        {"CloudWatchLoggingOptionId": option["CloudWatchLoggingOptionId"], "LogStreamARNUpdate": LOG_STREAM.format("b")}])
    (option,) = detail["CloudWatchLoggingOptionDescriptions"]
    assert option["LogStreamARN"] == LOG_STREAM.format("b")
    detail = provider.change("delete_application_cloud_watch_logging_option",
                             CloudWatchLoggingOptionId=option["CloudWatchLoggingOptionId"])
    assert not detail.get("CloudWatchLoggingOptionDescriptions")
    assert detail["ApplicationVersionId"] == 4
    provider.delete()


def test_vpc_configurations_come_change_and_go(provider):
    one = {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
    need(provider, "update_application", **UPDATE)
    need(provider, "add_application_vpc_configuration", VpcConfiguration=one)
    provider.create("networked", sql_application(SQL), start=False)
    detail = provider.change("add_application_vpc_configuration", VpcConfiguration=one)
    (vpc,) = detail["ApplicationConfigurationDescription"]["VpcConfigurationDescriptions"]
    assert vpc["SubnetIds"] == one["SubnetIds"] and vpc["SecurityGroupIds"] == one["SecurityGroupIds"]
    detail = provider.change("update_application", ApplicationConfigurationUpdate={"VpcConfigurationUpdates": [
        {"VpcConfigurationId": vpc["VpcConfigurationId"], "SubnetIdUpdates": ["subnet-3"]}]})
    (vpc,) = detail["ApplicationConfigurationDescription"]["VpcConfigurationDescriptions"]
    assert vpc["SubnetIds"] == ["subnet-3"]
    detail = provider.change("delete_application_vpc_configuration", VpcConfigurationId=vpc["VpcConfigurationId"])
    assert not detail["ApplicationConfigurationDescription"].get("VpcConfigurationDescriptions")
    provider.delete()


def test_tags_are_read_changed_and_read_again(provider):
    client = provider.client
    detail = provider.create("tagged", sql_application(SQL), start=False,
                             Tags=[{"Key": "one", "Value": "1"}, {"Key": "two", "Value": "2"}])
    arn = detail["ApplicationARN"]
    try:
        listed = client.list_tags_for_resource(ResourceARN=arn)["Tags"]
    except ClientError as error:
        assert "not supported by this version" in error.response["Error"]["Message"]
        pytest.skip("the service does not do ListTagsForResource")
    assert {tag["Key"]: tag["Value"] for tag in listed} == {"one": "1", "two": "2"}
    client.untag_resource(ResourceARN=arn, TagKeys=["one"])
    client.tag_resource(ResourceARN=arn, Tags=[{"Key": "two", "Value": "changed"}, {"Key": "three", "Value": "3"}])
    listed = client.list_tags_for_resource(ResourceARN=arn)["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in listed} == {"two": "changed", "three": "3"}
    assert provider.read()["ApplicationVersionId"] == 1  # tags are not of a version
    provider.delete()


def test_the_snapshot_resource(provider):
    client = provider.client
    provider.create("kept", sql_application(SQL), start=True)

    def snapshot():
        try:
            return client.describe_application_snapshot(ApplicationName="kept", SnapshotName="first")["SnapshotDetails"]
        except client.exceptions.ResourceNotFoundException as error:
            raise NotFound from error
        except client.exceptions.InvalidArgumentException as error:
            if "does not exist" in str(error):
                raise NotFound from error
            raise
    client.create_application_snapshot(ApplicationName="kept", SnapshotName="first")
    wait_for_state(lambda: snapshot()["SnapshotStatus"], {"CREATING"}, {"READY"})
    assert snapshot()["ApplicationVersionId"] == 1
    # Kept as RFC 3339, as the application's time is.
    created = datetime.fromisoformat(snapshot()["SnapshotCreationTimestamp"].isoformat(timespec="seconds"))
    client.delete_application_snapshot(ApplicationName="kept", SnapshotName="first", SnapshotCreationTimestamp=created)
    wait_for_state(lambda: snapshot()["SnapshotStatus"], {"DELETING"}, set())
    provider.delete()
    with pytest.raises(NotFound):
        snapshot()

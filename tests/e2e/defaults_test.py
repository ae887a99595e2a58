"""What clients' own test doubles of the API expect of a new application, where they agree with AWS: what is described
of what was given, and what is filled in."""
import pytest
from botocore.exceptions import ClientError
from harness import ROLE

LOG_STREAM = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/kinesis-analytics/one:log-stream:two"
TAGS = [{"Key": "first", "Value": "1"}, {"Key": "second", "Value": "2"}]


def create(client, name="one", **more):
    return client.create_application(ApplicationName=name, RuntimeEnvironment="FLINK-1_20", ServiceExecutionRole=ROLE,
                                     **more)["ApplicationDetail"]


def test_what_is_given_is_described(client):
    made = create(client, ApplicationDescription="described", Tags=TAGS,
                  CloudWatchLoggingOptions=[{"LogStreamARN": LOG_STREAM}])
    assert made["ApplicationARN"] == "arn:aws:kinesisanalytics:us-east-1:000000000000:application/one"
    assert made["ApplicationDescription"] == "described" and made["ServiceExecutionRole"] == ROLE
    assert made["RuntimeEnvironment"] == "FLINK-1_20" and made["ApplicationMode"] == "STREAMING"
    (option,) = made["CloudWatchLoggingOptionDescriptions"]
    assert set(option) == {"CloudWatchLoggingOptionId", "LogStreamARN"} and option["LogStreamARN"] == LOG_STREAM
    described = client.describe_application(ApplicationName="one")["ApplicationDetail"]
    assert described == made


def test_configuration_type_default_forces_the_defaults_and_custom_fills_what_is_missing(client):
    default = create(client, "default", ApplicationConfiguration={"FlinkApplicationConfiguration": {
        "CheckpointConfiguration": {"ConfigurationType": "DEFAULT", "CheckpointInterval": 1},
        "MonitoringConfiguration": {"ConfigurationType": "DEFAULT", "LogLevel": "DEBUG"},
        "ParallelismConfiguration": {"ConfigurationType": "DEFAULT", "Parallelism": 9}}})
    flink = default["ApplicationConfigurationDescription"]["FlinkApplicationConfigurationDescription"]
    assert flink["CheckpointConfigurationDescription"] == {
        "ConfigurationType": "DEFAULT", "CheckpointingEnabled": True, "CheckpointInterval": 60000,
        "MinPauseBetweenCheckpoints": 5000}
    assert flink["MonitoringConfigurationDescription"] == {
        "ConfigurationType": "DEFAULT", "MetricsLevel": "APPLICATION", "LogLevel": "INFO"}
    parallelism = flink["ParallelismConfigurationDescription"]
    assert (parallelism["Parallelism"], parallelism["ParallelismPerKPU"], parallelism["CurrentParallelism"]) == (1, 1, 1)

    custom = create(client, "custom", ApplicationConfiguration={"FlinkApplicationConfiguration": {
        "CheckpointConfiguration": {"ConfigurationType": "CUSTOM", "CheckpointingEnabled": True,
                                    "CheckpointInterval": 12345, "MinPauseBetweenCheckpoints": 1234},
        "MonitoringConfiguration": {"ConfigurationType": "CUSTOM", "MetricsLevel": "OPERATOR", "LogLevel": "ERROR"},
        "ParallelismConfiguration": {"ConfigurationType": "CUSTOM", "AutoScalingEnabled": True}}})
    assert custom["ApplicationConfigurationDescription"]["FlinkApplicationConfigurationDescription"] == {
        "CheckpointConfigurationDescription": {
            "ConfigurationType": "CUSTOM", "CheckpointingEnabled": True, "CheckpointInterval": 12345,
            "MinPauseBetweenCheckpoints": 1234},
        "MonitoringConfigurationDescription": {
            "ConfigurationType": "CUSTOM", "MetricsLevel": "OPERATOR", "LogLevel": "ERROR"},
        "ParallelismConfigurationDescription": {
            "ConfigurationType": "CUSTOM", "Parallelism": 1, "ParallelismPerKPU": 1, "AutoScalingEnabled": True,
            "CurrentParallelism": 1}}


def test_properties_snapshots_and_rollback(client):
    groups = [{"PropertyGroupId": "TEST", "PropertyMap": {"aws.region": "us-east-2", "AggregationEnabled": "false"}},
              {"PropertyGroupId": "TEST2", "PropertyMap": {"aws.region": "us-west-2"}}]
    configuration = create(client, ApplicationConfiguration={
        "EnvironmentProperties": {"PropertyGroups": groups},
        "ApplicationSnapshotConfiguration": {"SnapshotsEnabled": False},
        "ApplicationSystemRollbackConfiguration": {"RollbackEnabled": False}})["ApplicationConfigurationDescription"]
    assert configuration["EnvironmentPropertyDescriptions"] == {"PropertyGroupDescriptions": groups}
    assert configuration["ApplicationSnapshotConfigurationDescription"] == {"SnapshotsEnabled": False}
    assert configuration["ApplicationSystemRollbackConfigurationDescription"] == {"RollbackEnabled": False}


@pytest.fixture
def tags(client):
    try:
        arn = create(client, "tagged", Tags=TAGS)["ApplicationARN"]
        client.list_tags_for_resource(ResourceARN=arn)
    except ClientError as error:
        assert "not supported by this version" in error.response["Error"]["Message"]
        pytest.skip("the service does not do ListTagsForResource")
    return arn


def test_tags_are_those_of_the_creation_and_those_that_come(client, tags):
    assert client.list_tags_for_resource(ResourceARN=tags)["Tags"] == TAGS
    bare = create(client, "bare")["ApplicationARN"]
    assert client.list_tags_for_resource(ResourceARN=bare)["Tags"] == []
    client.tag_resource(ResourceARN=bare, Tags=[{"Key": "key2", "Value": "value2"}])
    assert client.list_tags_for_resource(ResourceARN=bare)["Tags"] == [{"Key": "key2", "Value": "value2"}]

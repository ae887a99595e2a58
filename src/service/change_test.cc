// Versions: updates of applications that run and that do not, rollbacks, and what else changes the
// configuration.
#include <future>

#include "base/error.h"
#include "service/test_support.h"

namespace millrace {
namespace {

class ChangeTest : public ServiceTest {
  protected:
    void create(const std::string& sql, const Json& more = Json::object()) {
        client_->create("a", sql, more);
    }
    int64_t version() { return client_->describe("a")["ApplicationVersionId"]; }
    std::string sql() {
        return client_->describe(
            "a")["ApplicationConfigurationDescription"]["ApplicationCodeConfigurationDescription"]
                ["CodeContentDescription"]["TextContent"];
    }
    Json finish(const Json& answer) { return client_->finish("a", answer["OperationId"]); }
    void settle(const std::string& status) { EXPECT_TRUE(client_->reaches("a", status)); }
    void awaitCount(int64_t count) {
        EXPECT_TRUE(client_->eventually([&] {
            const Json plan = client_->plan("a");
            return !plan.is_null() && plan["count"] >= count;
        }));
    }
};

const Json kRollbackEnabled{{"ApplicationSystemRollbackConfiguration", {{"RollbackEnabled", true}}}};

TEST_F(ChangeTest, anUpdateOfAReadyApplicationIsItsNextVersion) {
    auto& c = *client_;
    create("one");
    const Json answer = c.updateSql("a", "two");
    EXPECT_EQ(answer["ApplicationDetail"]["ApplicationVersionId"], 2);
    EXPECT_EQ(answer["ApplicationDetail"]["ApplicationVersionUpdatedFrom"], 1);
    EXPECT_EQ(answer["ApplicationDetail"]["ApplicationStatus"], "READY");
    const Json details = c.operation("a", answer["OperationId"]);
    EXPECT_EQ(details["Operation"], "UpdateApplication");
    EXPECT_EQ(details["OperationStatus"], "SUCCESSFUL");
    EXPECT_EQ(details["ApplicationVersionChangeDetails"],
              (Json{{"ApplicationVersionUpdatedFrom", 1}, {"ApplicationVersionUpdatedTo", 2}}));
    EXPECT_EQ(sql(), "two");
    EXPECT_EQ(c.must("ListApplicationVersions", {{"ApplicationName", "a"}})["ApplicationVersionSummaries"],
              (Json{{{"ApplicationVersionId", 2}, {"ApplicationStatus", "READY"}},
                    {{"ApplicationVersionId", 1}, {"ApplicationStatus", "READY"}}}));
    const Json former =
        c.must("DescribeApplicationVersion",
               {{"ApplicationName", "a"}, {"ApplicationVersionId", 1}})["ApplicationVersionDetail"];
    EXPECT_EQ(former["ApplicationConfigurationDescription"]["ApplicationCodeConfigurationDescription"]
                    ["CodeContentDescription"]["TextContent"],
              "one");
    EXPECT_EQ(
        c.call("DescribeApplicationVersion", {{"ApplicationName", "a"}, {"ApplicationVersionId", 3}}).type(),
        "ResourceNotFoundException");
    EXPECT_EQ(
        c.call("UpdateApplication", {{"ApplicationName", "a"}, {"CurrentApplicationVersionId", 1}}).type(),
        "ConcurrentModificationException");
    EXPECT_EQ(c.call("UpdateApplication", {{"ApplicationName", "a"}}).type(), "InvalidArgumentException");
    EXPECT_EQ(c.call("UpdateApplication", {{"ApplicationName", "a"},
                                           {"CurrentApplicationVersionId", 2},
                                           {"RunConfigurationUpdate",
                                            {{"FlinkRunConfiguration", {{"AllowNonRestoredState", true}}}}}})
                  .type(),
              "InvalidRequestException");
    c.start("a");
    EXPECT_EQ(c.plan("a")["package"]["sql"], "two");
}

TEST_F(ChangeTest, theConditionalTokenIsThatOfTheVersionShown) {
    auto& c = *client_;
    create("one");
    const std::string token = c.describe("a")["ConditionalToken"];
    c.must("UpdateApplication", {{"ApplicationName", "a"}, {"ConditionalToken", token}});
    EXPECT_EQ(c.call("UpdateApplication", {{"ApplicationName", "a"}, {"ConditionalToken", token}}).type(),
              "ConcurrentModificationException");
}

TEST_F(ChangeTest, whatAnUpdateLeavesOutStays) {
    auto& c = *client_;
    create("one",
           {{"FlinkApplicationConfiguration",
             {{"CheckpointConfiguration", {{"ConfigurationType", "CUSTOM"}, {"CheckpointInterval", 7000}}},
              {"ParallelismConfiguration", {{"ConfigurationType", "CUSTOM"}, {"Parallelism", 4}}}}},
            {"EnvironmentProperties",
             {{"PropertyGroups", {{{"PropertyGroupId", "g"}, {"PropertyMap", {{"k", "v"}}}}}}}}});
    c.update("a", {{"ApplicationConfigurationUpdate",
                    {{"FlinkApplicationConfigurationUpdate",
                      {{"ParallelismConfigurationUpdate",
                        {{"ConfigurationTypeUpdate", "CUSTOM"}, {"ParallelismPerKPUUpdate", 2}}}}}}},
                   {"RuntimeEnvironmentUpdate", "FLINK-2_2"}});
    Json detail = c.describe("a");
    EXPECT_EQ(detail["RuntimeEnvironment"], "FLINK-2_2");
    Json configuration = detail["ApplicationConfigurationDescription"];
    Json flink = configuration["FlinkApplicationConfigurationDescription"];
    EXPECT_EQ(flink["ParallelismConfigurationDescription"], (Json{{"ConfigurationType", "CUSTOM"},
                                                                  {"Parallelism", 4},
                                                                  {"ParallelismPerKPU", 2},
                                                                  {"CurrentParallelism", 4},
                                                                  {"AutoScalingEnabled", true}}));
    EXPECT_EQ(flink["CheckpointConfigurationDescription"]["CheckpointInterval"], 7000);
    EXPECT_EQ(configuration["EnvironmentPropertyDescriptions"]["PropertyGroupDescriptions"],
              (Json{{{"PropertyGroupId", "g"}, {"PropertyMap", {{"k", "v"}}}}}));
    EXPECT_EQ(sql(), "one");

    // DEFAULT forces the defaults; property groups are replaced whole.
    c.update("a", {{"ApplicationConfigurationUpdate",
                    {{"FlinkApplicationConfigurationUpdate",
                      {{"CheckpointConfigurationUpdate", {{"ConfigurationTypeUpdate", "DEFAULT"}}}}},
                     {"EnvironmentPropertyUpdates", {{"PropertyGroups", Json::array()}}}}}});
    configuration = c.describe("a")["ApplicationConfigurationDescription"];
    EXPECT_EQ(configuration["FlinkApplicationConfigurationDescription"]["CheckpointConfigurationDescription"]
                           ["CheckpointInterval"],
              60000);
    EXPECT_EQ(configuration["EnvironmentPropertyDescriptions"]["PropertyGroupDescriptions"], Json::array());
    c.start("a");
    EXPECT_EQ(c.plan("a")["package"]["configuration"]["parallelism.default"], "4");
    EXPECT_EQ(c.plan("a")["package"]["runtimeEnvironment"], "FLINK-2_2");
}

TEST_F(ChangeTest, anUpdateOfARunningApplicationTakesItsStateAlong) {
    auto& c = *client_;
    create("one");
    c.start("a");
    awaitCount(5);
    const Json answer = c.updateSql("a", "two SLOW_START");
    EXPECT_EQ(answer["ApplicationDetail"]["ApplicationStatus"], "UPDATING");
    EXPECT_EQ(answer["ApplicationDetail"]["ApplicationVersionId"], 2);
    EXPECT_EQ(c.call("StopApplication", {{"ApplicationName", "a"}}).type(), "ResourceInUseException");
    EXPECT_EQ(
        c.call("UpdateApplication", {{"ApplicationName", "a"}, {"CurrentApplicationVersionId", 2}}).type(),
        "ResourceInUseException");
    const Json details = finish(answer);
    EXPECT_EQ(details["OperationStatus"], "SUCCESSFUL") << details;
    EXPECT_GT(details["DowntimeMilliseconds"], 0);
    EXPECT_EQ(c.status("a"), "RUNNING");
    EXPECT_EQ(folder_.clusters().size(), 1u);
    const Json plan = c.plan("a");
    EXPECT_EQ(plan["package"]["sql"], "two SLOW_START");
    EXPECT_EQ(plan["package"]["applicationVersionId"], 2);
    EXPECT_GE(plan["count"], 5);
    const Json snapshots = c.snapshots("a");
    ASSERT_EQ(snapshots.size(), 1u);
    EXPECT_EQ(snapshots[0]["SnapshotStatus"], "READY");
    EXPECT_EQ(snapshots[0]["ApplicationVersionId"], 1);
    // What died after it is restarted from the new run's own checkpoints.
    awaitCount(20);
    for (const auto& process : folder_.clusters())
        signalProcess(process, SIGKILL);
    EXPECT_TRUE(c.eventually([&] {
        const Json again = c.plan("a");
        return !again.is_null() && again["package"]["fullRestarts"] == 1 && again["count"] >= 20;
    }));
    EXPECT_EQ(c.plan("a")["package"]["sql"], "two SLOW_START");
    c.stop("a");
}

TEST_F(ChangeTest, withoutSnapshotsAnUpdateStartsEmpty) {
    auto& c = *client_;
    create("one", {{"ApplicationSnapshotConfiguration", {{"SnapshotsEnabled", false}}}});
    c.start("a");
    EXPECT_EQ(finish(c.updateSql("a", "two"))["OperationStatus"], "SUCCESSFUL");
    EXPECT_EQ(c.plan("a")["restored"], nullptr);
    EXPECT_TRUE(c.snapshots("a").empty());
}

TEST_F(ChangeTest, anUpdateCanGoOnFromAnOlderSnapshotOrNothing) {
    auto& c = *client_;
    create("one");
    c.start("a");
    c.must("CreateApplicationSnapshot", {{"ApplicationName", "a"}, {"SnapshotName", "s"}});
    EXPECT_TRUE(c.eventually([&] { return c.snapshots("a")[0]["SnapshotStatus"] == "READY"; }));
    const auto restore = [](const Json& what) {
        return Json{{"RunConfigurationUpdate", {{"ApplicationRestoreConfiguration", what}}}};
    };
    EXPECT_EQ(finish(c.updateSql("a", "two",
                                 restore({{"ApplicationRestoreType", "RESTORE_FROM_CUSTOM_SNAPSHOT"},
                                          {"SnapshotName", "s"}})))["OperationStatus"],
              "SUCCESSFUL");
    EXPECT_NE(c.plan("a")["restored"].get<std::string>().find("/snapshots/s/"), std::string::npos);
    EXPECT_EQ(finish(c.updateSql(
                  "a", "three",
                  restore({{"ApplicationRestoreType", "SKIP_RESTORE_FROM_SNAPSHOT"}})))["OperationStatus"],
              "SUCCESSFUL");
    EXPECT_EQ(c.plan("a")["restored"], nullptr);
    EXPECT_EQ(c.snapshots("a").size(), 3u);  // each update took its own
    EXPECT_EQ(
        c.call("UpdateApplication",
               {{"ApplicationName", "a"},
                {"CurrentApplicationVersionId", 3},
                {"RunConfigurationUpdate",
                 {{"ApplicationRestoreConfiguration",
                   {{"ApplicationRestoreType", "RESTORE_FROM_CUSTOM_SNAPSHOT"}, {"SnapshotName", "t"}}}}}})
            .type(),
        "ResourceNotFoundException");
}

TEST_F(ChangeTest, aFaultyUpdateLeavesTheRunningVersionAlone) {
    auto& c = *client_;
    create("one");
    c.start("a");
    awaitCount(3);
    const auto before = folder_.clusters();
    for (const auto& [sql, why] :
         {std::pair("BROKEN", "cannot be planned"), std::pair("OTHER_STATE", "state of the operator 'sum'"),
          std::pair("CRASH", "out of luck")}) {
        const Json details = finish(c.updateSql("a", sql));
        EXPECT_EQ(details["OperationStatus"], "FAILED");
        const std::string error = details["OperationFailureDetails"]["ErrorInfo"]["ErrorString"];
        EXPECT_NE(error.find(why), std::string::npos) << error;
        EXPECT_EQ(c.status("a"), "RUNNING");
        EXPECT_EQ(version(), 1);
        EXPECT_EQ(folder_.clusters(), before);
        EXPECT_TRUE(c.snapshots("a").empty());
    }
    EXPECT_EQ(c.describe("a")["ApplicationVersionRolledBackFrom"], 4);
    EXPECT_EQ(
        c.must("DescribeApplicationVersion",
               {{"ApplicationName", "a"},
                {"ApplicationVersionId", 4}})["ApplicationVersionDetail"]["ApplicationVersionRolledBackTo"],
        1);
    // Allowed to leave state out, and with an id never given out before.
    const Json allowed{
        {"RunConfigurationUpdate", {{"FlinkRunConfiguration", {{"AllowNonRestoredState", true}}}}}};
    EXPECT_EQ(finish(c.updateSql("a", "OTHER_STATE", allowed))["OperationStatus"], "SUCCESSFUL");
    EXPECT_EQ(version(), 5);
    // An update that does not say so again is held to all state.
    EXPECT_EQ(finish(c.updateSql("a", "six"))["OperationStatus"], "FAILED");
}

TEST_F(ChangeTest, theSystemRollsAFaultyUpdateBack) {
    auto& c = *client_;
    create("one", kRollbackEnabled);
    c.start("a");
    awaitCount(3);
    const Json answer = c.updateSql("a", "BROKEN");
    const Json details = finish(answer);
    settle("RUNNING");
    EXPECT_EQ(version(), 1);
    const Json operations = c.operations("a");
    ASSERT_EQ(operations.size(), 3u);
    EXPECT_EQ(operations[0]["Operation"], "SystemRollbackApplication");
    EXPECT_EQ(operations[0]["OperationStatus"], "SUCCESSFUL");
    EXPECT_EQ(operations[1]["Operation"], "UpdateApplication");
    EXPECT_EQ(operations[1]["OperationStatus"], "FAILED");
    EXPECT_EQ(details["OperationFailureDetails"]["RollbackOperationId"], operations[0]["OperationId"]);
    EXPECT_EQ(details["ApplicationVersionChangeDetails"],
              (Json{{"ApplicationVersionUpdatedFrom", 1}, {"ApplicationVersionUpdatedTo", 2}}));
    EXPECT_GE(c.plan("a")["count"], 3);
}

TEST_F(ChangeTest, whatFailsOnlyWhenItRestoresIsRolledBackWithTheState) {
    auto& c = *client_;
    create("one", kRollbackEnabled);
    c.start("a");
    awaitCount(5);
    const Json details = finish(c.updateSql("a", "LATE_FAILURE"));
    EXPECT_EQ(details["OperationStatus"], "FAILED");
    settle("RUNNING");
    EXPECT_EQ(version(), 1);
    EXPECT_EQ(c.plan("a")["package"]["sql"], "one");
    EXPECT_GE(c.plan("a")["count"], 5);
    EXPECT_EQ(folder_.clusters().size(), 1u);
    c.stop("a");
}

TEST_F(ChangeTest, withoutRollbackWhatFailsWhenItRestoresIsReady) {
    auto& c = *client_;
    create("one");
    c.start("a");
    const Json details = finish(c.updateSql("a", "LATE_FAILURE"));
    EXPECT_EQ(details["OperationStatus"], "FAILED");
    EXPECT_EQ(c.status("a"), "READY");
    EXPECT_EQ(version(), 2);
    EXPECT_TRUE(folder_.clusters().empty());
    // Its state is there.
    ASSERT_EQ(c.snapshots("a").size(), 1u);
    EXPECT_EQ(c.snapshots("a")[0]["SnapshotStatus"], "READY");
    c.updateSql("a", "three");
    c.start("a");
    EXPECT_NE(c.plan("a")["restored"], nullptr);
}

TEST_F(ChangeTest, aRollbackGoesBackToTheVersionAndTheSnapshotBefore) {
    auto& c = *client_;
    create("one");
    c.start("a");
    awaitCount(5);
    finish(c.updateSql("a", "two"));
    c.must("CreateApplicationSnapshot", {{"ApplicationName", "a"}, {"SnapshotName", "later"}});
    EXPECT_TRUE(c.eventually([&] { return c.snapshots("a")[0]["SnapshotStatus"] == "READY"; }));
    EXPECT_EQ(
        c.call("RollbackApplication", {{"ApplicationName", "a"}, {"CurrentApplicationVersionId", 1}}).type(),
        "ConcurrentModificationException");
    const Json answer =
        c.must("RollbackApplication", {{"ApplicationName", "a"}, {"CurrentApplicationVersionId", 2}});
    EXPECT_EQ(answer["ApplicationDetail"]["ApplicationStatus"], "ROLLING_BACK");
    EXPECT_EQ(finish(answer)["OperationStatus"], "SUCCESSFUL");
    EXPECT_EQ(c.status("a"), "RUNNING");
    EXPECT_EQ(version(), 1);
    EXPECT_EQ(c.describe("a")["ApplicationVersionRolledBackFrom"], 2);
    EXPECT_EQ(c.plan("a")["package"]["sql"], "one");
    EXPECT_NE(c.plan("a")["restored"].get<std::string>().find(c.snapshots("a")[1]["SnapshotName"]),
              std::string::npos);
    EXPECT_EQ(
        c.call("RollbackApplication", {{"ApplicationName", "a"}, {"CurrentApplicationVersionId", 1}}).type(),
        "InvalidRequestException");
    EXPECT_EQ(finish(c.updateSql("a", "three"))["ApplicationVersionChangeDetails"],
              (Json{{"ApplicationVersionUpdatedFrom", 1}, {"ApplicationVersionUpdatedTo", 3}}));
}

TEST_F(ChangeTest, anUpdateThatHangsCanBeRolledBack) {
    auto& c = *client_;
    create("one");
    c.start("a");
    awaitCount(3);
    const Json update = c.updateSql("a", "ENDLESS_SAVEPOINT NEVER_READY");
    settle("UPDATING");
    const Json rollback =
        c.must("RollbackApplication", {{"ApplicationName", "a"}, {"CurrentApplicationVersionId", 2}});
    EXPECT_EQ(finish(rollback)["OperationStatus"], "SUCCESSFUL");
    EXPECT_EQ(finish(update)["OperationStatus"], "CANCELLED");
    EXPECT_EQ(c.status("a"), "RUNNING");
    EXPECT_EQ(version(), 1);
    EXPECT_EQ(folder_.clusters().size(), 1u);
    EXPECT_EQ(c.plan("a")["package"]["sql"], "one");
}

// A job that has been asked to stop does stop: what it leaves is what the rollback goes on from.
TEST_F(ChangeTest, aRollbackWhileTheJobStopsGoesOnFromItsSnapshot) {
    for (const std::string point : {"UpdateApplication.stop.run", "UpdateApplication.stop.done"}) {
        SCOPED_TRACE(point);
        std::promise<void> stopping;
        configuration_.fault_point = [&](const std::string& reached) {
            if (reached == point) stopping.set_value();
        };
        restartService();
        auto& c = *client_;
        const std::string name = point.ends_with("run") ? "a" : "b";
        c.create(name, "one SLOW_SAVEPOINT");
        c.start(name);
        EXPECT_TRUE(c.eventually([&] { return c.plan(name)["count"] >= 3; }));
        const std::string update = c.updateSql(name, "two")["OperationId"];
        stopping.get_future().wait();
        const std::string rollback =
            c.must("RollbackApplication",
                   {{"ApplicationName", name}, {"CurrentApplicationVersionId", 2}})["OperationId"];
        EXPECT_EQ(c.finish(name, rollback)["OperationStatus"], "SUCCESSFUL");
        EXPECT_EQ(c.finish(name, update)["OperationStatus"], "CANCELLED");
        EXPECT_TRUE(c.reaches(name, "RUNNING"));
        const Json snapshots = c.snapshots(name);
        ASSERT_EQ(snapshots.size(), 1u);
        EXPECT_EQ(snapshots[0]["SnapshotStatus"], "READY");
        EXPECT_NE(c.plan(name)["restored"].dump().find(snapshots[0]["SnapshotName"]), std::string::npos);
        EXPECT_EQ(c.plan(name)["package"]["sql"], "one SLOW_SAVEPOINT");
        EXPECT_GE(c.plan(name)["count"], 3);
        c.stop(name, true);
        configuration_.fault_point = nullptr;
        restartService();
    }
}

TEST_F(ChangeTest, aRollbackAfterTheJobHasEndedIsRolledBackAndCanBeStarted) {
    // The job ends while the new cluster is checked; the rollback is asked for when the update has found out.
    configuration_.fault_point = [this](const std::string& point) {
        if (point == "UpdateApplication.check.done")
            std::this_thread::sleep_for(std::chrono::milliseconds(300));
        if (point == "UpdateApplication.stop.done")
            client_->must("RollbackApplication",
                          {{"ApplicationName", "a"}, {"CurrentApplicationVersionId", 2}});
    };
    restartService();
    auto& c = *client_;
    create("BOUNDED");
    c.start("a");
    const Json update = c.updateSql("a", "two");
    settle("ROLLED_BACK");
    EXPECT_EQ(finish(update)["OperationStatus"], "CANCELLED");
    EXPECT_EQ(c.operations("a")[0]["Operation"], "RollbackApplication");
    EXPECT_EQ(c.operations("a")[0]["OperationStatus"], "SUCCESSFUL");
    EXPECT_EQ(version(), 1);
    EXPECT_EQ(sql(), "BOUNDED");
    EXPECT_TRUE(folder_.clusters().empty());
    c.must("StartApplication", {{"ApplicationName", "a"}});
    settle("READY");
    EXPECT_EQ(c.operations("a").size(), 4u);
}

TEST_F(ChangeTest, anUpdateCanBeForceStopped) {
    auto& c = *client_;
    create("one");
    c.start("a");
    c.updateSql("a", "NEVER_READY");
    c.stop("a", true);
    EXPECT_EQ(version(), 2);
    EXPECT_TRUE(folder_.clusters().empty());
    EXPECT_EQ(c.operations("a")[1]["OperationStatus"], "CANCELLED");
}

TEST_F(ChangeTest, theCodeOfAVersionOutlivesItsPackage) {
    auto& c = *client_;
    auto& files = localFileSystem();
    const std::string bucket = folder_.path() + "/buckets/code-bucket";
    files.createFolders(bucket);
    writeFileAtomically(files, bucket + "/a.sql", "from a bucket");
    c.create(
        "a", "",
        {{"ApplicationCodeConfiguration",
          {{"CodeContentType", "PLAINTEXT"},
           {"CodeContent",
            {{"S3ContentLocation", {{"BucketARN", "arn:aws:s3:::code-bucket"}, {"FileKey", "a.sql"}}}}}}}});
    c.start("a");
    writeFileAtomically(files, bucket + "/a.sql", "another text");
    // An update that does not name the code keeps its copy; one that does takes it in anew.
    EXPECT_EQ(finish(c.update("a", Json::object()))["OperationStatus"], "SUCCESSFUL");
    EXPECT_EQ(c.plan("a")["package"]["sql"], "from a bucket");
    const auto location = [](const Json& update) {
        return Json{{"ApplicationConfigurationUpdate",
                     {{"ApplicationCodeConfigurationUpdate",
                       {{"CodeContentUpdate", {{"S3ContentLocationUpdate", update}}}}}}}};
    };
    EXPECT_EQ(finish(c.update("a", location({{"FileKeyUpdate", "a.sql"}})))["OperationStatus"], "SUCCESSFUL");
    EXPECT_EQ(c.plan("a")["package"]["sql"], "another text");
    files.remove(bucket + "/a.sql");
    const Json rollback =
        c.must("RollbackApplication", {{"ApplicationName", "a"}, {"CurrentApplicationVersionId", 3}});
    EXPECT_EQ(finish(rollback)["OperationStatus"], "SUCCESSFUL");
    EXPECT_EQ(c.plan("a")["package"]["sql"], "from a bucket");
    Json missing = location({{"FileKeyUpdate", "a.sql"}});
    missing["ApplicationName"] = "a";
    missing["CurrentApplicationVersionId"] = 2;
    const Answer refused = c.call("UpdateApplication", missing);
    EXPECT_EQ(refused.type(), "InvalidArgumentException");
    EXPECT_EQ(refused.message().find("Please check the role provided or validity of S3 location"), 0u);
    EXPECT_EQ(version(), 2);
}

TEST_F(ChangeTest, stateGoesUpTheRuntimeEnvironmentsAndNotDown) {
    auto& c = *client_;
    create("one");  // FLINK-1_20
    c.start("a");
    EXPECT_EQ(finish(c.update("a", {{"RuntimeEnvironmentUpdate", "FLINK-2_2"}}))["OperationStatus"],
              "SUCCESSFUL");
    EXPECT_NE(c.plan("a")["restored"], nullptr);
    const Json refused = finish(c.update("a", {{"RuntimeEnvironmentUpdate", "FLINK-1_19"}}));
    EXPECT_EQ(refused["OperationStatus"], "FAILED");
    EXPECT_NE(
        refused["OperationFailureDetails"]["ErrorInfo"]["ErrorString"].get<std::string>().find("FLINK-2_2"),
        std::string::npos);
    EXPECT_EQ(c.describe("a")["RuntimeEnvironment"], "FLINK-2_2");
    c.stop("a");
    c.update("a", {{"RuntimeEnvironmentUpdate", "FLINK-1_19"}});
    const std::string id = c.must("StartApplication", {{"ApplicationName", "a"}})["OperationId"];
    EXPECT_EQ(c.finish("a", id)["OperationStatus"], "FAILED");
    c.start("a", {{"ApplicationRestoreConfiguration",
                   {{"ApplicationRestoreType", "SKIP_RESTORE_FROM_SNAPSHOT"}}}});
}

TEST_F(ChangeTest, anUpdateOfAJobThatHasEndedIsTheNextStarts) {
    auto& c = *client_;
    create("one");
    c.start("a");
    EXPECT_EQ(finish(c.updateSql("a", "BOUNDED SLOW_START"))["OperationStatus"], "SUCCESSFUL");
    settle("READY");  // it came to its end
    EXPECT_EQ(version(), 2);
}

TEST_F(ChangeTest, loggingOptionsAndVpcConfigurationsAreKeptWithTheVersion) {
    auto& c = *client_;
    create("one");
    const std::string stream = "arn:aws:logs:eu-west-1:123456789012:log-group:g:log-stream:s";
    const Json added = c.must("AddApplicationCloudWatchLoggingOption",
                              {{"ApplicationName", "a"},
                               {"CurrentApplicationVersionId", 1},
                               {"CloudWatchLoggingOption", {{"LogStreamARN", stream}}}});
    EXPECT_EQ(added["ApplicationVersionId"], 2);
    const std::string id = added["CloudWatchLoggingOptionDescriptions"][0]["CloudWatchLoggingOptionId"];
    c.update("a", {{"CloudWatchLoggingOptionUpdates",
                    {{{"CloudWatchLoggingOptionId", id}, {"LogStreamARNUpdate", stream + "2"}}}}});
    EXPECT_EQ(c.describe("a")["CloudWatchLoggingOptionDescriptions"],
              (Json{{{"CloudWatchLoggingOptionId", id}, {"LogStreamARN", stream + "2"}}}));
    EXPECT_EQ(c.call("DeleteApplicationCloudWatchLoggingOption", {{"ApplicationName", "a"},
                                                                  {"CurrentApplicationVersionId", 3},
                                                                  {"CloudWatchLoggingOptionId", "9.9"}})
                  .type(),
              "ResourceNotFoundException");
    c.must("DeleteApplicationCloudWatchLoggingOption",
           {{"ApplicationName", "a"}, {"CurrentApplicationVersionId", 3}, {"CloudWatchLoggingOptionId", id}});
    EXPECT_FALSE(c.describe("a").contains("CloudWatchLoggingOptionDescriptions"));

    const Json vpc =
        c.must("AddApplicationVpcConfiguration",
               {{"ApplicationName", "a"},
                {"CurrentApplicationVersionId", 4},
                {"VpcConfiguration", {{"SubnetIds", {"subnet-1"}}, {"SecurityGroupIds", {"sg-1"}}}}});
    const std::string vpc_id = vpc["VpcConfigurationDescription"]["VpcConfigurationId"];
    c.update("a", {{"ApplicationConfigurationUpdate",
                    {{"VpcConfigurationUpdates",
                      {{{"VpcConfigurationId", vpc_id}, {"SubnetIdUpdates", {"subnet-2"}}}}}}}});
    const Json kept = c.describe("a")["ApplicationConfigurationDescription"]["VpcConfigurationDescriptions"];
    ASSERT_EQ(kept.size(), 1u);
    EXPECT_EQ(kept[0]["SubnetIds"], (Json{"subnet-2"}));
    EXPECT_EQ(kept[0]["SecurityGroupIds"], (Json{"sg-1"}));
    c.must("DeleteApplicationVpcConfiguration",
           {{"ApplicationName", "a"}, {"CurrentApplicationVersionId", 6}, {"VpcConfigurationId", vpc_id}});
    EXPECT_FALSE(
        c.describe("a")["ApplicationConfigurationDescription"].contains("VpcConfigurationDescriptions"));
}

TEST_F(ChangeTest, tags) {
    auto& c = *client_;
    create("one");
    const std::string arn = c.describe("a")["ApplicationARN"];
    c.must("TagResource",
           {{"ResourceARN", arn}, {"Tags", {{{"Key", "team"}, {"Value", "x"}}, {{"Key", "b"}}}}});
    c.must("TagResource", {{"ResourceARN", arn}, {"Tags", {{{"Key", "team"}, {"Value", "y"}}}}});
    EXPECT_EQ(c.must("ListTagsForResource", {{"ResourceARN", arn}})["Tags"],
              (Json{{{"Key", "b"}, {"Value", ""}}, {{"Key", "team"}, {"Value", "y"}}}));
    c.must("UntagResource", {{"ResourceARN", arn}, {"TagKeys", {"team", "absent"}}});
    EXPECT_EQ(c.must("ListTagsForResource", {{"ResourceARN", arn}})["Tags"].size(), 1u);
    Json many = Json::array();
    for (int i = 0; i < 50; ++i)
        many.push_back({{"Key", "k" + std::to_string(i)}});
    EXPECT_EQ(c.call("TagResource", {{"ResourceARN", arn}, {"Tags", many}}).type(), "TooManyTagsException");
    EXPECT_EQ(c.call("ListTagsForResource", {{"ResourceARN", arn + "x"}}).type(),
              "ResourceNotFoundException");
}

TEST_F(ChangeTest, theMaintenanceWindow) {
    auto& c = *client_;
    create("one");
    const auto set = [&](const std::string& start) {
        return c.call("UpdateApplicationMaintenanceConfiguration",
                      {{"ApplicationName", "a"},
                       {"ApplicationMaintenanceConfigurationUpdate",
                        {{"ApplicationMaintenanceWindowStartTimeUpdate", start}}}});
    };
    EXPECT_EQ(set("20:30").body["ApplicationMaintenanceConfigurationDescription"],
              (Json{{"ApplicationMaintenanceWindowStartTime", "20:30"},
                    {"ApplicationMaintenanceWindowEndTime", "04:30"}}));
    for (const char* wrong : {"24:00", "12:60", "1:000", "noon!"})
        EXPECT_EQ(set(wrong).type(), "InvalidArgumentException") << wrong;
    EXPECT_EQ(version(), 1);
}

}  // namespace
}  // namespace millrace

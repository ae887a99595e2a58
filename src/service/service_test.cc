#include "service/service.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include "base/error.h"
#include "service/supervisor.h"
#include "service/test_support.h"

namespace millrace {
namespace {

TEST_F(ServiceTest, wholeLife) {
    auto& c = *client_;
    c.create("flights", "INSERT INTO a SELECT * FROM b");
    Json detail = c.describe("flights");
    EXPECT_EQ(detail["ApplicationARN"],
              "arn:aws:kinesisanalytics:eu-west-1:123456789012:application/flights");
    EXPECT_EQ(detail["ApplicationVersionId"], 1);
    EXPECT_EQ(detail["ApplicationStatus"], "READY");
    const auto& configuration = detail["ApplicationConfigurationDescription"];
    EXPECT_EQ(
        configuration["ApplicationCodeConfigurationDescription"]["CodeContentDescription"]["TextContent"],
        "INSERT INTO a SELECT * FROM b");
    EXPECT_FALSE(configuration.contains("RunConfigurationDescription"));
    EXPECT_EQ(configuration["FlinkApplicationConfigurationDescription"]["CheckpointConfigurationDescription"],
              (Json{{"ConfigurationType", "DEFAULT"},
                    {"CheckpointingEnabled", true},
                    {"CheckpointInterval", 60000},
                    {"MinPauseBetweenCheckpoints", 5000}}));

    c.start("flights");
    EXPECT_EQ(folder_.clusters().size(), 1u);
    EXPECT_EQ(c.call("StartApplication", {{"ApplicationName", "flights"}}).type(), "ResourceInUseException");
    EXPECT_EQ(c.plan("flights")["restored"], nullptr);

    c.must("CreateApplicationSnapshot", {{"ApplicationName", "flights"}, {"SnapshotName", "one"}});
    const auto snapshotStatus = [&](const std::string& name) {
        const Answer answer =
            c.call("DescribeApplicationSnapshot", {{"ApplicationName", "flights"}, {"SnapshotName", name}});
        return answer.status == 200 ? answer.body["SnapshotDetails"]["SnapshotStatus"].get<std::string>()
                                    : answer.type();
    };
    EXPECT_TRUE(c.eventually([&] { return snapshotStatus("one") == "READY"; }));
    EXPECT_EQ(c.status("flights"), "RUNNING");
    EXPECT_EQ(
        c.call("CreateApplicationSnapshot", {{"ApplicationName", "flights"}, {"SnapshotName", "one"}}).type(),
        "ResourceInUseException");

    EXPECT_TRUE(c.eventually([&] { return c.plan("flights")["count"] >= 5; }));
    c.stop("flights");
    EXPECT_TRUE(folder_.clusters().empty());
    EXPECT_FALSE(localFileSystem().exists(folder_.path() + "/applications/flights/checkpoints"));
    Json snapshots =
        c.must("ListApplicationSnapshots", {{"ApplicationName", "flights"}})["SnapshotSummaries"];
    ASSERT_EQ(snapshots.size(), 2u);
    EXPECT_EQ(snapshots[1]["SnapshotName"], "one");

    // The latest one by default, another by name, none when told so.
    c.start("flights");
    EXPECT_GE(c.plan("flights")["count"], 5);
    c.stop("flights", true);
    c.start("flights",
            {{"ApplicationRestoreConfiguration",
              {{"ApplicationRestoreType", "RESTORE_FROM_CUSTOM_SNAPSHOT"}, {"SnapshotName", "one"}}}});
    EXPECT_NE(c.plan("flights")["restored"].get<std::string>().find("/snapshots/one/"), std::string::npos);
    EXPECT_EQ(c.describe("flights")["ApplicationConfigurationDescription"]["RunConfigurationDescription"],
              (Json{{"ApplicationRestoreConfigurationDescription",
                     {{"ApplicationRestoreType", "RESTORE_FROM_CUSTOM_SNAPSHOT"}, {"SnapshotName", "one"}}},
                    {"FlinkRunConfigurationDescription", {{"AllowNonRestoredState", false}}}}));
    c.stop("flights", true);
    EXPECT_EQ(
        c.must("ListApplicationSnapshots", {{"ApplicationName", "flights"}})["SnapshotSummaries"].size(), 2u);
    c.start("flights",
            {{"ApplicationRestoreConfiguration", {{"ApplicationRestoreType", "SKIP_RESTORE_FROM_SNAPSHOT"}}},
             {"FlinkRunConfiguration", {{"AllowNonRestoredState", true}}}});
    EXPECT_EQ(c.plan("flights")["restored"], nullptr);
    EXPECT_EQ(c.plan("flights")["package"]["allowNonRestoredState"], true);
    EXPECT_EQ(c.call("StartApplication", {{"ApplicationName", "flights"},
                                          {"RunConfiguration",
                                           {{"ApplicationRestoreConfiguration",
                                             {{"ApplicationRestoreType", "RESTORE_FROM_CUSTOM_SNAPSHOT"}}}}}})
                  .type(),
              "InvalidArgumentException");

    const int64_t created = snapshots[1]["SnapshotCreationTimestamp"];
    EXPECT_EQ(c.call("DeleteApplicationSnapshot", {{"ApplicationName", "flights"},
                                                   {"SnapshotName", "one"},
                                                   {"SnapshotCreationTimestamp", created + 1}})
                  .type(),
              "InvalidArgumentException");
    c.must("DeleteApplicationSnapshot",
           {{"ApplicationName", "flights"}, {"SnapshotName", "one"}, {"SnapshotCreationTimestamp", created}});
    EXPECT_TRUE(c.eventually([&] { return snapshotStatus("one") == "ResourceNotFoundException"; }));
    EXPECT_FALSE(localFileSystem().exists(folder_.path() + "/applications/flights/snapshots/one"));

    const Json operations =
        c.must("ListApplicationOperations", {{"ApplicationName", "flights"}})["ApplicationOperationInfoList"];
    ASSERT_EQ(operations.size(), 9u);
    EXPECT_EQ(operations[0]["Operation"], "DeleteApplicationSnapshot");
    EXPECT_EQ(operations[8]["Operation"], "StartApplication");
    EXPECT_EQ(operations[8]["OperationStatus"], "SUCCESSFUL");
    EXPECT_TRUE(operations[8]["EndTime"].is_number_integer());

    // RUNNING may be deleted.
    const int64_t application_created = detail["CreateTimestamp"];
    EXPECT_EQ(c.call("DeleteApplication",
                     {{"ApplicationName", "flights"}, {"CreateTimestamp", application_created - 5}})
                  .type(),
              "InvalidArgumentException");
    c.must("DeleteApplication", {{"ApplicationName", "flights"}, {"CreateTimestamp", application_created}});
    EXPECT_TRUE(c.reaches("flights", "ResourceNotFoundException"));
    EXPECT_TRUE(folder_.clusters().empty());
    EXPECT_FALSE(localFileSystem().exists(folder_.path() + "/applications/flights"));
}

TEST_F(ServiceTest, aStartThatFailsIsReadyAgainAndSaysWhy) {
    auto& c = *client_;
    const std::pair<const char*, const char*> cases[] = {{"BROKEN", "line 1:1: this cannot be planned"},
                                                         {"CRASH", "out of luck"}};
    for (const auto& [sql, reason] : cases) {
        c.create(sql, sql);
        const std::string id = c.must("StartApplication", {{"ApplicationName", sql}})["OperationId"];
        const Json details = c.finish(sql, id);
        EXPECT_EQ(details["OperationStatus"], "FAILED");
        const std::string error = details["OperationFailureDetails"]["ErrorInfo"]["ErrorString"];
        EXPECT_NE(error.find(reason), std::string::npos) << error;
        EXPECT_EQ(c.status(sql), "READY");
    }
    EXPECT_TRUE(folder_.clusters().empty());
}

TEST_F(ServiceTest, aBoundedJobEndsReady) {
    auto& c = *client_;
    c.create("bounded", "BOUNDED");
    c.start("bounded");
    EXPECT_TRUE(c.reaches("bounded", "READY"));
    EXPECT_TRUE(folder_.clusters().empty());
}

TEST_F(ServiceTest, aClusterThatDiesGoesOnFromItsLastCheckpoint) {
    auto& c = *client_;
    c.create("a", "X");
    c.start("a");
    int64_t before = 0;
    for (int round = 1; round <= 3; ++round) {
        ASSERT_TRUE(c.eventually([&] {
            const Json plan = c.plan("a");
            return !plan.is_null() && plan["count"] >= before + 5;
        }));
        before = c.plan("a")["count"];
        const auto clusters = folder_.clusters();
        ASSERT_EQ(clusters.size(), 1u);
        ASSERT_TRUE(signalProcess(clusters[0], SIGKILL));
        ASSERT_TRUE(c.eventually([&] {
            const Json plan = c.plan("a");
            return !plan.is_null() && plan["package"]["fullRestarts"] == round;
        }));
        EXPECT_GE(c.plan("a")["count"], before);
        EXPECT_NE(c.plan("a")["restored"].get<std::string>().find("/chk-"), std::string::npos);
        EXPECT_EQ(c.status("a"), "RUNNING");
    }
    // Nothing of them is left, not even a zombie, and nothing of the restarts is an operation of the user's.
    EXPECT_TRUE(c.eventually([] {
        siginfo_t ended{};
        return waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid == 0;
    }));
    EXPECT_EQ(c.must("ListApplicationOperations", {{"ApplicationName", "a"}})["ApplicationOperationInfoList"]
                  .size(),
              1u);
    c.stop("a");
}

TEST_F(ServiceTest, aClusterThatHangsIsRestarted) {
    configuration_.unresponsive_after_ms = 1'500;
    restartService();
    auto& c = *client_;
    c.create("a", "X");
    c.start("a");
    const auto clusters = folder_.clusters();
    ASSERT_EQ(clusters.size(), 1u);
    ASSERT_TRUE(signalProcess(clusters[0], SIGSTOP));  // it lives, and answers nothing
    ASSERT_TRUE(c.eventually(
        [&] {
            const auto now = folder_.clusters();
            return now.size() == 1 && now[0] != clusters[0];
        },
        20'000));
    ASSERT_TRUE(c.eventually([&] {
        const Json plan = c.plan("a");
        return !plan.is_null() && plan["package"]["fullRestarts"] == 1;
    }));
    EXPECT_EQ(c.status("a"), "RUNNING");
    c.stop("a");
}

TEST_F(ServiceTest, aStartThatTakesTooLongIsReadyAgain) {
    configuration_.start_timeout_ms = 500;
    restartService();
    auto& c = *client_;
    c.create("a", "NEVER_READY");
    const std::string id = c.must("StartApplication", {{"ApplicationName", "a"}})["OperationId"];
    const Json details = c.finish("a", id);
    EXPECT_EQ(details["OperationStatus"], "FAILED");
    EXPECT_NE(
        details["OperationFailureDetails"]["ErrorInfo"]["ErrorString"].get<std::string>().find("did not run"),
        std::string::npos)
        << details;
    EXPECT_EQ(c.status("a"), "READY");
    EXPECT_TRUE(folder_.clusters().empty());
}

TEST_F(ServiceTest, aDamagedCheckpointIsPassedOver) {
    auto& c = *client_;
    c.create("a", "NO_CHECKPOINTS");
    c.start("a");
    // Two checkpoints of the job, the later one damaged.
    const Json plan = c.plan("a");
    const std::string job = Json::parse(readFile(localFileSystem(), [&] {
        for (const auto& entry : localFileSystem().list(folder_.path() + "/applications/a"))
            if (entry.name.starts_with("ready-")) return folder_.path() + "/applications/a/" + entry.name;
        return std::string();
    }()))["jobId"];
    const std::string folder = folder_.path() + "/applications/a/checkpoints/" + job;
    for (const char* name : {"/chk-9", "/chk-10", "/chk-11"})
        localFileSystem().createFolders(folder + name);
    writeFileAtomically(localFileSystem(), folder + "/chk-9/_metadata", R"({"count": 900})");
    writeFileAtomically(localFileSystem(), folder + "/chk-10/_metadata", R"({"count": 10)");
    // chk-11 was never completed: it has no _metadata.
    ASSERT_TRUE(signalProcess(folder_.clusters().at(0), SIGKILL));
    ASSERT_TRUE(c.eventually([&] {
        const Json now = c.plan("a");
        return !now.is_null() && now["package"]["fullRestarts"] >= 1;
    }));
    EXPECT_GE(c.plan("a")["count"], 900);
    EXPECT_TRUE(c.plan("a")["restored"].get<std::string>().ends_with("/chk-9"));
}

TEST_F(ServiceTest, withNoSoundCheckpointARunDoesNotBeginAnew) {
    auto& c = *client_;
    c.create("a", "X");
    c.start("a");
    const std::string checkpoints = folder_.path() + "/applications/a/checkpoints";
    ASSERT_TRUE(c.eventually([&] { return c.plan("a")["count"] >= 3; }));
    ASSERT_TRUE(signalProcess(folder_.clusters().at(0), SIGSTOP));  // it takes no more of them
    for (const auto& job : localFileSystem().list(checkpoints))
        for (const auto& checkpoint : localFileSystem().list(joinPath(checkpoints, job.name)))
            writeFileAtomically(localFileSystem(),
                                checkpoints + "/" + job.name + "/" + checkpoint.name + "/_metadata", "{");
    ASSERT_TRUE(signalProcess(folder_.clusters().at(0), SIGKILL));
    ASSERT_TRUE(c.eventually([&] { return folder_.clusters().empty(); }));
    std::this_thread::sleep_for(std::chrono::milliseconds(1'500));
    EXPECT_TRUE(c.plan("a").is_null()) << c.plan("a");
    EXPECT_EQ(c.status("a"), "RUNNING");
    c.stop("a", true);
}

TEST_F(ServiceTest, clustersSurviveTheServiceAndAreFoundAgain) {
    auto& c = *client_;
    c.create("a", "X");
    c.create("dies", "X");
    c.start("a");
    c.start("dies");
    const auto clusters = folder_.clusters();
    ASSERT_EQ(clusters.size(), 2u);
    service_->stop();
    EXPECT_EQ(folder_.clusters().size(), 2u);
    // One dies while nobody looks.
    const auto survivor = findProcesses({"--application", "a", "--data-dir", folder_.path()});
    const auto victims = findProcesses({"--application", "dies", "--data-dir", folder_.path()});
    ASSERT_EQ(victims.size(), 1u);
    ASSERT_TRUE(signalProcess(victims[0], SIGKILL));
    restartService();
    auto& again = *client_;
    EXPECT_EQ(again.status("a"), "RUNNING");
    EXPECT_EQ(findProcesses({"--application", "a", "--data-dir", folder_.path()}), survivor);
    EXPECT_EQ(again.plan("a")["package"]["fullRestarts"], 0);
    EXPECT_TRUE(again.eventually([&] {
        const Json plan = again.plan("dies");
        return !plan.is_null() && plan["package"]["fullRestarts"] == 1;
    }));
    again.stop("a");
    again.stop("dies");
}

TEST_F(ServiceTest, onlyOneServiceInADataFolder) {
    try {
        Service second(testConfiguration(folder_));
        FAIL();
    } catch (const UserError& e) {
        EXPECT_EQ(e.code(), "service.data-dir-in-use");
    }
}

TEST_F(ServiceTest, forceStopsWhatDoesNotGetOn) {
    auto& c = *client_;
    c.create("starting", "NEVER_READY");
    const std::string start = c.must("StartApplication", {{"ApplicationName", "starting"}})["OperationId"];
    EXPECT_TRUE(c.eventually([&] { return folder_.clusters().size() == 1; }));
    EXPECT_EQ(c.call("StopApplication", {{"ApplicationName", "starting"}}).type(), "ResourceInUseException");
    c.stop("starting", true);
    EXPECT_EQ(c.operation("starting", start)["OperationStatus"], "CANCELLED");
    EXPECT_TRUE(folder_.clusters().empty());

    c.create("stopping", "ENDLESS_SAVEPOINT");
    c.start("stopping");
    const std::string stop = c.must("StopApplication", {{"ApplicationName", "stopping"}})["OperationId"];
    EXPECT_EQ(c.status("stopping"), "STOPPING");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_EQ(c.operation("stopping", stop)["OperationStatus"], "IN_PROGRESS");
    c.stop("stopping", true);
    EXPECT_EQ(c.operation("stopping", stop)["OperationStatus"], "CANCELLED");
    EXPECT_TRUE(
        c.must("ListApplicationSnapshots", {{"ApplicationName", "stopping"}})["SnapshotSummaries"].empty());
}

TEST_F(ServiceTest, aStopWhoseSavepointFailsLeavesTheApplicationRunning) {
    auto& c = *client_;
    c.create("a", "FAILING_SAVEPOINT");
    c.start("a");
    const std::string id = c.must("StopApplication", {{"ApplicationName", "a"}})["OperationId"];
    const Json details = c.finish("a", id);
    EXPECT_EQ(details["OperationStatus"], "FAILED");
    EXPECT_NE(details.dump().find("disk is full"), std::string::npos) << details;
    EXPECT_EQ(c.status("a"), "RUNNING");
    EXPECT_EQ(folder_.clusters().size(), 1u);

    c.must("CreateApplicationSnapshot", {{"ApplicationName", "a"}, {"SnapshotName", "s"}});
    EXPECT_TRUE(c.eventually([&] {
        return c.must("DescribeApplicationSnapshot",
                      {{"ApplicationName", "a"},
                       {"SnapshotName", "s"}})["SnapshotDetails"]["SnapshotStatus"] == "FAILED";
    }));
    c.stop("a", true);
    EXPECT_EQ(
        c.call("StartApplication",
               {{"ApplicationName", "a"},
                {"RunConfiguration",
                 {{"ApplicationRestoreConfiguration",
                   {{"ApplicationRestoreType", "RESTORE_FROM_CUSTOM_SNAPSHOT"}, {"SnapshotName", "s"}}}}}})
            .type(),
        "InvalidRequestException");
}

TEST_F(ServiceTest, withSnapshotsDisabledAStopTakesNone) {
    auto& c = *client_;
    c.create("a", "FAILING_SAVEPOINT", {{"ApplicationSnapshotConfiguration", {{"SnapshotsEnabled", false}}}});
    c.start("a");
    EXPECT_EQ(c.call("CreateApplicationSnapshot", {{"ApplicationName", "a"}, {"SnapshotName", "s"}}).type(),
              "InvalidApplicationConfigurationException");
    c.stop("a");
    EXPECT_TRUE(c.must("ListApplicationSnapshots", {{"ApplicationName", "a"}})["SnapshotSummaries"].empty());
}

TEST_F(ServiceTest, theServiceStopsInTheMiddleOfAnOperationAndGoesOn) {
    auto& c = *client_;
    c.create("a", "SLOW_START");
    const std::string id = c.must("StartApplication", {{"ApplicationName", "a"}})["OperationId"];
    ASSERT_TRUE(c.eventually([&] { return folder_.clusters().size() == 1; }));
    restartService();
    EXPECT_EQ(client_->finish("a", id)["OperationStatus"], "SUCCESSFUL");
    EXPECT_EQ(client_->status("a"), "RUNNING");
    EXPECT_EQ(folder_.clusters().size(), 1u);
}

TEST_F(ServiceTest, onExitStop) {
    client_->create("a", "X");
    client_->start("a");
    service_->stop();
    service_.reset();
    auto configuration = testConfiguration(folder_);
    configuration.on_exit = OnExit::StopClusters;
    service_ = std::make_unique<Service>(configuration);
    service_->start();
    service_->stop();
    EXPECT_TRUE(folder_.clusters().empty());
    service_.reset();
    begin();
    EXPECT_EQ(client_->status("a"), "READY");
    EXPECT_EQ(
        client_->must("ListApplicationSnapshots", {{"ApplicationName", "a"}})["SnapshotSummaries"].size(),
        1u);
}

TEST_F(ServiceTest, packagesGiveTheClusterEverything) {
    auto& c = *client_;
    const Json properties{
        {"PropertyGroups", Json::array({{{"PropertyGroupId", "in"}, {"PropertyMap", {{"path", "/data"}}}}})}};
    c.create(
        "a", "SELECT '${in.path}'",
        {{"EnvironmentProperties", properties},
         {"FlinkApplicationConfiguration",
          {{"ParallelismConfiguration",
            {{"ConfigurationType", "CUSTOM"}, {"Parallelism", 3}, {"ParallelismPerKPU", 2}}},
           {"MonitoringConfiguration", {{"ConfigurationType", "CUSTOM"}, {"LogLevel", "DEBUG"}}},
           {"CheckpointConfiguration", {{"ConfigurationType", "CUSTOM"}, {"CheckpointInterval", 1000}}}}}});
    c.start("a");
    const Json package = c.plan("a")["package"];
    EXPECT_EQ(package["sql"], "SELECT '${in.path}'");
    EXPECT_EQ(package["properties"], (Json{{"in", {{"path", "/data"}}}}));
    EXPECT_EQ(package["configuration"]["parallelism.default"], "3");
    EXPECT_EQ(package["configuration"]["state.backend.type"], "rocksdb");
    EXPECT_EQ(package["configuration"]["taskmanager.memory.managed.size"], "4 gb");  // two KPUs
    EXPECT_EQ(package["configuration"]["execution.checkpointing.interval"], "1000 ms");
    EXPECT_EQ(package["configuration"]["execution.checkpointing.min-pause"], "5000 ms");
    EXPECT_EQ(package["logLevel"], "DEBUG");
    EXPECT_EQ(package["applicationVersionId"], 1);
    EXPECT_FALSE(package.contains("restore"));
    c.stop("a");
}

TEST_F(ServiceTest, namesThatAreDangerousAsFiles) {
    auto& c = *client_;
    for (const std::string name : {".", "..", "..."}) {
        c.create(name, "X");
        c.start(name);
        c.must("CreateApplicationSnapshot", {{"ApplicationName", name}, {"SnapshotName", ".."}});
        EXPECT_TRUE(c.eventually([&] {
            return c.must("DescribeApplicationSnapshot",
                          {{"ApplicationName", name},
                           {"SnapshotName", ".."}})["SnapshotDetails"]["SnapshotStatus"] == "READY";
        }));
        const int64_t created = c.describe(name)["CreateTimestamp"];
        c.must("DeleteApplication", {{"ApplicationName", name}, {"CreateTimestamp", created}});
        EXPECT_TRUE(c.reaches(name, "ResourceNotFoundException"));
    }
    EXPECT_TRUE(localFileSystem().exists(folder_.path() + "/applications"));
    EXPECT_TRUE(localFileSystem().exists(folder_.path() + "/millrace.db"));
}

TEST(Supervisor, restartsInARowWaitLonger) {
    EXPECT_EQ(restartBackoffMs(0, 60'000), 0);
    EXPECT_EQ(restartBackoffMs(1, 60'000), 1'000);
    EXPECT_EQ(restartBackoffMs(3, 60'000), 4'000);
    EXPECT_EQ(restartBackoffMs(100, 60'000), 60'000);
}

}  // namespace
}  // namespace millrace

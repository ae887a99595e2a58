// What Flink's dashboard and clients ask for beside the job and its checkpoints.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/error.h"
#include "base/file_system.h"
#include "base/source_file.h"
#include "cluster/java_throwable.h"
#include "cluster/package_settings.h"
#include "cluster/process_figures.h"
#include "cluster/rest_fixture.h"
#include "state/snapshot_store.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

std::string temporaryFolder() {
    const std::string folder =
        ::testing::TempDir() + "rest-" + ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    return folder;
}

TEST_F(RestTest, EveryRouteIsInTheDocumentation) {
    std::ifstream page(sourceFile("docs/flink-rest-api.md"));
    std::stringstream text;
    text << page.rdbuf();
    std::set<std::string> written, there;
    for (std::string line; std::getline(text, line);) {
        if (line.starts_with("| `GET ") || line.starts_with("| `POST ") || line.starts_with("| `PATCH ") ||
            line.starts_with("| `PUT ")) {
            written.insert(line);
        }
    }
    for (const std::vector<RestRoute>& family : restRouteFamilies()) {
        for (const RestRoute& route : family) {
            EXPECT_FALSE(route.summary.empty()) << route.path;
            there.insert(fmt::format("| `{} {}` | {} |", route.method, route.path, route.summary));
        }
    }
    EXPECT_EQ(written, there);
}

TEST_F(RestTest, TheDashboardHasEveryFileThatItNames) {
    const HttpResponse page = send("GET", "/");
    EXPECT_EQ(page.status, 200);
    EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
    EXPECT_EQ(page.headers[0].first, "Content-Security-Policy");
    std::set<std::string> named;
    const std::string head = "dashboard/";
    for (size_t at = page.body.find(head); at != std::string::npos; at = page.body.find(head, at + 1))
        named.insert(page.body.substr(at, page.body.find('"', at) - at));
    EXPECT_EQ(named,
              (std::set<std::string>{"dashboard/icon.svg", "dashboard/dashboard.css", "dashboard/main.js"}));
    for (auto next = named.begin(); next != named.end(); next = named.begin()) {
        const std::string path = "/" + named.extract(next).value();
        const HttpResponse file = send("GET", path);
        EXPECT_EQ(file.status, 200) << path;
        EXPECT_EQ(file.content_type.find("application/json"), std::string::npos) << path;
        const std::string import = " from './";
        if (path != "/dashboard/main.js") continue;
        for (size_t at = file.body.find(import); at != std::string::npos;
             at = file.body.find(import, at + 1)) {
            const size_t start = at + import.size();
            named.insert("dashboard/" + file.body.substr(start, file.body.find('\'', start) - start));
        }
        EXPECT_GT(named.size(), 5u);
    }
    EXPECT_EQ(send("GET", "/dashboard/none.js").status, 404);
    EXPECT_EQ(send("GET", "/dashboard/..").status, 404);
    EXPECT_EQ(send("POST", "/").status, 405);
}

TEST_F(RestTest, SubtasksTellWhenTheyWereInWhichState) {
    VertexDetails& vertex = job_.said.vertices[0];
    vertex.subtasks[0].status_times_ms = {
        {"CREATED", 100}, {"SCHEDULED", 100}, {"DEPLOYING", 130}, {"INITIALIZING", 140}, {"RUNNING", 190}};
    vertex.subtasks[1] = {"FAILED", {}, {{"CREATED", 100}, {"DEPLOYING", 150}, {"FAILED", 170}}};
    const Json details = get(jobPath("/vertices/aa"));
    const Json& running = details["subtasks"][0];
    EXPECT_EQ(running["start-time"], 130);
    EXPECT_EQ(running["end-time"], -1);
    EXPECT_EQ(running["status-duration"]["CREATED"], 0);
    EXPECT_EQ(running["status-duration"]["SCHEDULED"], 30);
    EXPECT_EQ(running["status-duration"]["INITIALIZING"], 50);
    EXPECT_GT(running["status-duration"]["RUNNING"], 1000);  // until now
    const Json& failed = details["subtasks"][1];
    EXPECT_EQ(failed["end-time"], 170);
    EXPECT_EQ(failed["duration"], 20);
    EXPECT_EQ(failed["status-duration"]["INITIALIZING"], -1);
    EXPECT_EQ(failed["status-duration"]["DEPLOYING"], 20);
    EXPECT_EQ(details["aggregated"]["metrics"]["write-records"]["sum"], 7);
    EXPECT_EQ(details["aggregated"]["status-duration"]["DEPLOYING"]["max"], 20);

    const Json times = get(jobPath("/vertices/aa/subtasktimes"));
    EXPECT_EQ(times["subtasks"][0]["timestamps"]["RUNNING"], 190);
    EXPECT_EQ(times["subtasks"][0]["timestamps"]["FINISHED"], 0);
    EXPECT_EQ(times["subtasks"][1]["duration"], 20);
    EXPECT_EQ(get(jobPath("/vertices/aa/subtasks/1/attempts/3"))["status"], "FAILED");
    EXPECT_EQ(send("GET", jobPath("/vertices/aa/subtasks/1/attempts/2")).status, 404);
    EXPECT_EQ(send("GET", jobPath("/vertices/aa/subtasks/7/attempts/3")).status, 404);
}

TEST_F(RestTest, BytesThatNobodyCountsAreNotComplete) {
    job_.said.vertices[0].subtasks[0].metrics["numBytesIn"] = 10;
    EXPECT_EQ(get(jobPath("/vertices/aa/subtasks/0"))["metrics"]["read-bytes-complete"], true);
    EXPECT_EQ(get(jobPath("/vertices/aa/subtasks/1"))["metrics"]["read-bytes-complete"], false);
    EXPECT_EQ(get(jobPath())["vertices"][0]["metrics"]["read-bytes"], 10);
    EXPECT_EQ(get(jobPath())["vertices"][0]["metrics"]["read-bytes-complete"], false);
}

TEST_F(RestTest, MetricsAreNamedAggregatedAndChosen) {
    job_.said.vertices[0].subtasks[0].metrics["Calc(a, b: c).numRecordsIn"] = 3;
    EXPECT_EQ(get(jobPath("/vertices/aa/subtasks/0/metrics"), {{"get", "Calc(a__b__c).numRecordsIn"}}),
              Json::parse(R"([{"id":"Calc(a__b__c).numRecordsIn","value":"3"}])"));
    const auto aggregate = [&](std::vector<std::pair<std::string, std::string>> query) {
        query.emplace_back("get", "numRecordsOut");
        return get(jobPath("/vertices/aa/subtasks/metrics"), std::move(query))[0];
    };
    EXPECT_EQ(aggregate({{"agg", "min,avg"}}), Json::parse(R"({"id":"numRecordsOut","min":5.0,"avg":6.0})"));
    EXPECT_NEAR(aggregate({})["skew"].get<double>(), 100.0 / 6, 1e-9);
    EXPECT_EQ(aggregate({{"subtasks", "1"}})["sum"], 5);
    EXPECT_EQ(aggregate({{"subtasks", "0-1"}})["sum"], 12);
    EXPECT_EQ(send("GET", jobPath("/vertices/aa/subtasks/metrics"), "", {{"subtasks", "x"}}).status, 400);
    EXPECT_EQ(send("GET", jobPath("/vertices/aa/subtasks/metrics"), "", {{"agg", "mode"}}).status, 400);
    EXPECT_EQ(get("/jobs/metrics", {{"get", "fullRestarts"}, {"agg", "max"}}),
              Json::parse(R"([{"id":"fullRestarts","max":13.0}])"));
    EXPECT_EQ(get("/jobs/metrics", {{"get", "fullRestarts"}, {"jobs", "other"}}), Json::array());
}

TEST_F(RestTest, AnApplicationWrittenForFlink2IsAnsweredAsFlink2Answers) {
    job_.said.failures = {{200, "broken", "Source: flights (1/2)", "json.bad-record", ""}};
    const auto seen = [&] {
        return Json{get(jobPath()).contains("pending-operators"),
                    get("/jobs/overview")["jobs"][0].contains("pending-operators"),
                    get(jobPath("/exceptions")).contains("root-exception"),
                    get(jobPath("/vertices/aa/subtasks/0")).contains("host"),
                    get(jobPath("/config"))["execution-config"].contains("execution-mode")};
    };
    EXPECT_EQ(seen(), Json::parse("[false,false,true,true,true]"));
    EXPECT_EQ(get("/config")["flink-version"], "1.20.0");
    ApplicationPackage package;
    package.runtime_environment = "FLINK-2_2";
    cluster_.identity = restIdentityOf(package);
    EXPECT_EQ(seen(), Json::parse("[true,true,false,false,false]"));
    EXPECT_EQ(get("/config")["flink-version"], "2.2.0");
    package.runtime_environment = "FLINK-1_19";
    EXPECT_EQ(restIdentityOf(package).flink_version, "1.20");
}

TEST_F(RestTest, TheResultOfTheJobIsToldOnceItHasEnded) {
    EXPECT_EQ(get(jobPath("/execution-result"))["status"]["id"], "IN_PROGRESS");
    job_.said.status = JobStatus::Failed;
    job_.said.end_ms = 4000;
    job_.said.failures = {{3900, "no such topic", "Source: flights (1/2)", "kafka.unknown-topic", ""}};
    const Json result = get(jobPath("/execution-result"))["job-execution-result"];
    EXPECT_EQ(result["application-status"], "FAILED");
    EXPECT_EQ(result["net-runtime"], 3000);
    EXPECT_EQ(result["failure-cause"]["stack-trace"], "no such topic");
    job_.said.status = JobStatus::Finished;
    EXPECT_EQ(get(jobPath("/execution-result"))["job-execution-result"]["application-status"], "SUCCEEDED");
}

TEST_F(RestTest, ATriggerIdOfTheClientBeginsOneOperation) {
    const std::string body = R"({"target-directory":"/s","triggerId":"aaaabbbbccccddddaaaabbbbccccdddd"})";
    EXPECT_EQ(Json::parse(send("POST", jobPath("/savepoints"), body).body)["request-id"],
              "aaaabbbbccccddddaaaabbbbccccdddd");
    job_.asked = "";
    EXPECT_EQ(send("POST", jobPath("/savepoints"), body).status, 202);
    EXPECT_EQ(job_.asked, "");
    job_.savepoints["trigger-1"] = {SavepointStatus::State::Completed, "/s/savepoint-1", ""};
    EXPECT_EQ(get(jobPath("/savepoints/aaaabbbbccccddddaaaabbbbccccdddd"))["status"]["id"], "COMPLETED");
    EXPECT_EQ(send("POST", jobPath("/savepoints"), R"({"formatType":"ODD"})").status, 400);
}

TEST_F(RestTest, ACheckpointIsTriggeredAndItsIdTold) {
    EXPECT_EQ(
        Json::parse(send("POST", jobPath("/checkpoints"), R"({"checkpointType":"FULL"})").body)["request-id"],
        "trigger-2");
    EXPECT_EQ(job_.asked, "checkpoint");
    EXPECT_EQ(send("POST", jobPath("/checkpoints"), R"({"checkpointType":"HALF"})").status, 400);
    job_.savepoints["trigger-2"] = {SavepointStatus::State::Completed, "/c/chk-7", ""};
    EXPECT_EQ(get(jobPath("/checkpoints/trigger-2"))["operation"], Json::parse(R"({"checkpointId":7})"));
    job_.savepoints["trigger-2"] = {SavepointStatus::State::Failed, "", "too slow"};
    EXPECT_EQ(get(jobPath("/checkpoints/trigger-2"))["operation"]["failureCause"]["stack-trace"], "too slow");
}

TEST_F(RestTest, OnlySavepointsAreDisposedOf) {
    const std::string folder = temporaryFolder();
    Snapshot snapshot;
    snapshot.id = CheckpointId(3);
    snapshot.kind = SnapshotKind::Savepoint;
    writeSnapshot(localFileSystem(), folder + "/savepoint-1", snapshot);
    snapshot.kind = SnapshotKind::Checkpoint;
    writeSnapshot(localFileSystem(), folder + "/chk-3", snapshot);
    std::filesystem::create_directories(folder + "/precious");
    const auto failureOf = [&](const std::string& path) -> std::string {
        const HttpResponse begun = send("POST", "/savepoint-disposal", Json{{"savepoint-path", path}}.dump());
        EXPECT_EQ(begun.status, 202);
        const Json done =
            get("/savepoint-disposal/" + Json::parse(begun.body)["request-id"].get<std::string>());
        EXPECT_EQ(done["status"]["id"], "COMPLETED");
        return done["operation"].contains("failure-cause") ? done["operation"]["failure-cause"]["stack-trace"]
                                                           : Json("");
    };
    EXPECT_EQ(failureOf("file:" + folder + "/savepoint-1"), "");
    EXPECT_FALSE(std::filesystem::exists(folder + "/savepoint-1"));
    EXPECT_NE(failureOf(folder + "/chk-3").find("is a checkpoint"), std::string::npos);
    EXPECT_NE(failureOf(folder + "/precious"), "");
    EXPECT_NE(failureOf(folder + "/savepoint-1"), "");
    EXPECT_TRUE(std::filesystem::exists(folder + "/chk-3/_metadata"));
    EXPECT_TRUE(std::filesystem::exists(folder + "/precious"));
    EXPECT_EQ(send("POST", "/savepoint-disposal", "{}").status, 400);
    EXPECT_EQ(send("GET", "/savepoint-disposal/nothing").status, 404);
}

TEST_F(RestTest, LogsAreListedAndReadAndNothingElse) {
    const std::string folder = temporaryFolder();
    const auto write = [&](const std::string& name, const std::string& text) {
        std::ofstream(folder + "/" + name) << text;
    };
    write("cluster.log", "new\n");
    write("cluster.2.log", "older\n");
    write("cluster.10.log", "oldest\n");
    write("cluster.secret.log", "secret\n");
    write("package.json", "{}");
    cluster_.identity.log_path = folder + "/cluster.log";
    std::vector<std::string> names;
    const Json listed = get("/jobmanager/logs");
    for (const Json& one : listed["logs"])
        names.push_back(one["name"]);
    EXPECT_EQ(names, (std::vector<std::string>{"cluster.log", "cluster.2.log", "cluster.10.log"}));
    EXPECT_EQ(get("/taskmanagers/tm-1/logs")["logs"].size(), 3U);
    EXPECT_EQ(send("GET", "/jobmanager/log").body, "new\n");
    EXPECT_EQ(send("GET", "/taskmanagers/tm-1/log").body, "new\n");
    EXPECT_EQ(send("GET", "/taskmanagers/tm-1/logs/cluster.2.log").body, "older\n");
    EXPECT_EQ(send("GET", "/taskmanagers/tm-1/logs/cluster.2.log").content_type, "text/plain; charset=UTF-8");
    for (const char* path : {"/jobmanager/logs/cluster.secret.log", "/jobmanager/logs/package.json",
                             "/jobmanager/logs/..", "/taskmanagers/other/log"}) {
        EXPECT_EQ(send("GET", path).status, 404) << path;
    }
    // Only the end of a long one, from the beginning of a line.
    std::string line(99, 'x');
    std::string text;
    while (text.size() < (17 << 20))
        text += line + "\n";
    write("cluster.log", text);
    const std::string end = send("GET", "/jobmanager/log").body;
    EXPECT_LT(end.size(), text.size());
    EXPECT_GT(end.size(), 15U << 20);
    EXPECT_EQ(end.substr(0, 100), line + "\n");
    EXPECT_EQ(send("GET", "/jobmanager/log", "", {{"tail", "250"}}).body, line + "\n" + line + "\n");
    EXPECT_EQ(send("GET", "/jobmanager/logs/cluster.2.log", "", {{"tail", "3000000000"}}).body, "older\n");
    EXPECT_EQ(send("GET", "/jobmanager/log", "", {{"tail", "-1"}}).status, 400);
    EXPECT_EQ(send("GET", "/jobmanager/log", "", {{"tail", ""}}).status, 400);
}

TEST_F(RestTest, SecretSettingsAreNotShown) {
    graph_.configuration.set("s3.secret-key", "hush");
    graph_.configuration.set("table.exec.state.ttl", "1 h");
    for (const Json& one : get("/jobmanager/config")) {
        EXPECT_EQ(one["value"], one["key"] == "s3.secret-key" ? "******" : "1 h");
    }
    const Json config = get(jobPath("/config"))["execution-config"]["user-config"];
    EXPECT_EQ(config["s3.secret-key"], "******");
    EXPECT_EQ(config["table.exec.state.ttl"], "1 h");
}

TEST_F(RestTest, TheProcessIsShownAsItIs) {
    const Json one = get("/taskmanagers/tm-1");
    EXPECT_GT(one["metrics"]["heapUsed"].get<int64_t>(), 1 << 20);
    EXPECT_EQ(one["allocatedSlots"].size(), 2U);
    EXPECT_EQ(one["allocatedSlots"][0]["jobId"], kJobId);
    const Json heap = get("/jobmanager/metrics", {{"get", "Status.JVM.Memory.Heap.Used"}});
    EXPECT_GT(std::stoll(heap[0]["value"].get<std::string>()), 1 << 20);
    const Json threads = get("/jobmanager/thread-dump")["threadInfos"];
    ASSERT_GE(threads.size(), 1U);
    EXPECT_NE(threads[0]["stringifiedThreadInfo"].get<std::string>().find("CPU time"), std::string::npos);
    EXPECT_GT(memoryLimitBytes(), 0);
    EXPECT_GT(cpuLimitCores(), 0);
    EXPECT_GT(diskUse("/nowhere/at/all"), 0);
    job_.said.status = JobStatus::Finished;
    EXPECT_EQ(get("/taskmanagers/tm-1")["allocatedSlots"].size(), 0U);
}

TEST_F(RestTest, RescalingIsTheService) {
    EXPECT_EQ(get(jobPath("/resource-requirements"))["aa"]["parallelism"]["upperBound"], 2);
    EXPECT_EQ(send("PATCH", jobPath("/rescaling")).status, 503);
    EXPECT_EQ(send("PUT", jobPath("/resource-requirements"), "{}").status, 503);
    EXPECT_EQ(send("PATCH", jobPath("/clientHeartbeat"), "{}").status, 202);
}

TEST(JavaThrowable, TextIsModifiedUtf8AndBounded) {
    // NUL as two bytes, an emoji as two surrogates of three; what is no UTF-8 as question marks.
    const std::string bytes = serializedThrowable("E", std::string("a\0\xF0\x9F\x98\x80\xFF", 7));
    EXPECT_NE(bytes.find(std::string("\x74\x00\x0A"
                                     "a\xC0\x80\xED\xA0\xBD\xED\xB8\x80?",
                                     13)),
              std::string::npos);
    EXPECT_EQ(bytes.substr(0, 4), std::string("\xAC\xED\x00\x05", 4));
    EXPECT_LT(serializedThrowable("E", std::string(1 << 20, 'x')).size(), 80U << 10);
    EXPECT_EQ(base64(""), "");
    EXPECT_EQ(base64("a"), "YQ==");
    EXPECT_EQ(base64("ab"), "YWI=");
    EXPECT_EQ(base64("abc\xFF"), "YWJj/w==");
}

TEST(PackageSettings, LogsRotateAsThePackageSays) {
    ApplicationPackage package;
    package.log_path = "/x/cluster.log";
    EXPECT_EQ(logConfigurationOf(package).size_max, 10U << 20);
    EXPECT_EQ(logConfigurationOf(package).files_max, 10);
    package.configuration.set("env.log.size-max", "64 kb");
    package.configuration.set("env.log.max", "2");
    EXPECT_EQ(logConfigurationOf(package).size_max, 64U << 10);
    EXPECT_EQ(logConfigurationOf(package).files_max, 2);
    for (const auto& [key, value] : {std::pair{"env.log.size-max", "1 kb"},
                                     {"env.log.size-max", "big"},
                                     {"env.log.max", "-1"},
                                     {"env.log.max", "many"}}) {
        ApplicationPackage wrong;
        wrong.configuration.set(key, value);
        EXPECT_THROW(logConfigurationOf(wrong), UserError) << key << " " << value;
    }
    package.metrics_level = "OPERATOR";
    EXPECT_EQ(restIdentityOf(package).metrics_level, MetricsLevel::Operator);
    package.metrics_level = "ALL";
    EXPECT_THROW(restIdentityOf(package), UserError);
}

}  // namespace
}  // namespace millrace

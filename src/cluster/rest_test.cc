#include <gtest/gtest.h>

#include "base/error.h"
#include "cluster/rest_fixture.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

TEST_F(RestTest, OverviewCountsTheOneJob) {
    const Json overview = get("/overview");
    EXPECT_EQ(overview["taskmanagers"], 1);
    EXPECT_EQ(overview["slots-total"], 2);
    EXPECT_EQ(overview["jobs-running"], 1);
    EXPECT_EQ(get("/v1/overview"), overview);
    job_.said.status = JobStatus::Finished;
    EXPECT_EQ(get("/overview")["jobs-finished"], 1);
    EXPECT_EQ(get("/overview")["jobs-running"], 0);
    EXPECT_TRUE(get("/config")["flink-version"].is_string());
}

TEST_F(RestTest, JobsAreListed) {
    EXPECT_EQ(get("/jobs"), Json::parse(R"({"jobs":[{"id":")" + kJobId + R"(","status":"RUNNING"}]})"));
    const Json one = get("/jobs/overview")["jobs"][0];
    EXPECT_EQ(one["jid"], kJobId);
    EXPECT_EQ(one["state"], "RUNNING");
    EXPECT_EQ(one["tasks"]["total"], 4);
    EXPECT_EQ(one["tasks"]["running"], 3);
    EXPECT_EQ(one["last-modification"], 2000);
}

TEST_F(RestTest, AJobPlannedFromSqlIsExplainedAsItRuns) {
    EXPECT_EQ(send("GET", jobPath("/explain-analyze")).status, 404);
    cluster_.explain_measured = [](const JobDetails& job) {
        return fmt::format("rows out {}", job.vertices[0].subtasks[0].metrics.at("numRecordsOut"));
    };
    EXPECT_EQ(get(jobPath("/explain-analyze")), Json({{"text", "rows out 7"}}));
}

TEST_F(RestTest, AJobShowsItsVerticesAndPlan) {
    const Json job = get(jobPath());
    EXPECT_EQ(job["jid"], kJobId);
    EXPECT_EQ(job["name"], "flights");
    EXPECT_EQ(job["end-time"], -1);
    EXPECT_EQ(job["timestamps"]["RUNNING"], 2000);
    EXPECT_EQ(job["timestamps"]["FAILED"], 0);
    ASSERT_EQ(job["vertices"].size(), 2U);
    EXPECT_EQ(job["vertices"][0]["metrics"]["write-records"], 12);
    EXPECT_EQ(job["vertices"][1]["status"], "RUNNING");  // not before all of it has finished
    EXPECT_EQ(job["vertices"][1]["tasks"]["FINISHED"], 1);
    EXPECT_EQ(job["status-counts"]["RUNNING"], 2);
    const Json& nodes = job["plan"]["nodes"];
    ASSERT_EQ(nodes.size(), 2U);
    EXPECT_FALSE(nodes[0].contains("inputs"));
    EXPECT_EQ(nodes[1]["inputs"][0]["id"], "aa");
    EXPECT_EQ(nodes[1]["inputs"][0]["ship_strategy"], "HASH");
    EXPECT_EQ(get(jobPath("/plan"))["plan"], job["plan"]);
    EXPECT_EQ(get(jobPath("/status"))["status"], "RUNNING");
}

TEST_F(RestTest, AVertexShowsItsSubtasks) {
    const Json vertex = get(jobPath("/vertices/bb"));
    ASSERT_EQ(vertex["subtasks"].size(), 2U);
    EXPECT_EQ(vertex["subtasks"][1]["status"], "FINISHED");
    EXPECT_EQ(vertex["subtasks"][1]["attempt"], 3);
    EXPECT_EQ(get(jobPath("/vertices/bb/subtasks/1"))["status"], "FINISHED");
    EXPECT_EQ(get(jobPath("/vertices/bb/watermarks")),
              Json::parse(R"([{"id":"0.currentInputWatermark","value":"42"}])"));
    EXPECT_EQ(get(jobPath("/vertices/aa/metrics"), {{"get", "0.numRecordsOut,1.numRecordsOut,none"}}),
              Json::parse(R"([{"id":"0.numRecordsOut","value":"7"},{"id":"1.numRecordsOut","value":"5"}])"));
    EXPECT_EQ(get(jobPath("/vertices/aa/subtasks/metrics"), {{"get", "numRecordsOut"}, {"agg", "sum,max"}}),
              Json::parse(R"([{"id":"numRecordsOut","max":7.0,"sum":12.0}])"));
    EXPECT_EQ(get(jobPath("/vertices/aa/backpressure"))["backpressureLevel"], "ok");
}

TEST_F(RestTest, CheckpointsAreCountedAndTheLatestShown) {
    job_.statistics.completed = 2;
    job_.statistics.failed = 1;
    job_.statistics.history = {{CheckpointId(4), false, "FAILED", 400, 450, 0, "", "disk full", 0},
                               {CheckpointId(3), true, "COMPLETED", 300, 310, 77, "/s/savepoint-1", "", 0},
                               {CheckpointId(2), false, "COMPLETED", 200, 230, 99, "/c/chk-2", "", 0}};
    job_.statistics.history[2].state_bytes = 1234;
    job_.statistics.latest_restored = {CheckpointId(1), false, "COMPLETED", 1, 2, 3, "/c/chk-1", "", 0};
    const Json answer = get(jobPath("/checkpoints"));
    EXPECT_EQ(answer["counts"]["total"], 3);
    EXPECT_EQ(answer["latest"]["completed"]["id"], 2);
    EXPECT_EQ(answer["latest"]["completed"]["external_path"], "file:/c/chk-2");
    EXPECT_EQ(answer["latest"]["completed"]["end_to_end_duration"], 30);
    EXPECT_EQ(answer["latest"]["savepoint"]["id"], 3);
    EXPECT_EQ(answer["latest"]["failed"]["failure_message"], "disk full");
    EXPECT_EQ(answer["latest"]["restored"]["external_path"], "file:/c/chk-1");
    EXPECT_EQ(answer["history"].size(), 3U);
    EXPECT_EQ(answer["summary"]["checkpointed_size"]["max"], 99);
    EXPECT_EQ(answer["summary"]["state_size"]["max"], 1234);
    EXPECT_EQ(get(jobPath("/checkpoints/details/3"))["is_savepoint"], true);
    EXPECT_EQ(send("GET", jobPath("/checkpoints/details/9")).status, 404);
    EXPECT_EQ(
        get(jobPath("/metrics"), {{"get", "lastCheckpointSize,fullRestarts,numberOfFailedCheckpoints"}}),
        Json::parse(R"([{"id":"lastCheckpointSize","value":"77"},{"id":"fullRestarts","value":"13"},
                              {"id":"numberOfFailedCheckpoints","value":"1"}])"));
}

TEST_F(RestTest, ACheckpointShowsThePartsOfVerticesAndSubtasks) {
    job_.statistics.history = {{CheckpointId(4), false, "FAILED", 400, 450, 0, "", "disk full", 0}};
    // Of the second vertex only its first subtask has acknowledged.
    job_.statistics.history[0].tasks = {
        {{true, 410, 5, 50, 3, 2000, 4000, 6000}, {true, 420, 6, 60, 1, 0, 2000, 0}},
        {{true, 430, 7, 70}, {}}};
    job_.statistics.history[0].latest_ack_ms = 430;
    const Json whole = get(jobPath("/checkpoints/details/4"));
    EXPECT_EQ(whole["num_subtasks"], 4);
    EXPECT_EQ(whole["num_acknowledged_subtasks"], 3);
    EXPECT_EQ(whole["latest_ack_timestamp"], 430);
    EXPECT_EQ(whole["tasks"]["aa"]["checkpointed_size"], 11);
    EXPECT_EQ(whole["tasks"]["aa"]["end_to_end_duration"], 20);
    EXPECT_EQ(whole["tasks"]["bb"]["num_acknowledged_subtasks"], 1);
    EXPECT_EQ(get(jobPath("/checkpoints"))["history"][0]["tasks"], Json::object());

    const Json vertex = get(jobPath("/checkpoints/details/4/subtasks/aa"));
    EXPECT_EQ(vertex["subtasks"][0]["alignment"]["duration"], 2);
    EXPECT_EQ(vertex["subtasks"][0]["checkpoint"], Json::parse(R"({"sync":4,"async":6})"));
    EXPECT_EQ(vertex["subtasks"][0]["start_delay"], 3);
    EXPECT_EQ(vertex["subtasks"][1]["state_size"], 60);
    EXPECT_EQ(vertex["summary"]["checkpoint_duration"]["sync"]["avg"], 3);
    EXPECT_EQ(vertex["summary"]["end_to_end_duration"]["max"], 20);
    EXPECT_EQ(get(jobPath("/checkpoints/details/4/subtasks/bb"))["subtasks"][1],
              Json::parse(R"({"className":"pending","index":1,"status":"pending_or_failed"})"));
    EXPECT_EQ(send("GET", jobPath("/checkpoints/details/4/subtasks/zz")).status, 404);
    EXPECT_EQ(send("GET", jobPath("/checkpoints/details/5/subtasks/aa")).status, 404);
}

TEST_F(RestTest, SavepointsAreTriggeredAndAskedAfter) {
    HttpResponse response =
        send("POST", jobPath("/savepoints"), R"({"target-directory":"file:///data/s","cancel-job":false})");
    EXPECT_EQ(response.status, 202);
    EXPECT_EQ(Json::parse(response.body), Json::parse(R"({"request-id":"trigger-1"})"));
    EXPECT_EQ(job_.asked, "savepoint /data/s stop=false drain=false");
    response = send("POST", jobPath("/stop"), R"({"targetDirectory":"/data/s","drain":true})");
    EXPECT_EQ(response.status, 202);
    EXPECT_EQ(job_.asked, "savepoint /data/s stop=true drain=true");

    EXPECT_EQ(send("GET", jobPath("/savepoints/trigger-1")).status, 404);
    job_.savepoints["trigger-1"] = {};
    EXPECT_EQ(get(jobPath("/savepoints/trigger-1"))["status"]["id"], "IN_PROGRESS");
    job_.savepoints["trigger-1"] = {SavepointStatus::State::Completed, "/data/s/savepoint-1", ""};
    EXPECT_EQ(get(jobPath("/savepoints/trigger-1"))["operation"]["location"], "file:/data/s/savepoint-1");
    job_.savepoints["trigger-1"] = {SavepointStatus::State::Failed, "", "no space left"};
    const Json failed = get(jobPath("/savepoints/trigger-1"));
    EXPECT_EQ(failed["status"]["id"], "COMPLETED");
    EXPECT_EQ(failed["operation"]["failure-cause"]["stack-trace"], "no space left");

    job_.said.status = JobStatus::Restarting;
    EXPECT_EQ(send("POST", jobPath("/savepoints"), "{}").status, 503);
    job_.said.status = JobStatus::Finished;
    EXPECT_EQ(send("POST", jobPath("/stop"), "{}").status, 409);
}

TEST_F(RestTest, AJobIsCancelled) {
    EXPECT_EQ(send("PATCH", jobPath(), "", {{"mode", "cancel"}}).status, 202);
    EXPECT_EQ(job_.asked, "cancel");
    EXPECT_EQ(send("PATCH", jobPath(), "", {{"mode", "stop"}}).status, 410);
    EXPECT_EQ(send("PATCH", jobPath(), "", {{"mode", "dance"}}).status, 400);
}

TEST_F(RestTest, FailuresAreShownNewestFirst) {
    EXPECT_TRUE(get(jobPath("/exceptions"))["root-exception"].is_null());
    job_.said.failures = {{200, "flights-3.json, line 17: not a number", "Source: flights (1/2)"},
                          {100, "older", ""}};
    const Json answer = get(jobPath("/exceptions"), {{"maxExceptions", "1"}});
    EXPECT_EQ(answer["root-exception"], "flights-3.json, line 17: not a number");
    EXPECT_EQ(answer["timestamp"], 200);
    ASSERT_EQ(answer["exceptionHistory"]["entries"].size(), 1U);
    EXPECT_EQ(answer["exceptionHistory"]["entries"][0]["taskName"], "Source: flights (1/2)");
    EXPECT_EQ(answer["exceptionHistory"]["truncated"], true);
}

TEST_F(RestTest, TheTaskManagerIsThisProcess) {
    const Json one = get("/taskmanagers")["taskmanagers"][0];
    EXPECT_EQ(one["id"], "tm-1");
    EXPECT_EQ(one["slotsNumber"], 2);
    EXPECT_EQ(get("/taskmanagers/tm-1")["id"], "tm-1");
    const Json metrics = get("/taskmanagers/tm-1/metrics", {{"get", "Status.JVM.CPU.Load"}});
    ASSERT_EQ(metrics.size(), 1U);
    EXPECT_EQ(send("GET", "/taskmanagers/other").status, 404);
}

TEST_F(RestTest, WhatIsNotThereIsAnErrorInFlinksShape) {
    const std::string other(32, 'f');
    for (const std::string& path :
         {std::string("/nothing"), "/jobs/" + other, "/jobs/" + other + "/checkpoints",
          std::string("/jobs/x"), jobPath("/vertices/zz"), jobPath("/vertices/aa/subtasks/2"),
          jobPath("/vertices/aa/subtasks/-1"), jobPath("/nothing")}) {
        const HttpResponse response = send("GET", path);
        EXPECT_EQ(response.status, 404) << path;
        const Json body = Json::parse(response.body);
        ASSERT_EQ(body["errors"].size(), 1U) << path;
        EXPECT_TRUE(body["errors"][0].is_string()) << path;
    }
    EXPECT_EQ(send("DELETE", jobPath()).status, 405);
    for (const char* body : {"[]", "{", "\"x\"", R"({"target-directory":7})", R"({"cancel-job":"yes"})"}) {
        EXPECT_EQ(send("POST", jobPath("/savepoints"), body).status, 400) << body;
    }
    EXPECT_EQ(send("GET", jobPath("/exceptions"), "", {{"maxExceptions", "many"}}).status, 400);
}

}  // namespace
}  // namespace millrace

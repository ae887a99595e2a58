#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cluster/rest/rest.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

const std::string kJobId = "0123456789abcdef0123456789abcdef";

class NothingSource final : public Source {
  public:
    std::string name() const override { return "NothingSource"; }
    const Schema& outputSchema() const override { return schema_; }
    Boundedness boundedness() const override { return Boundedness::Unbounded; }
    std::unique_ptr<SplitEnumerator> createEnumerator(const std::optional<std::string>&) const override {
        return nullptr;
    }
    std::unique_ptr<SourceReader> createReader(SourceReaderContext&) const override { return nullptr; }

  private:
    Schema schema_;
};

class NothingSink final : public Sink {
  public:
    std::string name() const override { return "NothingSink"; }
    const Schema& inputSchema() const override { return schema_; }
    std::unique_ptr<SinkWriter> createWriter(SinkWriterContext&, std::vector<std::string>) const override {
        return nullptr;
    }

  private:
    Schema schema_;
};

// A job that says what the test tells it to, and notes what it is asked for.
class ScriptedJob final : public Job {
  public:
    JobDetails said;
    CheckpointStatistics statistics;
    std::map<std::string, SavepointStatus> savepoints;
    std::string asked;

    JobDetails details() const override { return said; }
    JobStatus status() const override { return said.status; }
    CheckpointStatistics checkpoints() const override { return statistics; }
    JobStatus waitForEnd(int64_t) override { return said.status; }
    void cancel() override { asked = "cancel"; }
    std::string triggerSavepoint(const std::string& target, bool stop, bool drain) override {
        asked = fmt::format("savepoint {} stop={} drain={}", target, stop, drain);
        return "trigger-1";
    }
    std::string triggerCheckpoint() override { return ""; }
    std::optional<SavepointStatus> savepointStatus(const std::string& id) const override {
        const auto found = savepoints.find(id);
        return found == savepoints.end() ? std::nullopt : std::optional(found->second);
    }
};

class RestTest : public ::testing::Test {
  protected:
    RestTest() {
        const NodeId source = graph_.addSource("uid-source", std::make_shared<NothingSource>());
        const NodeId sink =
            graph_.addSink("uid-sink", std::make_shared<NothingSink>(), {source, Exchange::Hash, {0}});
        job_.said.job_id = kJobId;
        job_.said.name = "flights";
        job_.said.status = JobStatus::Running;
        job_.said.start_ms = 1000;
        job_.said.status_times_ms = {{"CREATED", 1000}, {"RUNNING", 2000}};
        job_.said.parallelism = 2;
        job_.said.restarts = 3;
        job_.said.vertices = {
            {"aa",
             "Source: flights",
             {source},
             {{"RUNNING", {{"numRecordsOut", 7}}}, {"RUNNING", {{"numRecordsOut", 5}}}}},
            {"bb", "Sink", {sink}, {{"RUNNING", {{"currentInputWatermark", 42}}}, {"FINISHED", {}}}}};
    }

    HttpResponse send(const std::string& method, const std::string& path, const std::string& body = "",
                      std::vector<std::pair<std::string, std::string>> query = {}) {
        HttpRequest request;
        request.method = method;
        request.path = path;
        request.query = std::move(query);
        request.body = body;
        return answerRest({job_, graph_, 10, "tm-1", 500, explain_measured_}, request);
    }
    Json get(const std::string& path, std::vector<std::pair<std::string, std::string>> query = {}) {
        const HttpResponse response = send("GET", path, "", std::move(query));
        EXPECT_EQ(response.status, 200) << path << ": " << response.body;
        return Json::parse(response.body);
    }
    std::string jobPath(const std::string& rest = "") { return "/jobs/" + kJobId + rest; }

    JobGraph graph_;
    ScriptedJob job_;
    std::function<std::string(const JobDetails&)> explain_measured_;
};

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
    explain_measured_ = [](const JobDetails& job) {
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
    EXPECT_EQ(answer["summary"]["state_size"]["max"], 99);
    EXPECT_EQ(get(jobPath("/checkpoints/details/3"))["is_savepoint"], true);
    EXPECT_EQ(send("GET", jobPath("/checkpoints/details/9")).status, 404);
    EXPECT_EQ(
        get(jobPath("/metrics"), {{"get", "lastCheckpointSize,fullRestarts,numberOfFailedCheckpoints"}}),
        Json::parse(R"([{"id":"lastCheckpointSize","value":"77"},{"id":"fullRestarts","value":"13"},
                              {"id":"numberOfFailedCheckpoints","value":"1"}])"));
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

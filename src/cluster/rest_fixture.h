// For the tests of src/cluster/rest: a cluster whose job says what a test tells it to.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster/rest/rest.h"

namespace millrace {

inline const std::string kJobId = "0123456789abcdef0123456789abcdef";

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
    std::string triggerCheckpoint() override {
        asked = "checkpoint";
        return "trigger-2";
    }
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
        return answerRest(cluster_, request);
    }
    nlohmann::json get(const std::string& path, std::vector<std::pair<std::string, std::string>> query = {}) {
        const HttpResponse response = send("GET", path, "", std::move(query));
        EXPECT_EQ(response.status, 200) << path << ": " << response.body;
        return nlohmann::json::parse(response.body);
    }
    std::string jobPath(const std::string& rest = "") { return "/jobs/" + kJobId + rest; }

    JobGraph graph_;
    ScriptedJob job_;
    RestCluster cluster_{job_, graph_, 10, "tm-1", 500};
};

}  // namespace millrace

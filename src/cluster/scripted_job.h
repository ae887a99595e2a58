// For tests: a job that says what it is told to, and notes what it is asked for.
#pragma once

#include <fmt/format.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/job.h"

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

// A job of two vertices with two subtasks each, which runs; its nodes are added to `graph`.
inline JobDetails runningJob(JobGraph& graph) {
    const NodeId source = graph.addSource("uid-source", std::make_shared<NothingSource>());
    const NodeId sink =
        graph.addSink("uid-sink", std::make_shared<NothingSink>(), {source, Exchange::Hash, {0}});
    JobDetails job;
    job.job_id = kJobId;
    job.name = "flights";
    job.status = JobStatus::Running;
    job.start_ms = 1000;
    job.status_times_ms = {{"CREATED", 1000}, {"RUNNING", 2000}};
    job.parallelism = 2;
    job.restarts = 3;
    job.vertices = {{"aa",
                     "Source: flights",
                     {source},
                     {{"RUNNING", {{"numRecordsOut", 7}}}, {"RUNNING", {{"numRecordsOut", 5}}}}},
                    {"bb", "Sink", {sink}, {{"RUNNING", {{"currentInputWatermark", 42}}}, {"FINISHED", {}}}}};
    return job;
}

}  // namespace millrace

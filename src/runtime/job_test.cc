#include "runtime/job.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>

#include "base/error.h"
#include "runtime/simulator/probe.h"

namespace millrace {
namespace {

class JobTest : public testing::Test {
  protected:
    JobTest() : folder_(testing::TempDir() + "job_test." + std::to_string(::getpid())) {
        std::filesystem::remove_all(folder_);
        std::filesystem::create_directories(folder_);
    }
    ~JobTest() override { std::filesystem::remove_all(folder_); }

    std::shared_ptr<JobGraph> graph(ProbeSourceOptions source, std::shared_ptr<const Operator> op,
                                    std::map<std::string, std::string> settings = {}) {
        auto graph = std::make_shared<JobGraph>();
        settings.emplace("parallelism.default", "1");
        settings.emplace("execution.checkpointing.dir", folder_ + "/checkpoints");
        graph->configuration = Configuration(std::move(settings));
        const NodeId from = graph->addSource("source", makeProbeSource(source));
        const Schema schema = op->outputSchema();
        const NodeId by_key = graph->addOperator("op", std::move(op), {{from, Exchange::Hash, {0}}});
        graph->addSink("sink", makeProbeSink(schema, out()), {by_key, Exchange::Forward, {}});
        return graph;
    }
    std::string out() const { return folder_ + "/out"; }
    std::vector<std::string> lines() const { return readProbeSink(localFileSystem(), out()); }

    static ProbeSourceOptions slow(ProbeSourceOptions options = {}) {
        options.pause_ms = 1;
        return options;
    }
    static JobOptions named(std::string id = "0123456789abcdef0123456789abcdef") {
        JobOptions options;
        options.job_id = std::move(id);
        return options;
    }
    static SavepointStatus awaitSavepoint(Job& job, const std::string& trigger) {
        for (int i = 0; i < 2000; ++i) {
            const auto status = job.savepointStatus(trigger);
            if (status->state != SavepointStatus::State::InProgress) return *status;
            job.waitForEnd(5);
        }
        return {};
    }
    static void awaitCheckpoints(Job& job, int64_t count) {
        for (int i = 0; i < 2000 && job.checkpoints().completed < count; ++i)
            job.waitForEnd(5);
        ASSERT_GE(job.checkpoints().completed, count);
    }

    // Every count of every key once, in a chain of retractions that fits; returns the last row of each key.
    std::map<int64_t, std::pair<int64_t, int64_t>> checkedSums() const {
        std::map<int64_t, std::map<int64_t, int64_t>> added, retracted;
        for (const std::string& line : lines()) {
            std::istringstream in(line);
            std::string kind;
            int64_t key = 0, count = 0, total = 0;
            in >> kind >> key >> count >> total;
            auto& rows = kind == "-U" ? retracted : added;
            EXPECT_TRUE(rows[key].emplace(count, total).second) << line << " came twice";
        }
        std::map<int64_t, std::pair<int64_t, int64_t>> out;
        for (const auto& [key, rows] : added) {
            EXPECT_EQ(rows.begin()->first, 1);
            EXPECT_EQ(rows.rbegin()->first, static_cast<int64_t>(rows.size()));
            auto without_last = rows;
            without_last.erase(std::prev(without_last.end()));
            EXPECT_EQ(without_last, retracted[key]);
            out[key] = *rows.rbegin();
        }
        return out;
    }
    static std::map<int64_t, std::pair<int64_t, int64_t>> expectedSums(const ProbeSourceOptions& options) {
        std::map<int64_t, std::pair<int64_t, int64_t>> out;
        for (int64_t split = 0; split < options.splits; ++split) {
            for (int64_t i = 0; i < options.rows_per_split; ++i) {
                auto& [count, total] = out[(split * 31 + i) % options.keys];
                ++count;
                total += split * options.rows_per_split + i;
            }
        }
        return out;
    }

    const std::string folder_;
};

TEST_F(JobTest, BoundedInputFlowsToItsEndAtAnyParallelism) {
    for (const char* parallelism : {"1", "2", "3", "5"}) {
        std::filesystem::remove_all(out());
        const ProbeSourceOptions source;
        auto job = Job::start(graph(source, makeProbeSum(), {{"parallelism.default", parallelism}}), {});
        EXPECT_EQ(job->waitForEnd(20000), JobStatus::Finished);
        EXPECT_EQ(checkedSums(), expectedSums(source)) << parallelism;
        const JobDetails details = job->details();
        EXPECT_EQ(details.restarts, 0);
        ASSERT_FALSE(details.vertices.empty());
        EXPECT_EQ(details.vertices[0].subtasks[0].status, "FINISHED");
    }
}

TEST_F(JobTest, BackPressureLosesNothing) {
    ProbeSourceOptions source;
    source.rows_per_split = 20000;
    source.batch_rows = 3;
    auto job = Job::start(graph(source, makeProbeWindow(50), {{"parallelism.default", "2"}}), {});
    EXPECT_EQ(job->waitForEnd(60000), JobStatus::Finished);
    int64_t rows = 0;
    std::set<std::string> seen;
    for (const std::string& line : lines()) {
        std::istringstream in(line);
        std::string kind;
        int64_t key = 0, end = 0, count = 0;
        in >> kind >> key >> end >> count;
        rows += count;
        EXPECT_TRUE(seen.insert(std::to_string(key) + " " + std::to_string(end)).second) << line;
    }
    EXPECT_EQ(rows, 4 * 20000);
}

TEST_F(JobTest, TwoInputsOneOfThemFromTheSameSource) {
    auto graph = std::make_shared<JobGraph>();
    graph->configuration.set("parallelism.default", "2");
    ProbeSourceOptions source;
    const NodeId a = graph->addSource("a", makeProbeSource(source));
    const NodeId b = graph->addSource("b", makeProbeSource(source));
    const NodeId ab = graph->addOperator("ab", makeProbeUnion(probeSourceSchema()),
                                         {{a, Exchange::Forward, {}}, {b, Exchange::Rebalance, {}}});
    const NodeId abb = graph->addOperator("abb", makeProbeUnion(probeSourceSchema()),
                                          {{ab, Exchange::Forward, {}}, {b, Exchange::Hash, {0}}});
    graph->addSink("sink", makeProbeSink(probeSourceSchema(), out()), {abb, Exchange::Singleton, {}});
    auto job = Job::start(graph, {});
    EXPECT_EQ(job->waitForEnd(20000), JobStatus::Finished);
    std::map<std::string, int> times;
    for (const std::string& line : lines())
        ++times[line];
    EXPECT_EQ(times.size(), 400U);
    for (const auto& [line, count] : times)
        EXPECT_EQ(count, 3) << line;
}

TEST_F(JobTest, AFailureDuringTheFirstStartIsThrown) {
    auto job = graph({}, makeProbeSum());
    JobOptions options = named();
    options.restore_path = folder_ + "/absent";
    EXPECT_THROW(Job::start(job, options), UserError);
    auto bad = graph({}, makeProbeSum(), {{"restart-strategy.type", "fixd-delay"}});
    EXPECT_THROW(Job::start(bad, {}), UserError);
}

TEST_F(JobTest, ATaskThatFailsIsRestartedAsOftenAsTheStrategyAllows) {
    ProbeSourceOptions source;
    source.fail_at_row = 40;
    auto job = Job::start(graph(source, makeProbeSum(),
                                {{"restart-strategy.type", "fixed-delay"},
                                 {"restart-strategy.fixed-delay.attempts", "3"},
                                 {"restart-strategy.fixed-delay.delay", "1 ms"}}),
                          {});
    EXPECT_EQ(job->waitForEnd(20000), JobStatus::Failed);
    const JobDetails details = job->details();
    EXPECT_EQ(details.restarts, 3);
    ASSERT_EQ(details.failures.size(), 4U);
    EXPECT_EQ(details.failures[0].code, "data.malformed");
    EXPECT_NE(details.failures[0].message.find("row 40"), std::string::npos);
    EXPECT_NE(details.failures[0].task.find("Source: Probe"), std::string::npos);
    EXPECT_TRUE(lines().empty());
}

TEST_F(JobTest, CheckpointsAreTakenKeptAndResumedAtAnotherParallelism) {
    const ProbeSourceOptions source = slow({.splits = 5, .rows_per_split = 2500});
    std::map<std::string, std::string> settings{{"execution.checkpointing.interval", "10 ms"},
                                                {"parallelism.default", "2"}};
    {
        auto job = Job::start(graph(source, makeProbeSum(), settings), named());
        awaitCheckpoints(*job, 3);
        job->cancel();
        EXPECT_EQ(job->waitForEnd(20000), JobStatus::Canceled);
        const CheckpointStatistics statistics = job->checkpoints();
        EXPECT_EQ(statistics.history[0].status == "COMPLETED" || statistics.history[0].status == "FAILED",
                  true);
    }
    EXPECT_FALSE(lines().empty());
    settings["parallelism.default"] = "3";
    JobOptions options = named();
    options.resume_latest = true;
    {
        auto job = Job::start(graph(source, makeProbeSum(), settings), options);
        EXPECT_EQ(job->checkpoints().restored, 1);
        EXPECT_EQ(job->waitForEnd(20000), JobStatus::Finished);
        EXPECT_EQ(checkedSums(), expectedSums(source));
    }
    int kept = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(folder_ + "/checkpoints/" + named().job_id)) {
        kept += std::filesystem::exists(entry.path() / "_metadata");
    }
    EXPECT_LE(kept, 3);
    EXPECT_GE(kept, 1);
    // Finished for good: nothing is done twice.
    auto again = Job::start(graph(source, makeProbeSum(), settings), options);
    EXPECT_EQ(again->waitForEnd(20000), JobStatus::Finished);
    EXPECT_EQ(checkedSums(), expectedSums(source));
}

TEST_F(JobTest, StopWithSavepointAndStartFromItElsewhere) {
    const ProbeSourceOptions source = slow({.splits = 5, .rows_per_split = 2500});
    std::map<std::string, std::string> settings{{"parallelism.default", "3"}};
    std::string savepoint;
    {
        auto job = Job::start(graph(source, makeProbeSum(), settings), named());
        job->waitForEnd(20);
        const SavepointStatus first =
            awaitSavepoint(*job, job->triggerSavepoint(folder_ + "/savepoints", false, false));
        EXPECT_EQ(first.state, SavepointStatus::State::Completed) << first.failure;
        const SavepointStatus last =
            awaitSavepoint(*job, job->triggerSavepoint(folder_ + "/savepoints", true, false));
        ASSERT_EQ(last.state, SavepointStatus::State::Completed) << last.failure;
        EXPECT_EQ(job->waitForEnd(20000), JobStatus::Finished);
        savepoint = last.location;
    }
    // Relocatable.
    std::filesystem::rename(savepoint, folder_ + "/moved");
    settings["parallelism.default"] = "2";
    JobOptions options = named("ffffffffffffffffffffffffffffffff");
    options.restore_path = folder_ + "/moved";
    auto job = Job::start(graph(source, makeProbeSum(), settings), options);
    EXPECT_EQ(job->waitForEnd(20000), JobStatus::Finished);
    EXPECT_EQ(checkedSums(), expectedSums(source));
}

TEST_F(JobTest, DrainEndsTheInputWhereItIs) {
    const ProbeSourceOptions source = slow({.splits = 1, .rows_per_split = 100000, .batch_rows = 1});
    auto job = Job::start(graph(source, makeProbeWindow(1000000)), named());
    job->waitForEnd(30);
    const SavepointStatus status =
        awaitSavepoint(*job, job->triggerSavepoint(folder_ + "/savepoints", true, true));
    EXPECT_EQ(status.state, SavepointStatus::State::Completed) << status.failure;
    EXPECT_EQ(job->waitForEnd(20000), JobStatus::Finished);
    EXPECT_FALSE(lines().empty());  // the window that no watermark had passed
}

TEST_F(JobTest, StateWithoutAnOperatorIsRefusedUnlessAllowed) {
    const ProbeSourceOptions source = slow({.splits = 2, .rows_per_split = 4000});
    std::string savepoint;
    {
        auto job = Job::start(graph(source, makeProbeSum()), named());
        job->waitForEnd(20);
        savepoint = awaitSavepoint(*job, job->triggerSavepoint(folder_, true, false)).location;
    }
    auto other = std::make_shared<JobGraph>();
    const NodeId from = other->addSource("source", makeProbeSource(source));
    const NodeId op = other->addOperator("renamed", makeProbeSum(), {{from, Exchange::Hash, {0}}});
    other->addSink("sink", makeProbeSink(makeProbeSum()->outputSchema(), out()), {op, Exchange::Forward, {}});
    JobOptions options = named();
    options.restore_path = savepoint;
    try {
        Job::start(other, options);
        FAIL() << "the state of 'op' was dropped";
    } catch (const UserError& error) {
        EXPECT_EQ(error.code(), "snapshot.state-not-mapped");
        EXPECT_NE(std::string(error.what()).find("'op'"), std::string::npos);
    }
    options.allow_non_restored_state = true;
    auto job = Job::start(other, options);
    EXPECT_EQ(job->status(), JobStatus::Running);
}

TEST_F(JobTest, ADamagedCheckpointIsPassedOver) {
    const ProbeSourceOptions source = slow({.splits = 4, .rows_per_split = 2500});
    const std::map<std::string, std::string> settings{{"execution.checkpointing.interval", "10 ms"}};
    {
        auto job = Job::start(graph(source, makeProbeSum(), settings), named());
        awaitCheckpoints(*job, 3);
        job->cancel();
        job->waitForEnd();
    }
    int64_t newest = 0, second = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(folder_ + "/checkpoints/" + named().job_id)) {
        if (!std::filesystem::exists(entry.path() / "_metadata")) continue;
        const int64_t id = std::stoll(entry.path().filename().string().substr(4));
        if (id > newest) std::swap(second, newest);
        if (id > newest)
            newest = id;
        else
            second = std::max(second, id);
    }
    const std::string file =
        folder_ + "/checkpoints/" + named().job_id + "/chk-" + std::to_string(newest) + "/_metadata";
    std::filesystem::resize_file(file, std::filesystem::file_size(file) - 3);
    JobOptions options = named();
    options.resume_latest = true;
    {
        auto job = Job::start(graph(source, makeProbeSum(), {}), options);
        ASSERT_TRUE(job->checkpoints().latest_restored.has_value());
        EXPECT_EQ(job->checkpoints().latest_restored->id.value(), second);
        job->cancel();
        job->waitForEnd();
    }
    // Without any sound one it does not quietly begin anew.
    for (const auto& entry :
         std::filesystem::directory_iterator(folder_ + "/checkpoints/" + named().job_id)) {
        const auto metadata = entry.path() / "_metadata";
        if (!std::filesystem::exists(metadata)) continue;
        std::filesystem::resize_file(metadata, std::filesystem::file_size(metadata) / 2);
    }
    EXPECT_THROW(Job::start(graph(source, makeProbeSum(), settings), options), UserError);
}

// Fails now and then, as long as there are failures left.
class FlakyOperator final : public Operator {
  public:
    explicit FlakyOperator(std::shared_ptr<std::atomic<int>> calls) : calls_(std::move(calls)) {}
    std::string name() const override { return "Flaky"; }
    const Schema& outputSchema() const override { return schema_; }
    std::unique_ptr<OperatorState> open(OperatorContext&) const override {
        return std::make_unique<OperatorState>();
    }
    void process(OperatorState&, size_t, const Batch& batch, OperatorContext&,
                 Output& output) const override {
        const int call = ++*calls_;
        if (call % 67 == 0 && call < 600) throw std::runtime_error("flaky");
        output.emit(batch);
    }

  private:
    const std::shared_ptr<std::atomic<int>> calls_;
    const Schema schema_ = probeSourceSchema();
};

TEST_F(JobTest, FailuresOfThreadsLoseAndRepeatNothing) {
    const ProbeSourceOptions source = slow({.splits = 6, .rows_per_split = 800});
    auto calls = std::make_shared<std::atomic<int>>(0);
    auto graph = std::make_shared<JobGraph>();
    graph->configuration =
        Configuration(std::map<std::string, std::string>{{"parallelism.default", "4"},
                                                         {"execution.checkpointing.interval", "5 ms"},
                                                         {"execution.checkpointing.dir", folder_ + "/chk"},
                                                         {"restart-strategy.type", "fixed-delay"},
                                                         {"restart-strategy.fixed-delay.attempts", "100"},
                                                         {"restart-strategy.fixed-delay.delay", "1 ms"}});
    const NodeId from = graph->addSource("source", makeProbeSource(source));
    const NodeId flaky = graph->addOperator("flaky", std::make_shared<FlakyOperator>(calls),
                                            {{from, Exchange::Rebalance, {}}});
    const NodeId sum = graph->addOperator("sum", makeProbeSum(), {{flaky, Exchange::Hash, {0}}});
    graph->addSink("sink", makeProbeSink(makeProbeSum()->outputSchema(), out()),
                   {sum, Exchange::Forward, {}});
    auto job = Job::start(graph, named());
    EXPECT_EQ(job->waitForEnd(60000), JobStatus::Finished);
    EXPECT_GT(job->details().restarts, 3);
    EXPECT_EQ(checkedSums(), expectedSums(source));
    EXPECT_EQ(job->details().vertices[0].subtasks[0].status, "FINISHED");
    EXPECT_GT(job->details().vertices[0].subtasks[0].metrics.at("numRecordsOut"), 0);
}

// In the first attempt one subtask fails at its first batch while another is still being opened.
class EarlyFailure final : public Operator {
  public:
    std::string name() const override { return "EarlyFailure"; }
    const Schema& outputSchema() const override { return schema_; }
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override {
        while (context.subtask().value() == 1 && !failed_)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return std::make_unique<OperatorState>();
    }
    void process(OperatorState&, size_t, const Batch& batch, OperatorContext& context,
                 Output& output) const override {
        if (context.subtask().value() == 0 && !failed_.exchange(true)) throw std::runtime_error("early");
        output.emit(batch);
    }

  private:
    mutable std::atomic<bool> failed_{false};
    const Schema schema_ = probeSourceSchema();
};

TEST_F(JobTest, AFailureWhileOthersAreStillOpenedIsNotOneOfTheStart) {
    const ProbeSourceOptions source{.splits = 4, .rows_per_split = 10};
    auto graph = std::make_shared<JobGraph>();
    graph->configuration =
        Configuration(std::map<std::string, std::string>{{"parallelism.default", "2"},
                                                         {"restart-strategy.type", "fixed-delay"},
                                                         {"restart-strategy.fixed-delay.attempts", "1"},
                                                         {"restart-strategy.fixed-delay.delay", "1 ms"}});
    const NodeId from = graph->addSource("source", makeProbeSource(source));
    const NodeId early =
        graph->addOperator("early", std::make_shared<EarlyFailure>(), {{from, Exchange::Forward, {}}});
    const NodeId sum = graph->addOperator("sum", makeProbeSum(), {{early, Exchange::Hash, {0}}});
    graph->addSink("sink", makeProbeSink(makeProbeSum()->outputSchema(), out()),
                   {sum, Exchange::Forward, {}});
    auto job = Job::start(graph, named());
    EXPECT_EQ(job->waitForEnd(20000), JobStatus::Finished);
    EXPECT_EQ(job->details().restarts, 1);
    EXPECT_EQ(checkedSums(), expectedSums(source));
}

TEST_F(JobTest, ACheckpointCanBeAskedFor) {
    ProbeSourceOptions source;
    source.bounded = false;
    auto job = Job::start(graph(source, makeProbeSum()), named());
    const SavepointStatus status = awaitSavepoint(*job, job->triggerCheckpoint());
    EXPECT_EQ(status.state, SavepointStatus::State::Completed) << status.failure;
    EXPECT_TRUE(std::filesystem::exists(status.location + "/_metadata")) << status.location;
}

TEST_F(JobTest, ACheckpointTellsWhatEachSubtaskDid) {
    ProbeSourceOptions source;
    source.bounded = false;
    auto job = Job::start(graph(source, makeProbeSum(), {{"parallelism.default", "2"}}), named());
    awaitSavepoint(*job, job->triggerCheckpoint());
    const CheckpointRecord record = job->checkpoints().history.front();
    const JobDetails details = job->details();
    ASSERT_EQ(record.tasks.size(), details.vertices.size());
    uint64_t bytes = 0, state_bytes = 0;
    for (const auto& subtasks : record.tasks) {
        ASSERT_EQ(subtasks.size(), 2U);
        for (const SubtaskCheckpoint& one : subtasks) {
            EXPECT_TRUE(one.acknowledged);
            EXPECT_GE(one.ack_ms, record.trigger_ms);
            EXPECT_LE(one.ack_ms, record.latest_ack_ms);
            EXPECT_GE(one.alignment_us, 0);
            EXPECT_GE(one.sync_us, 0);
            EXPECT_LE(one.sync_us, record.sync_pause_us_max);
            bytes += one.bytes;
            state_bytes += one.state_bytes;
        }
    }
    EXPECT_GT(bytes, 0U);
    EXPECT_EQ(bytes, state_bytes);  // the first one is of everything
    EXPECT_EQ(record.state_bytes, state_bytes);
    for (const SubtaskDetails& subtask : details.vertices[0].subtasks) {
        EXPECT_GE(subtask.status_times_ms.at("RUNNING"), subtask.status_times_ms.at("DEPLOYING"));
        EXPECT_GE(subtask.metrics.at("accumulateIdleTimeMs"), 0);
    }
}

TEST_F(JobTest, UnboundedInputRunsIdleUntilCancelled) {
    ProbeSourceOptions source;
    source.bounded = false;
    auto job = Job::start(graph(source, makeProbeSum(), {{"parallelism.default", "2"}}), {});
    EXPECT_EQ(job->waitForEnd(100), JobStatus::Running);
    const JobDetails details = job->details();
    int64_t out = 0;
    for (const SubtaskDetails& subtask : details.vertices[0].subtasks) {
        out += subtask.metrics.at("numRecordsOut");
        EXPECT_EQ(subtask.status, "RUNNING");
        EXPECT_EQ(subtask.metrics.at("idleTimeMsPerSecond") >= 0, true);
    }
    EXPECT_EQ(out, 400);
    int64_t sent = 0, received = 0;
    for (const SubtaskDetails& subtask : details.vertices[0].subtasks)
        sent += subtask.metrics.at("numBytesOut");
    for (const SubtaskDetails& subtask : details.vertices[1].subtasks)
        received += subtask.metrics.at("numBytesIn");
    EXPECT_GE(sent, 400 * 16);  // two numbers of eight bytes and more in each row
    EXPECT_EQ(sent, received);
    job->cancel();
    EXPECT_EQ(job->waitForEnd(20000), JobStatus::Canceled);
}

}  // namespace
}  // namespace millrace

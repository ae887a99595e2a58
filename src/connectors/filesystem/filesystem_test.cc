#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "connectors/filesystem/file_enumerator.h"
#include "connectors/filesystem/filesystem_options.h"
#include "runtime/job.h"
#include "runtime/simulator/simulation.h"

namespace millrace {
namespace {

using Options = std::map<std::string, std::string>;

TableSpec table(const std::string& name, Schema schema, const std::string& path, Options options = {},
                std::vector<std::string> partition_keys = {}) {
    TableSpec spec;
    spec.name = name;
    spec.schema = std::move(schema);
    spec.projectAll();
    spec.partition_keys = std::move(partition_keys);
    spec.options = std::move(options);
    spec.options.emplace("path", path);
    spec.options.emplace("format", "json");
    return spec;
}

Schema idAndText() { return Schema({{"id", LogicalType::bigint()}, {"text", LogicalType::string()}}); }

// A job that copies one table into the other.
std::shared_ptr<JobGraph> copy(const TableSpec& from, const TableSpec& to, Options settings) {
    auto graph = std::make_shared<JobGraph>();
    graph->configuration = Configuration(std::move(settings));
    const NodeId source = graph->addSource("source", makeFilesystemSource(from));
    graph->addSink("sink", makeFilesystemSink(to), {source, Exchange::Forward, {}});
    return graph;
}

void collectLines(FileSystem& files, const std::string& folder, std::vector<std::string>& lines) {
    if (!files.exists(folder)) return;
    for (const FileStatus& entry : files.list(folder)) {
        const std::string path = joinPath(folder, entry.name);
        if (entry.is_folder) {
            collectLines(files, path, lines);
        } else if (!isHidden(entry.name)) {
            std::string text = readFile(files, path);
            EXPECT_TRUE(text.empty() || text.back() == '\n') << path << " is not whole";
            for (size_t at = 0, end; at < text.size(); at = end + 1) {
                end = text.find('\n', at);
                lines.push_back(text.substr(at, end - at));
            }
        }
    }
}

std::string line(int64_t id, const std::string& text = "some text") {
    return fmt::format("{{\"id\":{},\"text\":\"{}\"}}", id, text);
}

class FilesystemTest : public testing::Test {
  protected:
    FilesystemTest() : folder_(testing::TempDir() + "filesystem_test." + std::to_string(::getpid())) {
        std::filesystem::remove_all(folder_);
        std::filesystem::create_directories(folder_ + "/in");
    }
    ~FilesystemTest() override { std::filesystem::remove_all(folder_); }

    void put(const std::string& name, const std::string& text) const {
        std::filesystem::create_directories(std::filesystem::path(in() + "/" + name).parent_path());
        std::ofstream(folder_ + "/.new") << text;
        std::filesystem::rename(folder_ + "/.new", in() + "/" + name);
    }
    std::string in() const { return folder_ + "/in"; }
    std::string out() const { return folder_ + "/out"; }
    std::vector<std::string> lines() const {
        std::vector<std::string> lines;
        collectLines(localFileSystem(), out(), lines);
        return lines;
    }
    Options settings(Options more = {}) const {
        more.emplace("parallelism.default", "1");
        more.emplace("execution.checkpointing.dir", folder_ + "/checkpoints");
        return more;
    }
    std::unique_ptr<Job> start(const TableSpec& from, const Options& more = {},
                               JobOptions options = {}) const {
        return Job::start(copy(from, table("out", idAndText(), out()), settings(more)), std::move(options));
    }
    bool await(const std::function<bool()>& condition, Job& job) const {
        for (int i = 0; i < 1000; ++i) {
            if (condition()) return true;
            job.waitForEnd(10);
        }
        return false;
    }

    const std::string folder_;
};

TEST_F(FilesystemTest, ReadsAFolderInTheOrderOfItsNamesWithoutHiddenFiles) {
    put("b.json", line(3) + "\n" + line(4));
    put("a.json", line(1) + "\n" + line(2) + "\n");
    put("sub/c.json", line(5) + "\n");
    put(".hidden.json", "rubbish");
    put("_SUCCESS", "rubbish");
    put("empty.json", "");
    for (const char* rows_max : {"1", "3", "4096"}) {
        std::filesystem::remove_all(out());
        auto job = start(table("in", idAndText(), in()), {{"millrace.batch.rows-max", rows_max}});
        EXPECT_EQ(job->waitForEnd(20000), JobStatus::Finished);
        EXPECT_EQ(lines(), (std::vector<std::string>{line(1), line(2), line(3), line(4), line(5)}));
    }
}

TEST_F(FilesystemTest, ReadsOneFileAndWhatMatchesAPattern) {
    put("a.json", line(1) + "\n");
    put("b.txt", line(2) + "\n");
    auto one = start(table("in", idAndText(), "file://" + in() + "/b.txt"));
    EXPECT_EQ(one->waitForEnd(20000), JobStatus::Finished);
    EXPECT_EQ(lines(), std::vector<std::string>{line(2)});
    auto matching =
        start(table("in", idAndText(), in() + "/", {{"source.path.regex-pattern", ".*/in/.*[.]json"}}));
    EXPECT_EQ(matching->waitForEnd(20000), JobStatus::Finished);
    EXPECT_EQ(lines().size(), 2U);
}

TEST_F(FilesystemTest, RecordsLongerThanTheBufferAndManyFiles) {
    std::string expected;
    for (int i = 0; i < 40; ++i) {
        const std::string text = line(i, std::string(i % 10 == 0 ? 3'000'000 : 70'000, 'x')) + "\n";
        put(fmt::format("{:03}.json", i), text);
        expected += text;
    }
    auto job = start(table("in", idAndText(), in()), {{"parallelism.default", "2"}});
    EXPECT_EQ(job->waitForEnd(30000), JobStatus::Finished);
    std::vector<std::string> got = lines();
    std::sort(got.begin(), got.end(),
              [](const auto& a, const auto& b) { return std::stoi(a.substr(6)) < std::stoi(b.substr(6)); });
    std::string all;
    for (const std::string& text : got)
        all += text + "\n";
    EXPECT_TRUE(all == expected);
}

TEST_F(FilesystemTest, WatchesAFolderAndGoesOnFromASavepoint) {
    const TableSpec watched = table("in", idAndText(), in(), {{"source.monitor-interval", "20 ms"}});
    const Options checkpoints = {{"execution.checkpointing.interval", "20 ms"}};
    put("1.json", line(1) + "\n");
    auto job = start(watched, checkpoints);
    EXPECT_TRUE(await([&] { return lines().size() == 1; }, *job));
    put("0.json", line(2) + "\n");  // a name that sorts before the one already read
    EXPECT_TRUE(await([&] { return lines().size() == 2; }, *job));
    const std::string trigger = job->triggerSavepoint(folder_ + "/savepoints", true, false);
    EXPECT_EQ(job->waitForEnd(10000), JobStatus::Finished);
    const std::string location = job->savepointStatus(trigger)->location;
    put("2.json", line(3) + "\n");
    JobOptions options;
    options.restore_path = location;
    job = start(watched, {{"execution.checkpointing.interval", "20 ms"}, {"parallelism.default", "3"}},
                options);
    EXPECT_TRUE(await([&] { return lines().size() == 3; }, *job));
    job->cancel();
    std::vector<std::string> got = lines();
    std::sort(got.begin(), got.end());
    EXPECT_EQ(got, (std::vector<std::string>{line(1), line(2), line(3)}));
}

TEST_F(FilesystemTest, AJobThatTakesOverACheckpointRemovesWhatItsJobLeftHidden) {
    const TableSpec watched = table("in", idAndText(), in(), {{"source.monitor-interval", "20 ms"}});
    put("1.json", line(1) + "\n");
    JobOptions first;
    first.job_id = "0000000000000000000000000000000a";
    auto job = start(
        watched, {{"execution.checkpointing.interval", "20 ms"}, {"state.checkpoints.num-retained", "1000"}},
        first);
    std::string checkpoint;
    const auto committed = [&] {
        if (lines().size() != 1) return false;
        for (const CheckpointRecord& record : job->checkpoints().history) {
            if (record.status == "COMPLETED" && checkpoint.empty()) checkpoint = record.path;
        }
        return !checkpoint.empty();
    };
    ASSERT_TRUE(await(committed, *job));
    std::filesystem::copy(checkpoint, folder_ + "/kept", std::filesystem::copy_options::recursive);
    job->cancel();
    EXPECT_EQ(job->waitForEnd(10000), JobStatus::Canceled);
    std::ofstream(out() + "/.part-x-0-0.inprogress." + first.job_id) << "half a li";
    std::ofstream(out() + "/.part-x-0-0.inprogress.another") << "half a li";
    JobOptions second;
    second.job_id = "0000000000000000000000000000000b";
    second.restore_path = folder_ + "/kept";
    job = start(watched, {}, second);
    EXPECT_FALSE(std::filesystem::exists(out() + "/.part-x-0-0.inprogress." + first.job_id));
    EXPECT_TRUE(std::filesystem::exists(out() + "/.part-x-0-0.inprogress.another"));
    job->cancel();
    EXPECT_EQ(lines(), std::vector<std::string>{line(1)});
}

// Through checkpoints, a savepoint and a restore at another parallelism, the old contents stay.
TEST_F(FilesystemTest, OverwritingChangesNothingBeforeTheEnd) {
    for (const bool partitioned : {false, true}) {
        for (const std::string& name : {in(), out(), folder_ + "/checkpoints"})
            std::filesystem::remove_all(name);
        const std::string old = partitioned ? out() + "/text=some text" : out();
        const auto written = [&](int64_t id) {
            return partitioned ? fmt::format("{{\"id\":{}}}", id) : line(id);
        };
        std::filesystem::create_directories(old);
        std::ofstream(old + "/old") << written(100) << "\n";
        const TableSpec watched = table("in", idAndText(), in(), {{"source.monitor-interval", "20 ms"}});
        TableSpec overwritten = partitioned
                                    ? table("out", idAndText(), out(),
                                            {{"sink.partition-commit.policy.kind", "success-file"}}, {"text"})
                                    : table("out", idAndText(), out());
        overwritten.overwrite.emplace();
        const auto begin = [&](const char* parallelism, JobOptions options) {
            return Job::start(copy(watched, overwritten,
                                   settings({{"execution.checkpointing.interval", "20 ms"},
                                             {"parallelism.default", parallelism}})),
                              std::move(options));
        };
        const auto completed = [](Job& job) {
            size_t count = 0;
            for (const CheckpointRecord& record : job.checkpoints().history)
                count += record.status == "COMPLETED";
            return count;
        };
        put("1.json", line(1) + "\n");
        auto job = begin("2", {});
        EXPECT_TRUE(await([&] { return completed(*job) >= 3; }, *job));
        put("2.json", line(2) + "\n");
        const size_t before = completed(*job);
        EXPECT_TRUE(await([&] { return completed(*job) >= before + 3; }, *job));
        EXPECT_EQ(lines(), std::vector<std::string>{written(100)});
        const std::string trigger = job->triggerSavepoint(folder_ + "/savepoints", true, false);
        EXPECT_EQ(job->waitForEnd(10000), JobStatus::Finished);
        EXPECT_EQ(lines(), std::vector<std::string>{written(100)});
        JobOptions options;
        options.restore_path = job->savepointStatus(trigger)->location;
        put("3.json", line(3) + "\n");
        job = begin("3", options);
        EXPECT_TRUE(await([&] { return completed(*job) >= 3; }, *job));
        EXPECT_EQ(lines(), std::vector<std::string>{written(100)});
        job->triggerSavepoint(folder_ + "/savepoints", true, true);  // the input ends
        EXPECT_EQ(job->waitForEnd(10000), JobStatus::Finished);
        std::vector<std::string> got = lines();
        std::sort(got.begin(), got.end());
        EXPECT_EQ(got, (std::vector<std::string>{written(1), written(2), written(3)}));
        for (const FileStatus& entry : localFileSystem().list(out()))
            EXPECT_FALSE(isHidden(entry.name)) << entry.name;
    }
}

std::string failureOf(Job& job) {
    EXPECT_EQ(job.waitForEnd(10000), JobStatus::Failed);
    const JobDetails details = job.details();
    return details.failures.empty() ? "" : details.failures.front().message;
}

TEST_F(FilesystemTest, SaysWhatIsWrong) {
    const auto refuses = [&](const TableSpec& spec, const std::string& part) {
        try {
            auto job = start(spec, {{"restart-strategy.type", "none"}});
            const std::string failure = failureOf(*job);
            EXPECT_NE(failure.find(part), std::string::npos) << failure;
        } catch (const UserError& error) {
            EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
        }
    };
    refuses(table("in", idAndText(), folder_ + "/nowhere"),
            "table 'in': the path '" + folder_ + "/nowhere' does not exist");
    refuses(table("in", idAndText(), "s3://bucket/in"), "reads and writes local files");
    refuses(table("in", idAndText(), in(), {{"source.path.regex-pattern", "("}}),
            "is not a regular expression");
    refuses(table("in", idAndText(), in(), {{"source.monitor-interval", "soon"}}),
            "'source.monitor-interval'");
    refuses(table("in", idAndText(), in(), {{"format", "jsno"}}), "there is no format 'jsno'");
    put("a.json", line(1) + "\n" + line(2) + "\n{\"id\":\"x\"}\n");
    refuses(table("in", idAndText(), in()), "/in/a.json, line 3, column 7: field 'id': 'x' is not a BIGINT");
    refuses(table("in", idAndText(), in(), {}, {"id"}), "lies in no folder 'id=...'");
    std::ofstream(out()) << "a file";
    refuses(table("in", idAndText(), in()), "'path' must be a folder to be written to");
}

TEST_F(FilesystemTest, Partitions) {
    const Schema schema({{"day", LogicalType::of(TypeKind::Date)},
                         {"id", LogicalType::bigint()},
                         {"who", LogicalType::string()}});
    put("a.json", R"({"day":"2026-03-01","id":1,"who":"a/b=c"}
{"day":"2026-03-01","id":2,"who":null}
{"day":"2026-03-02","id":3,"who":"a/b=c"}
{"day":"2026-03-01","id":4,"who":"a/b=c"}
)");
    const TableSpec partitioned = table("days", schema, out(), {}, {"day", "who"});
    auto write = Job::start(copy(table("in", schema, in()), partitioned, settings()), {});
    EXPECT_EQ(write->waitForEnd(20000), JobStatus::Finished);
    std::vector<std::string> got;
    collectLines(localFileSystem(), out() + "/day=2026-03-01/who=a%2Fb%3Dc", got);
    EXPECT_EQ(got, (std::vector<std::string>{"{\"id\":1}", "{\"id\":4}"}));
    got.clear();
    collectLines(localFileSystem(), out() + "/day=2026-03-01/who=__DEFAULT_PARTITION__", got);
    EXPECT_EQ(got, std::vector<std::string>{"{\"id\":2}"});
    auto read = Job::start(copy(partitioned, table("back", schema, folder_ + "/back"), settings()), {});
    EXPECT_EQ(read->waitForEnd(20000), JobStatus::Finished);
    got.clear();
    collectLines(localFileSystem(), folder_ + "/back", got);
    std::sort(got.begin(), got.end());
    EXPECT_EQ(got, (std::vector<std::string>{R"({"day":"2026-03-01","id":1,"who":"a/b=c"})",
                                             R"({"day":"2026-03-01","id":2,"who":null})",
                                             R"({"day":"2026-03-01","id":4,"who":"a/b=c"})",
                                             R"({"day":"2026-03-02","id":3,"who":"a/b=c"})"}));
}

class FakeWriterContext final : public SinkWriterContext {
  public:
    FakeWriterContext(const Environment& environment, std::string job_id, std::string attempt_id)
        : environment_(environment), job_id_(std::move(job_id)), attempt_id_(std::move(attempt_id)) {}
    const Environment& environment() const override { return environment_; }
    MetricGroup& metrics() override { return metrics_; }
    ProcessingTime now() const override { return environment_.clock->now(); }
    SlotIndex subtask() const override { return SlotIndex(0); }
    uint32_t parallelism() const override { return 1; }
    const std::string& jobId() const override { return job_id_; }
    const std::string& attemptId() const override { return attempt_id_; }

  private:
    Environment environment_;
    MetricGroup metrics_;
    std::string job_id_, attempt_id_;
};

TEST(FilesystemSink, CommitsAgainAndCleansUpOnlyAfterItself) {
    VirtualClock clock;
    SimulatedFileSystem files(clock, Random(1));
    const Environment environment{&clock, &files, 1};
    const auto sink =
        makeFilesystemSink(table("out", idAndText(), "/out", {{"sink.rolling-policy.file-size", "100"}}));
    FakeWriterContext mine(environment, "job1", "a1"), other(environment, "job2", "a1");
    BatchBuilder builder(idAndText());
    builder.appendRow(std::vector<Value>{Value::int64(1), Value::string(std::string(120, 'x'))});
    const Batch batch = builder.finish();
    auto writer = sink->createWriter(mine, {});
    auto neighbour = sink->createWriter(mine, {});  // two sinks of one job in one folder
    auto stranger = sink->createWriter(other, {});
    writer->write(batch);
    neighbour->write(batch);
    stranger->write(batch);
    writer->write(batch);
    const std::vector<std::string> first = writer->prepareCommit();
    EXPECT_EQ(first.size(), 2U);  // each write passed the size to roll at
    EXPECT_EQ(neighbour->prepareCommit().size(), 1U);
    std::vector<std::string> lines;
    collectLines(files, "/out", lines);
    EXPECT_TRUE(lines.empty()) << "nothing may be seen before the commit";
    EXPECT_EQ(files.list("/out").size(), 4U);

    auto committer = sink->createCommitter(environment);
    committer->commit(first);
    committer->commit(first);
    collectLines(files, "/out", lines);
    EXPECT_EQ(lines.size(), 2U);
    committer->cleanUp("job1");  // the neighbour's file is not named by any checkpoint
    EXPECT_EQ(files.list("/out").size(), 3U);
    for (const FileStatus& entry : files.list("/out")) {
        if (!isHidden(entry.name)) files.remove("/out/" + entry.name);
    }
    committer->commit(first);  // taken away by whoever consumes the files
    EXPECT_THROW(committer->commit({"rubbish"}), UserError);
}

// Takes down what an enumerator deals out.
struct Dealer final : EnumeratorContext {
    Environment outside;
    uint32_t readers = 1;
    std::vector<std::string> assigned;
    std::vector<uint32_t> to;  // whom each
    size_t ended = 0;
    const Environment& environment() const override { return outside; }
    uint32_t parallelism() const override { return readers; }
    void assign(SlotIndex reader, SourceSplit split) override {
        assigned.push_back(split.id);
        to.push_back(reader.value());
    }
    void noMoreSplits(SlotIndex) override { ++ended; }
    void wakeAt(ProcessingTime) override {}
};

TEST(FilesystemEnumerator, RemembersManyFilesInFewBytes) {
    VirtualClock clock;
    SimulatedFileSystem files(clock, Random(1));
    files.createFolders("/in");
    for (int i = 0; i < 5000; ++i)
        files.create(fmt::format("/in/flights-2001-{:06}.json", i));
    Dealer context;
    context.outside = Environment{&clock, &files, 1};
    for (const bool watched : {false, true}) {
        TableSpec spec = table("in", idAndText(), "/in");
        if (watched) spec.options["source.monitor-interval"] = "1 s";
        const FilesystemOptions options = FilesystemOptions::from(spec);
        context.assigned.clear();
        context.ended = 0;
        FileEnumerator enumerator(options, std::nullopt);
        enumerator.start(context);
        for (int i = 0; i < 3000; ++i)
            enumerator.onSplitRequest(context, SlotIndex(0));
        const std::string state = enumerator.snapshot();
        EXPECT_LT(state.size(), 5000U * 9);
        if (!watched) files.create("/in/a-late-one.json");
        FileEnumerator restored(options, state);
        restored.start(context);
        for (int i = 0; i < 3000; ++i)
            restored.onSplitRequest(context, SlotIndex(0));
        EXPECT_TRUE(std::is_sorted(context.assigned.begin(), context.assigned.begin() + 3000));
        std::sort(context.assigned.begin(), context.assigned.end());
        EXPECT_EQ(std::unique(context.assigned.begin(), context.assigned.end()), context.assigned.end());
        EXPECT_EQ(context.assigned.size(), watched ? 5001U : 5000U);
        EXPECT_EQ(context.ended, watched ? 0U : 1000U);
        for (size_t cut : {size_t{0}, size_t{1}, state.size() / 2}) {
            EXPECT_THROW(FileEnumerator(options, "\x02" + state.substr(0, cut)), UserError);
        }
    }
}

TEST(FilesystemEnumerator, EveryReaderHasAFileBeforeOneHasItsSecond) {
    VirtualClock clock;
    SimulatedFileSystem files(clock, Random(1));
    files.createFolders("/in");
    for (int i = 0; i < 4; ++i)
        files.create(fmt::format("/in/{}.json", i));
    Dealer context;
    context.outside = Environment{&clock, &files, 1};
    context.readers = 3;
    FileEnumerator enumerator(FilesystemOptions::from(table("in", idAndText(), "/in")), std::nullopt);
    enumerator.start(context);
    for (int i = 0; i < 5; ++i)
        enumerator.onSplitRequest(context, SlotIndex(0));
    EXPECT_EQ(context.to, (std::vector<uint32_t>{0, 0}));  // two are for the others
    EXPECT_EQ(context.ended, 0U);
    FileEnumerator restored(FilesystemOptions::from(table("in", idAndText(), "/in")), enumerator.snapshot());
    enumerator.onSplitRequest(context, SlotIndex(2));
    enumerator.onSplitRequest(context, SlotIndex(1));
    EXPECT_EQ(context.to, (std::vector<uint32_t>{0, 0, 2, 1}));
    EXPECT_EQ(context.ended, 1U);
    for (const uint32_t reader : {2U, 1U})
        enumerator.onSplitRequest(context, SlotIndex(reader));
    EXPECT_EQ(context.ended, 3U);
    EXPECT_EQ(context.assigned, (std::vector<std::string>{"0.json", "1.json", "2.json", "3.json"}));

    // Readers that were restored may have files that are not at their end: nobody waits for them.
    restored.start(context);
    for (int i = 0; i < 3; ++i)
        restored.onSplitRequest(context, SlotIndex(0));
    EXPECT_EQ(context.to, (std::vector<uint32_t>{0, 0, 2, 1, 0, 0}));
    EXPECT_EQ(context.ended, 4U);
}

// Files copied by a job that crashes, fails and is restored, again and again: every line once, none torn.
TEST(FilesystemSimulation, CopiesEveryLineOnceUnderFaults) {
    int faults = 0;
    std::array<int64_t, kCheckpointSteps> struck{};
    for (uint64_t seed = 1; seed <= 60; ++seed) {
        FaultPlan plan;
        plan.hurry = 6;
        Simulation simulation(seed, plan);
        SimulatedFileSystem& files = simulation.files();
        files.createFolders("/in");
        std::vector<std::string> expected;
        for (int file = 0; file < 7; ++file) {
            std::string text;
            for (int i = 0; i < 30 * file; ++i) {
                expected.push_back(line(file * 1000 + i));
                text += expected.back() + "\n";
            }
            writeFileAtomically(files, fmt::format("/in/{}.json", file), text);
        }
        const SimulationResult result = simulation.run([] {
            return copy(table("in", idAndText(), "/in"),
                        table("out", idAndText(), "/out", {{"sink.rolling-policy.file-size", "700"}}),
                        {{"execution.checkpointing.interval", "5 ms"},
                         {"execution.checkpointing.dir", "/checkpoints"},
                         {"millrace.batch.rows-max", "4"}});
        });
        ASSERT_EQ(result.failure, "") << "seed " << seed;
        faults += result.faults();
        for (size_t i = 0; i < struck.size(); ++i)
            struck[i] += result.struck[i];
        std::vector<std::string> got;
        collectLines(files, "/out", got);
        std::sort(got.begin(), got.end());
        std::sort(expected.begin(), expected.end());
        ASSERT_EQ(got, expected) << "seed " << seed;
    }
    EXPECT_GT(faults, 60);
}

}  // namespace
}  // namespace millrace

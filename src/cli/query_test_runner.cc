#include "cli/query_test_runner.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <utility>

#include "base/file_system.h"
#include "base/hash.h"
#include "cli/collect_sink.h"
#include "cli/job_failure.h"
#include "cli/pausing_source.h"
#include "cli/query_test_file.h"
#include "runtime/job.h"
#include "sql/plan/planner.h"

namespace millrace::cli {

namespace {

constexpr int64_t kJobTimeoutMs = 60'000;

struct Profile {
    std::string name;
    std::map<std::string, std::string> settings;
    // Of the second half of every job, which starts from a savepoint; empty: jobs run in one go.
    std::map<std::string, std::string> restored_settings;
};

const std::vector<Profile>& profiles() {
    static const std::vector<Profile> all = {
        {"default", {{"parallelism.default", "1"}}, {}},
        {"batch-1", {{"parallelism.default", "1"}, {"millrace.batch.rows-max", "1"}}, {}},
        {"parallelism-3", {{"parallelism.default", "3"}}, {}},
        {"rescale",
         {{"parallelism.default", "2"}, {"millrace.batch.rows-max", "1"}},
         {{"parallelism.default", "3"}, {"millrace.batch.rows-max", "7"}}},
        {"two-phases",
         {{"parallelism.default", "3"}, {"table.exec.mini-batch.enabled", "true"}},
         {{"parallelism.default", "1"}}},
        {"state-on-disk",
         {{"parallelism.default", "2"},
          {"state.backend.type", "rocksdb"},
          {"taskmanager.memory.managed.size", "0 b"}},
         {{"parallelism.default", "1"}, {"state.backend.type", "hashmap"}}},
    };
    return all;
}

// What a test expected and did not get; its text is for the person who reads the output.
struct Mismatch {
    std::string text;
};

std::string problemText(const UserError& error) {
    return error.what() + (error.problem().hint.empty() ? "" : "\n" + error.problem().hint);
}

// One file under one profile.
class QueryTestRun {
  public:
    QueryTestRun(const Profile& profile, std::string folder,
                 std::shared_ptr<const sql::ConnectorRegistry> registry)
        : profile_(profile), folder_(std::move(folder)), registry_(std::move(registry)) {
        sql::SessionOptions options;
        options.registry = registry_;
        options.configuration = Configuration(profile.settings);
        options.configuration.set("restart-strategy.type", "none");
        options.parameters = {{"dir", folder_}};
        session_ = std::make_unique<sql::Session>(std::move(options));
    }

    // Throws Mismatch, or whatever the SQL threw.
    void run(const QueryTestBlock& block) {
        switch (block.kind) {
            case QueryTestBlock::Kind::File:
                writeFile(block);
                break;
            case QueryTestBlock::Kind::Statement:
                execute(block.text);
                break;
            case QueryTestBlock::Kind::Query:
                compare(block, execute(block.text));
                break;
            case QueryTestBlock::Kind::Error:
                expectError(block);
                break;
        }
    }

  private:
    void writeFile(const QueryTestBlock& block) {
        const std::string path = joinPath(folder_, block.name);
        localFileSystem().createFolders(parentFolder(path));
        writeFileAtomically(localFileSystem(), path, block.text);
    }

    // Runs every statement; the changes of the last query, as "+I a|b".
    std::vector<std::string> execute(const std::string& text) {
        const auto script = session_->parse(text);
        for (size_t i = 0; i < sql::Session::statementCount(*script); i++) {
            const sql::StatementResult result = session_->execute(*script, i);
            switch (result.kind) {
                case sql::StatementResult::Kind::Done:
                    changes_.clear();
                    break;
                case sql::StatementResult::Kind::Table:
                    changes_.clear();
                    for (const auto& row : result.table.rows) {
                        changes_.push_back(fmt::format("+I {}", fmt::join(row, "|")));
                    }
                    break;
                case sql::StatementResult::Kind::Query:
                case sql::StatementResult::Kind::Insert:
                    changes_.clear();
                    runPlan(result.plan);
                    break;
                case sql::StatementResult::Kind::Analyze:
                    changes_ = {"+I " + analyze(result.plan)};
                    break;
            }
        }
        return changes_;
    }

    void runPlan(const sql::LogicalPlan& plan) {
        JobOptions options;
        if (profile_.restored_settings.empty()) {
            finish(*Job::start(graphOf(plan, profile_.settings), options));
            return;
        }
        const auto first = graphOf(plan, profile_.settings);
        const uint64_t rows =
            hashBytes(first->plan) % 4;  // another place for every query, the same in every run
        const PausedJob paused = pauseSources(*first, slots(), rows);
        auto job = Job::start(paused.graph, options);
        waitUntilPaused(*paused.pause, *job);
        if (!paused.pause->anyPaused()) {
            finish(*job);
            return;
        }
        const std::string trigger = job->triggerSavepoint(joinPath(folder_, ".savepoints"), true, false);
        finish(*job);
        const auto savepoint = job->savepointStatus(trigger);
        if (!savepoint || savepoint->state != SavepointStatus::State::Completed) {
            throw Mismatch{"the savepoint failed: " + (savepoint ? savepoint->failure : "unknown trigger") +
                           "\n"};
        }
        job.reset();
        options.restore_path = savepoint->location;
        finish(*Job::start(graphOf(plan, profile_.restored_settings), options));
    }

    uint32_t slots() const {
        return static_cast<uint32_t>(std::stoul(profile_.settings.at("parallelism.default")));
    }

    // In one go under every profile.
    std::string analyze(const sql::LogicalPlan& plan) {
        const sql::PlannedJob planned = sql::planMeasuredJob(plan, planOptions(profile_.settings));
        const auto job = Job::start(planned.graph, JobOptions{});
        finish(*job);
        return sql::explainMeasured(planned, job->details());
    }

    std::shared_ptr<const JobGraph> graphOf(const sql::LogicalPlan& plan,
                                            const std::map<std::string, std::string>& settings) {
        return sql::planJob(plan, planOptions(settings)).graph;
    }

    sql::PlanOptions planOptions(const std::map<std::string, std::string>& settings) {
        sql::PlanOptions options;
        options.registry = registry_;
        options.configuration = session_->configuration();
        options.configuration.merge(Configuration(settings));
        options.select_sink = [this](const Schema& schema) {
            return makeCollectSink(schema, [this](const Batch& batch) { collect(batch); });
        };
        return options;
    }

    void collect(const Batch& batch) {
        for (size_t row = 0; row < batch.rows(); row++) {
            std::string text = shortName(batch.kind(row));
            for (size_t i = 0; i < batch.columns().size(); i++) {
                text += (i == 0 ? " " : "|") + batch.column(i)->textAt(row);
            }
            changes_.push_back(std::move(text));
        }
    }

    static void failIfFailed(const Job& job) {
        if (job.status() != JobStatus::Failed) return;
        const JobDetails details = job.details();
        throw failureOf(details);
    }

    // A job that fails before its sources come to their stopping places is not waited for.
    static void waitUntilPaused(SourcePause& pause, const Job& job) {
        constexpr int64_t kLookMs = 20;
        for (int64_t waited = 0; waited < kJobTimeoutMs; waited += kLookMs) {
            if (pause.waitUntilPaused(kLookMs)) return;
            failIfFailed(job);
        }
        throw Mismatch{"a source did not come to its stopping place\n"};
    }

    static void finish(Job& job) {
        const JobStatus status = job.waitForEnd(kJobTimeoutMs);
        failIfFailed(job);
        if (status != JobStatus::Finished) {
            job.cancel();
            throw Mismatch{"the job did not end: it is " + toString(status) + "\n"};
        }
    }

    void compare(const QueryTestBlock& block, const std::vector<std::string>& changes) {
        const bool changelog = block.comparison == QueryTestBlock::Comparison::Changelog;
        const std::vector<std::string> rows = foldChangelog(changes);
        if (block.comparison == QueryTestBlock::Comparison::Containing) {
            const std::string text = fmt::format("{}\n", fmt::join(rows, "\n"));
            if (const auto missing = firstPartMissing(block.expected, text))
                throw Mismatch{fmt::format("'{}' is not in its place in:\n{}", *missing, text)};
            return;
        }
        std::string difference;
        if (changelog && profile_.name == "default") {
            difference = compareRows(block.expected, changes, true);
        } else if (changelog) {
            difference = compareRows(foldChangelog(block.expected), rows, false);
        } else {
            difference =
                compareRows(block.expected, rows, block.comparison == QueryTestBlock::Comparison::Ordered);
        }
        if (!difference.empty())
            throw Mismatch{"the rows are not those expected (- expected, + found):\n" + difference};
    }

    void expectError(const QueryTestBlock& block) {
        std::string text;
        bool code_found = false;
        try {
            execute(block.text);
            throw Mismatch{"no error; expected " + block.name + "\n"};
        } catch (const sql::SqlError& error) {
            for (const Problem& problem : error.problems())
                code_found |= problem.code == block.name;
            text = problemText(error);
        } catch (const UserError& error) {
            code_found =
                error.code() == block.name || problemText(error).find(block.name) != std::string::npos;
            text = problemText(error);
        }
        if (!code_found) throw Mismatch{"expected the error " + block.name + ", not:\n" + text + "\n"};
        for (const std::string& part : block.expected) {
            if (text.find(part) == std::string::npos) {
                throw Mismatch{"the error does not say '" + part + "':\n" + text + "\n"};
            }
        }
    }

    const Profile& profile_;
    std::string folder_;
    std::shared_ptr<const sql::ConnectorRegistry> registry_;
    std::unique_ptr<sql::Session> session_;
    std::vector<std::string> changes_;
};

// A new folder below the system's temporary one; removed with what it holds.
class TemporaryFolder {
  public:
    TemporaryFolder() : path_((std::filesystem::temp_directory_path() / "millrace-test-XXXXXX").string()) {
        if (mkdtemp(path_.data()) == nullptr)
            throw UserError("io.failed", "no folder can be made at " + path_);
    }
    ~TemporaryFolder() { localFileSystem().removeRecursively(path_); }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

struct Outcome {
    std::string file;
    std::string profile;
    std::string failure;  // "" if it passed
    double seconds = 0;
};

Outcome runFile(const std::string& file, const Profile& profile, const QueryTestOptions& options) {
    Outcome outcome{file, profile.name, "", 0};
    const auto started = std::chrono::steady_clock::now();
    int line = 0;
    try {
        const auto blocks = parseQueryTest(readFile(localFileSystem(), file), file);
        if (blocks.empty()) throw UserError("test.syntax", file + ": the file holds no test");
        const TemporaryFolder folder;
        QueryTestRun run(profile, folder.path(), options.registry);
        for (const QueryTestBlock& block : blocks) {
            line = block.line;
            run.run(block);
        }
    } catch (const Mismatch& mismatch) {
        outcome.failure = mismatch.text;
    } catch (const UserError& error) {
        outcome.failure = problemText(error) + "\n";
    } catch (const std::exception& error) {
        outcome.failure = fmt::format("internal error: {}\n", error.what());
    }
    if (!outcome.failure.empty() && line > 0) {
        outcome.failure = fmt::format("{}:{}: {}", file, line, outcome.failure);
    }
    outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    return outcome;
}

std::vector<std::string> findFiles(const std::vector<std::string>& paths) {
    std::vector<std::string> files;
    for (const std::string& path : paths) {
        if (!std::filesystem::exists(path)) throw UserError("io.not-found", "there is no " + path);
        if (!std::filesystem::is_directory(path)) {
            files.push_back(path);
            continue;
        }
        std::vector<std::string> below;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
            if (entry.path().extension() == ".test") below.push_back(entry.path().string());
        }
        std::sort(below.begin(), below.end());
        files.insert(files.end(), below.begin(), below.end());
    }
    if (files.empty())
        throw UserError("test.none", "there is no .test file", "give files, or folders that hold some");
    return files;
}

std::string xmlText(const std::string& text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '&':
                out += "&amp;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? '?' : c;
        }
    }
    return out;
}

void writeJunit(const std::string& path, const std::vector<Outcome>& outcomes) {
    std::string text =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites><testsuite name=\"millrace test\">\n";
    for (const Outcome& outcome : outcomes) {
        text += fmt::format(R"(<testcase classname="{}" name="{}" time="{:.3f}">)", xmlText(outcome.file),
                            outcome.profile, outcome.seconds);
        if (!outcome.failure.empty()) text += "<failure>" + xmlText(outcome.failure) + "</failure>";
        text += "</testcase>\n";
    }
    writeFileAtomically(localFileSystem(), path, text + "</testsuite></testsuites>\n");
}

}  // namespace

int runQueryTests(const QueryTestOptions& options) {
    std::vector<const Profile*> chosen;
    std::vector<std::string> names;
    for (const Profile& profile : profiles()) {
        names.push_back(profile.name);
        if (options.profile.empty() || options.profile == profile.name) chosen.push_back(&profile);
    }
    if (chosen.empty()) {
        const std::string nearest = nearestName(options.profile, names);
        throw UserError("test.unknown-profile", fmt::format("there is no profile '{}'", options.profile),
                        nearest.empty() ? fmt::format("profiles: {}", fmt::join(names, ", "))
                                        : fmt::format("did you mean '{}'?", nearest));
    }
    std::vector<Outcome> outcomes;
    size_t failed = 0;
    for (const std::string& file : findFiles(options.paths)) {
        std::string passed;
        for (const Profile* profile : chosen) {
            outcomes.push_back(runFile(file, *profile, options));
            const Outcome& outcome = outcomes.back();
            if (outcome.failure.empty()) {
                passed += fmt::format(" {} ({:.0f} ms)", outcome.profile, outcome.seconds * 1000);
            } else {
                failed++;
                fmt::print("FAILED {} under {}\n{}", outcome.file, outcome.profile, outcome.failure);
            }
        }
        if (!passed.empty()) fmt::print("ok     {}:{}\n", file, passed);
        std::fflush(stdout);
    }
    if (!options.junit_path.empty()) writeJunit(options.junit_path, outcomes);
    fmt::print("{} passed, {} failed\n", outcomes.size() - failed, failed);
    return failed == 0 ? 0 : 1;
}

}  // namespace millrace::cli

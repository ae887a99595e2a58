// Rooms: cli
//
// Every query of tests/sql whose plan keeps state, in the simulator: seed after seed takes the next of them.
// What remains of its changes must be what a run without faults leaves, whatever was struck in between.

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "base/source_file.h"
#include "cli/query_test_file.h"
#include "runtime/simulator/probe.h"
#include "simulation/harness.h"
#include "simulation/sql_jobs.h"
#include "sql/plan/physical.h"

namespace millrace {
namespace {

constexpr const char* kFolder = "/test";  // ${dir} of the files
constexpr const char* kOutput = "/out";

using DiskImage = std::map<std::string, std::string>;  // the files of a folder: path -> bytes

void writeImage(FileSystem& files, const DiskImage& image) {
    files.createFolders(kFolder);
    std::set<std::string> folders{kFolder};
    for (const auto& [path, bytes] : image) {
        files.createFolders(parentFolder(path));
        const auto out = files.create(path);
        out->append(bytes);
        out->sync();
        folders.insert(parentFolder(path));
    }
    for (const std::string& folder : folders)
        files.syncFolder(folder);
}

void readImage(FileSystem& files, const std::string& folder, DiskImage& image) {
    for (const FileStatus& entry : files.list(folder)) {
        const std::string path = joinPath(folder, entry.name);
        if (entry.is_folder) {
            readImage(files, path, image);
        } else {
            image[path] = readFile(files, path);
        }
    }
}

// A query of a .test file, as it was planned where it stands.
struct QueryCase {
    std::string place;  // file:line
    std::shared_ptr<const JobGraph> graph;
    std::shared_ptr<const DiskImage> image;
};

std::shared_ptr<JobGraph> simulated(const JobGraph& planned) {
    auto graph = std::make_shared<JobGraph>(planned);
    configureSimulated(graph->configuration);
    return graph;
}

// The rows that remain. A change may be told before the one it takes back is, if they come from two subtasks.
Lines remaining(FileSystem& files) {
    std::map<std::string, int64_t> copies;
    for (const std::string& line : readProbeSink(files, kOutput))
        copies[line.size() > 3 ? line.substr(3) : ""] += line[0] == '+' ? 1 : -1;
    Lines lines;
    for (const auto& [row, count] : copies) {
        for (int64_t i = 0; i < std::abs(count); ++i)
            lines.push_back((count < 0 ? "taken back: " : "") + row);
    }
    return lines;
}

// Goes through one file as `millrace test` does, and collects its queries that keep state.
class CaseReader {
  public:
    CaseReader(std::string file, std::vector<QueryCase>& cases) : file_(std::move(file)), cases_(cases) {
        sql::SessionOptions options;
        options.registry = registry();
        options.parameters = {{"dir", kFolder}};
        session_ = std::make_unique<sql::Session>(std::move(options));
    }

    void read() {
        for (const auto& block : cli::parseQueryTest(readFile(localFileSystem(), file_), file_)) {
            switch (block.kind) {
                case cli::QueryTestBlock::Kind::File:
                    change()[joinPath(kFolder, block.name)] = block.text;
                    break;
                case cli::QueryTestBlock::Kind::Statement:
                case cli::QueryTestBlock::Kind::Query:
                    execute(block);
                    break;
                case cli::QueryTestBlock::Kind::Error:
                    break;
            }
        }
    }

  private:
    DiskImage& change() {
        image_ = std::make_shared<DiskImage>(*image_);
        return *image_;
    }

    void execute(const cli::QueryTestBlock& block) {
        const auto script = session_->parse(block.text);
        for (size_t i = 0; i < sql::Session::statementCount(*script); ++i) {
            const sql::StatementResult result = session_->execute(*script, i);
            if (result.kind == sql::StatementResult::Kind::Query) {
                const sql::PlannedJob job = plan(result.plan);
                if (job.plan->explainState(job.graph->configuration).empty()) continue;
                cases_.push_back({fmt::format("{}:{}", file_, block.line), job.graph, image_});
            } else if (result.kind == sql::StatementResult::Kind::Insert) {
                insert(*plan(result.plan).graph);
            }
        }
    }

    sql::PlannedJob plan(const sql::LogicalPlan& plan) const {
        return sql::planJob(plan, {registry(), session_->configuration(),
                                   [](const Schema& schema) { return makeProbeSink(schema, kOutput); }});
    }

    // What an INSERT writes is there for the queries behind it.
    void insert(const JobGraph& graph) {
        Simulation simulation(1, calmPlan());
        writeImage(simulation.files(), *image_);
        ASSERT_EQ(simulation.run([&] { return simulated(graph); }).failure, "") << file_;
        readImage(simulation.files(), kFolder, change());
    }

    const std::string file_;
    std::vector<QueryCase>& cases_;
    std::unique_ptr<sql::Session> session_;
    std::shared_ptr<DiskImage> image_ = std::make_shared<DiskImage>();
};

std::vector<QueryCase> allCases() {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(sourceFile("tests/sql"))) {
        if (entry.path().extension() == ".test") files.push_back(entry.path().string());
    }
    std::sort(files.begin(), files.end());
    std::vector<QueryCase> cases;
    for (const std::string& file : files)
        CaseReader(file, cases).read();
    return cases;
}

SimulationResult simulate(const QueryCase& query, uint64_t seed, const FaultPlan& plan, Lines& lines) {
    Simulation simulation(seed, plan);
    writeImage(simulation.files(), *query.image);
    const JobFactory job = [&] { return simulated(*query.graph); };
    const SimulationResult result = simulation.run(plan.faults_max == 0 ? job : varied(job, seed));
    lines = remaining(simulation.files());
    return result;
}

TEST(QuerySimulation, EveryQueryThatKeepsState) {
    configureLog({.level = LogLevel::Error, .path = "/dev/null"});
    const std::vector<QueryCase> cases = allCases();
    ASSERT_GT(cases.size(), 300u);
    std::map<size_t, Lines> expected;
    const uint64_t first = fromEnvironment("FIRST_SEED", 1);
    const uint64_t seeds = std::max<uint64_t>(1, fromEnvironment("SEEDS", 500));
    Tally tally;
    uint64_t quiet = 0;
    for (uint64_t seed = first; seed < first + seeds; ++seed) {
        // Neighbours in a file are alike: a stride through all of them.
        const size_t chosen = (seed * 7919) % cases.size();
        const QueryCase& query = cases[chosen];
        const std::string label = fmt::format("{}: FIRST_SEED={} SEEDS=1 repeats it", query.place, seed);
        if (!expected.contains(chosen)) {
            const SimulationResult calm = simulate(query, 1, calmPlan(), expected[chosen]);
            ASSERT_EQ(calm.failure, "") << label;
        }
        FaultPlan plan;
        SimulationResult result;
        for (plan.hurry = 0; plan.hurry <= 12 && result.faults() == 0; ++plan.hurry) {
            Lines lines;
            result = simulate(query, seed, plan, lines);
            EXPECT_EQ(result.failure, "") << label;
            EXPECT_EQ(lines, expected[chosen]) << label;
        }
        quiet += result.faults() == 0;
        tally.add(result);
    }
    tally.print(fmt::format("{} of {} queries that keep state", expected.size(), cases.size()).c_str());
    const auto empty =
        std::count_if(expected.begin(), expected.end(), [](const auto& one) { return one.second.empty(); });
    EXPECT_LE(static_cast<size_t>(empty), expected.size() / 10) << "queries that leave no row";
    EXPECT_LE(quiet, seeds / 20) << "seeds in which no fault fired";
}

}  // namespace
}  // namespace millrace

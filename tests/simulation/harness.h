// What the simulations share: SEEDS of them from FIRST_SEED on, each compared with a run without faults. A
// failing seed is printed; FIRST_SEED=<it> SEEDS=1 repeats it.
#pragma once

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "base/log.h"
#include "runtime/simulator/simulation.h"

namespace millrace {

using Lines = std::vector<std::string>;

inline uint64_t fromEnvironment(const char* name, uint64_t fallback) {
    const char* text = std::getenv(name);
    return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

// The lines of the visible files of a folder, led by the folder they lie in, sorted.
inline Lines visibleLines(FileSystem& files, const std::string& folder) {
    Lines lines;
    if (!files.exists(folder)) return lines;
    for (const FileStatus& file : files.list(folder)) {
        if (file.name.starts_with(".")) continue;
        if (file.is_folder) {
            for (const std::string& line : visibleLines(files, joinPath(folder, file.name))) {
                lines.push_back(file.name + ": " + line);
            }
            continue;
        }
        const std::string text = readFile(files, joinPath(folder, file.name));
        for (size_t begin = 0; begin < text.size();) {
            const size_t end = std::min(text.find('\n', begin), text.size());
            lines.push_back(text.substr(begin, end - begin));
            begin = end + 1;
        }
    }
    std::sort(lines.begin(), lines.end());
    return lines;
}

// A job, its input on the disk and its output, as lines whose order does not depend on the schedule.
struct SimulatedJob {
    const char* name;
    JobFactory graph;
    std::function<Lines(FileSystem&)> read;
    std::function<void(FileSystem&)> prepare = [](FileSystem&) {};
};

struct Tally {
    int64_t seeds = 0, crashes = 0, task_failures = 0, disk_errors = 0, restarts = 0, savepoints = 0,
            stops = 0;
    int64_t turns = 0;
    std::array<int64_t, kCheckpointSteps> steps{}, struck{};

    void add(const SimulationResult& result) {
        ++seeds;
        crashes += result.crashes;
        task_failures += result.task_failures;
        disk_errors += result.disk_errors;
        restarts += result.restarts;
        savepoints += result.savepoints;
        stops += result.stops;
        turns += result.turns;
        for (size_t i = 0; i < kCheckpointSteps; ++i) {
            steps[i] += result.steps[i];
            struck[i] += result.struck[i];
        }
    }
    void print(const char* name) const {
        fmt::print(
            "{}: {} seeds, {} crashes, {} failed tasks, {} disk errors, {} restarts, {} savepoints, {} "
            "stops, {} turns\n",
            name, seeds, crashes, task_failures, disk_errors, restarts, savepoints, stops, turns);
        for (size_t i = 0; i < kCheckpointSteps; ++i) {
            fmt::print("  {:16} passed {:8}, struck {:6}\n", toString(static_cast<CheckpointStep>(i)),
                       steps[i], struck[i]);
        }
    }
};

// Every start of the job is configured a little differently.
inline JobFactory varied(const JobFactory& job, uint64_t seed) {
    return [job, random = std::make_shared<Random>(seed)] {
        auto graph = job();
        Configuration& configuration = graph->configuration;
        configuration.set("execution.checkpointing.interval", fmt::format("{} ms", 3 + random->below(40)));
        configuration.set("execution.checkpointing.num-retained", std::to_string(1 + random->below(3)));
        configuration.set("execution.checkpointing.tolerable-failed-checkpoints",
                          std::to_string(random->below(3)));
        configuration.set("execution.checkpointing.timeout", random->chance(0.2) ? "5 ms" : "10 min");
        configuration.set("millrace.batch.rows-max", std::to_string(1 + random->below(8)));
        // State of a few rows goes through all that is there for large state: captured over several turns,
        // in files that checkpoints share, compacted.
        configuration.set("millrace.checkpoint.rows-per-turn", std::to_string(1 + random->below(6)));
        configuration.set("execution.checkpointing.data-inline-threshold",
                          random->chance(0.5) ? "0" : std::to_string(random->below(2000)));
        configuration.set("execution.checkpointing.incremental", random->chance(0.8) ? "true" : "false");
        configuration.set("execution.checkpointing.snapshot-compression",
                          random->chance(0.5) ? "true" : "false");
        return graph;
    };
}

// Of the run that the others are compared with.
inline FaultPlan calmPlan() {
    FaultPlan calm;
    calm.faults_max = 0;
    calm.parallelism_max = 1;
    calm.savepoints = false;
    return calm;
}

inline void simulateSeeds(const SimulatedJob& job) {
    configureLog({.level = LogLevel::Error, .path = "/dev/null"});
    Simulation reference(1, calmPlan());
    job.prepare(reference.files());
    ASSERT_EQ(reference.run(job.graph).failure, "");
    const Lines expected = job.read(reference.files());
    ASSERT_FALSE(expected.empty());

    const uint64_t first = fromEnvironment("FIRST_SEED", 1);
    const uint64_t seeds = std::max<uint64_t>(1, fromEnvironment("SEEDS", 500));
    Tally tally;
    for (uint64_t seed = first; seed < first + seeds; ++seed) {
        FaultPlan plan;
        SimulationResult result;
        // A run in which nothing happened proves nothing: then once more, with faults that strike earlier.
        for (plan.hurry = 0; plan.hurry <= 12 && result.faults() == 0; ++plan.hurry) {
            Simulation simulation(seed, plan);
            job.prepare(simulation.files());
            result = simulation.run(varied(job.graph, seed));
            ASSERT_EQ(result.failure, "") << "FIRST_SEED=" << seed << " SEEDS=1 repeats it";
            ASSERT_EQ(job.read(simulation.files()), expected)
                << "FIRST_SEED=" << seed << " SEEDS=1 repeats it";
        }
        ASSERT_GT(result.faults(), 0) << "no fault fired with seed " << seed;
        tally.add(result);
    }
    tally.print(job.name);
    if (seeds < 200) return;
    EXPECT_GT(tally.stops, 0);
    for (size_t i = 0; i < kCheckpointSteps; ++i) {
        EXPECT_GT(tally.struck[i], 0) << "no fault struck " << toString(static_cast<CheckpointStep>(i));
    }
}

}  // namespace millrace

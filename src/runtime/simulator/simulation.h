// The simulator: a job on one thread, from a seed. The slots, the coordinator and the executor get their
// turns in a seeded order, time is virtual, the disk loses what was not synced, and faults strike: the
// machine stops at any disk operation, any named step of a checkpoint or between any two turns, and the job
// starts again from what the disk kept, at another parallelism; a disk operation fails; the disk is full; a
// task fails while the process lives on. After a bounded number of faults none come any more, and the job
// must end: first safety, then liveness.
//
// The seed is the bug report: everything that is random comes from it, so a run repeats exactly.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>

#include "runtime/hooks.h"
#include "runtime/job.h"
#include "runtime/job_graph.h"
#include "runtime/simulator/simulated_file_system.h"

namespace millrace {

class VirtualClock final : public Clock {
  public:
    ProcessingTime now() const override { return ProcessingTime(now_ms_); }
    int64_t monotonicNanos() const override { return now_ms_ * 1'000'000; }
    void advanceTo(int64_t ms) { now_ms_ = std::max(now_ms_, ms); }
    void advance(int64_t ms) { now_ms_ += ms; }

  private:
    int64_t now_ms_ = 1'767'225'600'000;  // 2026-01-01
};

struct FaultPlan {
    int faults_max = 4;            // 0: the fault-free run
    uint32_t parallelism_max = 4;  // of each start; 0: as the graph says
    bool crashes = true;           // the machine stops
    bool task_failures = true;     // the process lives on
    bool disk_errors = true;       // operations fail, the disk is full
    bool savepoints = true;  // now and then one is taken; the job may stop with it and start from it anew
    int hurry = 0;           // 0..12: how soon faults strike, for jobs that end before any did
    int64_t turns_max = 2'000'000;  // more than this is a job that does not end
    int64_t starts_max = 200;       // nor does one that is started so often
};

struct SimulationResult {
    std::string failure;  // "" if the job finished
    bool broken = false;  // it failed for an InternalError
    int crashes = 0;
    int task_failures = 0;
    int disk_errors = 0;
    int64_t starts = 0;    // of the process
    int64_t restarts = 0;  // within processes
    int savepoints = 0;    // completed
    int stops = 0;         // with a savepoint
    int64_t turns = 0;
    std::array<int64_t, kCheckpointSteps> steps{};   // how often each was passed
    std::array<int64_t, kCheckpointSteps> struck{};  // and how often a fault struck there
    int faults() const { return crashes + task_failures + disk_errors; }
};

// Makes the job, for each start anew. It must configure checkpoints into the simulated disk.
using JobFactory = std::function<std::shared_ptr<JobGraph>()>;

class Simulation {
  public:
    Simulation(uint64_t seed, FaultPlan plan);
    ~Simulation();

    SimulatedFileSystem& files() {
        return *files_;
    }  // for the input before, the output after; no faults then
    SimulationResult run(const JobFactory& job);

  private:
    class Faults;
    class Process;
    struct Savepoint {
        int64_t at_turn = -1;  // never
        bool stop = false;
        std::string trigger_id;
    };
    Savepoint planSavepoint();
    std::string verdict(const JobDetails& details, int64_t turns) const;

    const uint64_t seed_;
    const FaultPlan plan_;
    Random random_;
    VirtualClock clock_;
    std::unique_ptr<SimulatedFileSystem> files_;
};

}  // namespace millrace

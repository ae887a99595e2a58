#include "runtime/simulator/simulation.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "runtime/job_master.h"

namespace millrace {
namespace {

constexpr const char* kSimulatedFailure = "a simulated failure";

}  // namespace

// One fault is prepared at a time: it strikes when what it waits for has happened so many times.
class Simulation::Faults final : public DiskFaults, public StepHooks {
  public:
    Faults(const FaultPlan& plan, Random random, SimulationResult& result)
        : plan_(plan), random_(random), result_(result) {
        prepare();
    }

    void powerOff() { dead_ = true; }
    void powerOn() {
        dead_ = false;
        prepare();
    }

    DiskFault next(DiskOperation operation, const std::string& path) override {
        if (dead_) return DiskFault::Fail;
        if (operation == DiskOperation::Rename && path.find("_metadata") != std::string::npos) {
            at(CheckpointStep::ManifestRename);
        }
        if (!due(Place::Disk, CheckpointStep::Barrier)) return DiskFault::None;
        switch (kind_) {
            case Kind::Crash:
                ++result_.crashes;
                return random_.chance(0.5) ? DiskFault::CrashBefore : DiskFault::CrashAfter;
            case Kind::DiskError:
            case Kind::TaskFailure: {
                ++result_.disk_errors;
                const bool writes = operation == DiskOperation::Append || operation == DiskOperation::Create;
                const DiskFault fault = writes && random_.chance(0.5) ? DiskFault::NoSpace : DiskFault::Fail;
                prepare();
                return fault;
            }
        }
        return DiskFault::None;
    }

    void at(CheckpointStep step) override {
        if (dead_) return;
        ++result_.steps[static_cast<size_t>(step)];
        if (!due(Place::Step, step)) return;
        ++result_.struck[static_cast<size_t>(step)];
        if (kind_ == Kind::Crash) {
            ++result_.crashes;
            throw SimulatedCrash{fmt::format("at {}", toString(step))};
        }
        ++result_.task_failures;
        prepare();
        throw std::runtime_error(fmt::format("{} at {}", kSimulatedFailure, toString(step)));
    }

    // Between two turns.
    void turn() {
        if (!due(Place::Turn, CheckpointStep::Barrier)) return;
        ++result_.crashes;
        throw SimulatedCrash{"between two turns"};
    }

  private:
    enum class Place : uint8_t { None, Disk, Step, Turn };
    enum class Kind : uint8_t { Crash, TaskFailure, DiskError };

    void prepare() {
        place_ = Place::None;
        if (result_.faults() >= plan_.faults_max) return;
        std::vector<Kind> kinds;
        if (plan_.crashes) kinds.insert(kinds.end(), 2, Kind::Crash);
        if (plan_.task_failures) kinds.push_back(Kind::TaskFailure);
        if (plan_.disk_errors) kinds.push_back(Kind::DiskError);
        if (kinds.empty()) return;
        kind_ = kinds[random_.below(kinds.size())];
        // Every job uses its disk; not every job comes to every step.
        const uint64_t where = plan_.hurry > 6 ? 0 : random_.below(8);
        if (plan_.hurry > 6 && kind_ == Kind::TaskFailure && plan_.disk_errors) kind_ = Kind::DiskError;
        if (kind_ == Kind::DiskError || (kind_ == Kind::Crash && where < 3)) {
            place_ = Place::Disk;
            left_ = soon(9);
        } else if (kind_ == Kind::TaskFailure || where < 7) {
            place_ = Place::Step;
            step_ = static_cast<CheckpointStep>(random_.below(kCheckpointSteps));
            left_ = soon(6);
        } else {
            place_ = Place::Turn;
            left_ = soon(12);
        }
    }

    // Small numbers as likely as large ones, up to 2^bits.
    int64_t soon(int bits) {
        const uint64_t most = static_cast<uint64_t>(std::max(0, bits - plan_.hurry));
        return static_cast<int64_t>(random_.below(1ULL << random_.below(most + 1)));
    }

    bool due(Place place, CheckpointStep step) {
        if (place_ != place || (place == Place::Step && step_ != step)) return false;
        if (left_-- > 0) return false;
        place_ = Place::None;
        return true;
    }

    const FaultPlan& plan_;
    Random random_;
    SimulationResult& result_;
    bool dead_ = false;
    Place place_ = Place::None;
    Kind kind_ = Kind::Crash;
    CheckpointStep step_ = CheckpointStep::Barrier;
    int64_t left_ = 0;
};

// One life of the process: a job and the turns of its actors.
class Simulation::Process final : private SlotDriver {
  public:
    Process(std::shared_ptr<const JobGraph> graph, JobOptions options, StepHooks& hooks)
        : master_(std::move(graph), std::move(options), *this, &hooks) {
        master_.begin();
    }

    // A turn of somebody; false if nobody has anything to do.
    bool turn(Random& random) {
        const size_t actors = slots_.size() + 2;
        const size_t actor = random.below(actors);
        if (step(actor, &random)) return true;
        for (size_t i = 0; i < actors; ++i) {
            if (step((actor + i) % actors, nullptr)) return true;
        }
        return false;
    }
    int64_t nextWake() const {
        int64_t next = master_.nextWake();
        for (const Slot* slot : slots_)
            next = std::min(next, slot->nextWake());
        return next;
    }
    JobMaster& master() { return master_; }

  private:
    bool step(size_t actor, Random* random) {
        if (actor == 0) return master_.step();
        if (actor == 1) return master_.executor().step();
        return actor - 2 < slots_.size() && slots_[actor - 2]->step(random);
    }
    void startSlots(std::vector<Slot*> slots) override { slots_ = std::move(slots); }
    void stopSlots() override { slots_.clear(); }

    std::vector<Slot*> slots_;
    JobMaster master_;
};

Simulation::Simulation(uint64_t seed, FaultPlan plan)
    : seed_(seed),
      plan_(plan),
      random_(seed),
      files_(std::make_unique<SimulatedFileSystem>(clock_, random_.fork())) {}

Simulation::~Simulation() = default;

Simulation::Savepoint Simulation::planSavepoint() {
    Savepoint savepoint;
    if (plan_.savepoints && random_.chance(0.3)) {
        savepoint.at_turn = static_cast<int64_t>(random_.below(300));
        savepoint.stop = random_.chance(0.5);
    }
    return savepoint;
}

// What is wrong with a job that did not finish; "" if a fault made its start fail: whoever runs the process
// then starts it again.
std::string Simulation::verdict(const JobDetails& details, int64_t turns) const {
    const std::string last =
        details.failures.empty() ? "" : " (last failure: " + details.failures.front().message + ")";
    if (turns > plan_.turns_max) {
        return fmt::format("seed {}: not at its end after {} turns{}", seed_, plan_.turns_max, last);
    }
    if (details.status != JobStatus::Failed) {
        return fmt::format("seed {}: {} with nothing left to do{}", seed_, toString(details.status), last);
    }
    const JobFailure& failure = details.failures.front();
    const bool simulated = failure.message.find(kSimulatedFailure) != std::string::npos;
    if (failure.code == "internal" && !simulated) return fmt::format("seed {}: {}", seed_, failure.message);
    return "";
}

SimulationResult Simulation::run(const JobFactory& job) {
    SimulationResult result;
    const auto strikes = std::make_unique<Faults>(plan_, random_.fork(), result);
    Faults& faults = *strikes;
    files_->setFaults(strikes.get());
    std::string restore_path;
    int jobs = 1;  // starts from a savepoint are new jobs
    bool ended = false;
    while (!ended) {
        if (++result.starts > plan_.starts_max) {
            result.failure = fmt::format("seed {}: not at its end after {} starts", seed_, plan_.starts_max);
            break;
        }
        const std::shared_ptr<JobGraph> graph = job();
        if (plan_.parallelism_max > 0) {
            graph->configuration.set("parallelism.default",
                                     std::to_string(1 + random_.below(plan_.parallelism_max)));
        }
        JobOptions options;
        options.job_id = fmt::format("{:032x}", jobs);
        options.resume_latest = true;
        options.restore_path = restore_path;
        options.environment = {&clock_, files_.get(), random_.next() | 1};
        std::unique_ptr<Process> process;
        try {
            process = std::make_unique<Process>(graph, std::move(options), faults);
            JobMaster& master = process->master();
            Savepoint savepoint = planSavepoint();
            while (!master.atEnd()) {
                if (++result.turns > plan_.turns_max) break;
                faults.turn();
                if (savepoint.at_turn-- == 0 && master.status() == JobStatus::Running) {
                    savepoint.trigger_id = master.triggerSavepoint("/savepoints", savepoint.stop, false);
                }
                if (process->turn(random_)) {
                    if (random_.chance(0.2)) clock_.advance(1);
                    continue;
                }
                const int64_t wake = process->nextWake();
                if (wake == INT64_MAX) break;
                clock_.advanceTo(std::max(wake, clock_.now().value() + 1));
            }
            const JobDetails details = master.details();
            result.restarts += details.restarts;
            const auto taken = savepoint.trigger_id.empty() ? SavepointStatus{}
                                                            : *master.savepointStatus(savepoint.trigger_id);
            const bool completed = taken.state == SavepointStatus::State::Completed;
            result.savepoints += completed;
            if (details.status == JobStatus::Finished && completed && savepoint.stop) {
                ++result.stops;
                ++jobs;
                restore_path = taken.location;
            } else if (details.status == JobStatus::Finished) {
                ended = true;
            } else {
                result.failure = verdict(details, result.turns);
                result.broken = details.status == JobStatus::Failed && !result.failure.empty();
                ended = !result.failure.empty();
            }
        } catch (const SimulatedCrash&) {
            if (process != nullptr) result.restarts += process->master().details().restarts;
            faults.powerOff();
            files_->crash();
            process.reset();
        }
        faults.powerOff();
        process.reset();
        faults.powerOn();
        clock_.advance(100);
    }
    files_->setFaults(nullptr);
    return result;
}

}  // namespace millrace

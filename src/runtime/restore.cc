#include "runtime/restore.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "state/snapshot_store.h"
#include "state/spilling_memory.h"

namespace millrace {
namespace {

constexpr const char* kRestoreLog = "runtime.restore";

void checkAgainst(const JobGraph& graph, const Snapshot& snapshot, const std::string& path,
                  bool allow_non_restored_state) {
    std::set<std::string> known;
    for (const JobNode& node : graph.nodes())
        known.insert(node.uid);
    const auto refuse = [&](const std::string& uid, const std::string& name) {
        if (known.contains(uid)) return;
        const std::string what =
            name.empty() ? fmt::format("'{}'", uid) : fmt::format("'{}' (uid '{}')", name, uid);
        if (allow_non_restored_state) {
            logWarn(kRestoreLog, "the state of operator {} in '{}' is left out: the job has no such operator",
                    what, path);
            known.insert(uid);  // said once
            return;
        }
        throw UserError(
            "snapshot.state-not-mapped",
            fmt::format("the snapshot '{}' holds state of the operator {}, which the job does not "
                        "have",
                        path, what),
            "set AllowNonRestoredState (execution.savepoint.ignore-unclaimed-state) to start "
            "without it, or keep that part of the query as it was");
    };
    for (const auto& op : snapshot.operators) {
        // How far time was is no loss where there are no rows.
        const auto says_little = [](const ListStateSnapshot& list) {
            return list.items.empty() || list.name == "watermark";
        };
        const bool empty = op->keyed.empty() && std::all_of(op->lists.begin(), op->lists.end(), says_little);
        if (!empty) refuse(op->uid, op->name);
    }
    for (const auto& [uid, state] : snapshot.coordinators) {
        if (!state.empty()) refuse(uid, "");
    }
}

// The number of key groups that the job gets, which a snapshot has fixed.
uint32_t maxParallelismFrom(const Snapshot* snapshot, const std::string& path,
                            const RuntimeOptions& options) {
    if (snapshot != nullptr && options.max_parallelism &&
        *options.max_parallelism != snapshot->max_parallelism) {
        throw UserError(
            "snapshot.max-parallelism",
            fmt::format("the snapshot '{}' has {} key groups, but 'pipeline.max-parallelism' is {}", path,
                        snapshot->max_parallelism, *options.max_parallelism),
            "leave 'pipeline.max-parallelism' as it was when the snapshot was taken");
    }
    const uint32_t maximum =
        snapshot != nullptr ? snapshot->max_parallelism
                            : options.max_parallelism.value_or(defaultMaxParallelism(options.parallelism));
    if (options.parallelism > maximum) {
        throw UserError(
            "config.bad-value",
            fmt::format("the parallelism {} is above the maximum, {}", options.parallelism, maximum),
            snapshot != nullptr ? "the maximum was fixed when the state was first written" : "");
    }
    return maximum;
}

// An operator's surroundings when it is opened only to see whether it can be.
class TrialContext final : public OperatorContext {
  public:
    TrialContext(StateBackend& state, const JobGraph& graph, const Environment& environment,
                 const RuntimeOptions& options, uint32_t max_parallelism)
        : state_(state),
          graph_(graph),
          environment_(environment),
          options_(options),
          max_parallelism_(max_parallelism) {}
    StateBackend& state() override { return state_; }
    MetricGroup& metrics() override { return metrics_; }
    const Environment& environment() const override { return environment_; }
    ProcessingTime now() const override { return environment_.clock->now(); }
    Random& random() override { return random_; }
    SlotIndex subtask() const override { return SlotIndex(0); }
    uint32_t parallelism() const override { return options_.parallelism; }
    uint32_t maxParallelism() const override { return max_parallelism_; }
    const Configuration& configuration() const override { return graph_.configuration; }
    bool restored() const override { return true; }
    EventTime currentWatermark() const override { return EventTime::min(); }
    void wakeAt(ProcessingTime) override {}

  private:
    StateBackend& state_;
    const JobGraph& graph_;
    const Environment& environment_;
    const RuntimeOptions& options_;
    const uint32_t max_parallelism_;
    MetricGroup metrics_;
    Random random_{1};
};

}  // namespace

void checkStateCompatibility(const JobGraph& graph, const std::string& path, bool allow_non_restored_state,
                             const Environment& environment) {
    const RuntimeOptions options = RuntimeOptions::from(graph.configuration);
    const Snapshot layout = readSnapshotLayout(*environment.files, path);
    checkAgainst(graph, layout, path, allow_non_restored_state);
    const uint32_t max_parallelism = maxParallelismFrom(&layout, path, options);
    std::map<std::string, std::vector<std::shared_ptr<const OperatorSnapshot>>> states;
    for (const auto& op : layout.operators)
        states[op->uid].push_back(op);
    for (const JobNode& node : graph.nodes()) {
        const auto* const op = std::get_if<std::shared_ptr<const Operator>>(&node.what);
        if (op == nullptr) continue;
        const auto backend =
            makeHashMapStateBackend({node.uid, node.name, SlotIndex(0), options.parallelism, max_parallelism,
                                     states[node.uid], environment.clock, nullptr});
        TrialContext context(*backend, graph, environment, options, max_parallelism);
        (void)(*op)->open(context);
    }
}

RestoredJob restoreJob(const RestoreRequest& request, const JobGraph& graph, const RuntimeOptions& options,
                       const std::string& job_id, FileSystem& files, CheckpointStore& store,
                       Committers& committers) {
    RestoredJob out;
    std::optional<SpillBudget> spill;
    if (options.state_on_disk) spill.emplace(options.state_folder, options.state_memory_bytes);
    const SpillBudget* const beyond = spill ? &*spill : nullptr;
    if (request.use_store) out.from = store.newestSound(beyond);
    if (!out.from && !request.path.empty()) {
        out.from = StoredSnapshot{std::make_shared<const Snapshot>(readSnapshot(files, request.path, beyond)),
                                  request.path};
    }
    out.next_id = store.nextId();
    if (out.from) {
        const Snapshot& snapshot = *out.from->snapshot;
        const std::string& path = out.from->path.empty() ? "in memory" : out.from->path;
        checkAgainst(graph, snapshot, path, request.allow_non_restored_state);
        out.max_parallelism = maxParallelismFrom(&snapshot, path, options);
        out.next_id = std::max(out.next_id, snapshot.id.next());
        for (const auto& op : snapshot.operators)
            out.operators[op->uid].push_back(op);
        out.enumerators = snapshot.coordinators;
        logInfo(kRestoreLog, "job {} restores {} {} from '{}'", job_id,
                snapshot.kind == SnapshotKind::Savepoint ? "savepoint" : "checkpoint", snapshot.id.value(),
                path);
        committers.commit(snapshot.committables);
    } else {
        out.max_parallelism = maxParallelismFrom(nullptr, "", options);
    }
    if (request.clean_up) {
        committers.cleanUp(job_id);
        // A checkpoint belongs to its job, so that one has ended; a savepoint's may be running.
        const bool taken_over = out.from && out.from->snapshot->kind == SnapshotKind::Checkpoint;
        if (taken_over && out.from->snapshot->job_id != job_id)
            committers.cleanUp(out.from->snapshot->job_id);
    }
    return out;
}

}  // namespace millrace

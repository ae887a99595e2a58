// What a start begins with: the snapshot chosen, checked against the graph, its committables committed again
// and what former attempts left behind cleaned up. Runs on the executor. And the checks alone, for whoever
// wants to know before anything is stopped whether a job could go on from a snapshot.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "runtime/checkpoint_store.h"
#include "runtime/committers.h"
#include "runtime/runtime_options.h"

namespace millrace {

struct RestoreRequest {
    std::string path;        // "": none
    bool use_store = false;  // the job's own newest checkpoint comes before `path`
    bool clean_up = false;   // earlier attempts may have left something
    bool allow_non_restored_state = false;
};

struct RestoredJob {
    std::optional<StoredSnapshot> from;
    CheckpointId next_id{1};
    uint32_t max_parallelism = 128;
    std::map<std::string, std::vector<std::shared_ptr<const OperatorSnapshot>>> operators;  // by uid
    std::map<std::string, std::string> enumerators;                                         // by source uid
};

// UserError "snapshot.*" if it cannot be used.
RestoredJob restoreJob(const RestoreRequest& request, const JobGraph& graph, const RuntimeOptions& options,
                       const std::string& job_id, FileSystem& files, CheckpointStore& store,
                       Committers& committers);

// Whether a job of this graph could be restored from the snapshot at `path`: every operator that has state
// there is looked for by uid, and every operator of the graph opened, without rows, over the states that the
// snapshot has of it. Starts nothing, commits nothing, and reads no rows. UserError says which operator,
// which state and what changed: "snapshot.*", "state.incompatible", "config.bad-value".
void checkStateCompatibility(const JobGraph& graph, const std::string& path, bool allow_non_restored_state,
                             const Environment& environment);

}  // namespace millrace

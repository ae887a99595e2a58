// What a start begins with: the snapshot chosen, checked against the graph, its committables committed again
// and what former attempts left behind cleaned up. Runs on the executor.
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

}  // namespace millrace

// What the lifecycle operations share: the steps that deal with an application's cluster.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "engines/flink_rest_client.h"
#include "service/code_package.h"
#include "service/operation.h"

namespace millrace {

// How long a cluster may take until its job runs.
class StartTimeout {
  public:
    explicit StartTimeout(OperationContext& context)
        : context_(context), started_(std::chrono::steady_clock::now()) {}
    // UserError "service.start-timeout"; also OperationInterrupted, as the operation's check.
    void check() const;

  private:
    OperationContext& context_;
    std::chrono::steady_clock::time_point started_;
};

// Writes what the cluster is to run, and notes its KPUs in the state.
void writePackageFor(OperationContext& context, const ApplicationVersion& version,
                     const Deployment& deployment);

// The process of the cluster that the operation has started, in its state, with the release that it runs.
void noteProcess(OperationContext& context, const ProcessIdentity& process, const std::string& release);
ProcessIdentity notedProcess(const OperationContext& context);

// Deployment, the steps after the package was written: launch, wait until the job runs.
void launchCluster(OperationContext& context);
void commitLaunched(OperationContext& context);
void awaitReady(OperationContext& context);
void commitReady(OperationContext& context);

// Ends the application's cluster, gracefully or at once. Its record goes with `forgetCluster`, in a commit.
void endCluster(OperationContext& context);
void killCluster(OperationContext& context);
void forgetCluster(OperationContext& context);
// Checkpoints serve restarts of one run; after it they are garbage.
void removeCheckpoints(OperationContext& context);

// UserError if the application has no snapshot of that name that is READY.
SnapshotRecord requireReadySnapshot(const OperationContext& context, const std::string& name);

// Has the job take a checkpoint, if it can at the moment; waits for it.
void takeCheckpoint(OperationContext& context, const ClusterRecord& cluster);

// Savepoints. trigger leaves "requestId" in the state, or "location" if the savepoint is there already, or
// "nothingToSave" if the job has ended by itself; await leaves "location". `stop` also stops the job.
void triggerSavepoint(OperationContext& context, bool stop);
void awaitSavepoint(OperationContext& context);

}  // namespace millrace

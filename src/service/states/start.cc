// STARTING: choose what to restore, write the package, launch the cluster, wait until its job runs. A start
// that fails (code that cannot be planned, a snapshot that cannot be restored, a cluster that ends) goes back
// to READY.
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "service/lifecycle.h"
#include "service/runtime_environments.h"

namespace millrace {

namespace {

void prepare(OperationContext& context) {
    auto& store = context.service.store;
    const std::string type = context.state.at("restoreType");
    Deployment deployment;
    deployment.allow_non_restored_state = context.state.at("allowNonRestoredState");
    std::optional<SnapshotRecord> restored;
    if (type == "RESTORE_FROM_LATEST_SNAPSHOT") {
        restored = store.findLatestSnapshot(context.application.id);
    } else if (type == "RESTORE_FROM_CUSTOM_SNAPSHOT") {
        const std::string name = context.state.at("snapshotName");
        if (store.findSnapshot(context.application.id, name) ||
            store.findLatestSnapshot(context.application.id))
            restored = requireReadySnapshot(context, name);
    }
    const auto version = store.findVersion(context.application.id, context.application.version_id);
    MILLRACE_CHECK(version, "application {} has no version {}", context.application.name,
                   context.application.version_id);
    if (restored) {
        requireNoDowngrade(restored->runtime_environment, version->runtime_environment);
        deployment.restore = restored->location;
    }
    context.state["restore"] = deployment.restore;
    killCluster(context);  // one that a service which died may have left, before its checkpoints go
    removeCheckpoints(context);
    writePackageFor(context, *version, deployment);
}

void commitLaunch(OperationContext& context) {
    forgetCluster(context);
    commitLaunched(context);
    auto cluster = context.service.store.findCluster(context.application.id);
    cluster->origin = context.state.at("restore");
    cluster->version_id = context.application.version_id;
    context.service.store.saveCluster(*cluster);
}

void commitRunning(OperationContext& context) {
    context.moveStatus(ApplicationStatus::Starting, ApplicationStatus::Running);
}

void undo(OperationContext& context) {
    killCluster(context);
    removeCheckpoints(context);
}

void undone(OperationContext& context) {
    forgetCluster(context);
    context.moveStatus(ApplicationStatus::Starting, ApplicationStatus::Ready);
}

}  // namespace

OperationDescription describeStatesStart() {
    return {"StartApplication",
            {{"prepare", prepare, nullptr},
             {"launch", launchCluster, commitLaunch},
             {"ready", awaitReady, commitReady},
             {"finish", nullptr, commitRunning}},
            undo,
            undone};
}

}  // namespace millrace

// The cluster of a RUNNING application has died, or its job has failed for good: a new cluster goes on from
// the last completed checkpoint of the run; while there is none, from what the run started from. The
// application stays RUNNING; `fullRestarts` counts. A checkpoint that turns out damaged is passed over from
// then on. Restarts in a row wait exponentially longer for each other.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"
#include "service/lifecycle.h"

namespace millrace {

namespace {

void prepare(OperationContext& context) {
    auto& store = context.service.store;
    const auto cluster = store.findCluster(context.application.id);
    MILLRACE_CHECK(cluster, "a running application has no cluster record");
    const auto version = store.findVersion(context.application.id, context.application.version_id);
    MILLRACE_CHECK(version, "application {} has no version {}", context.application.name,
                   context.application.version_id);
    killCluster(
        context);  // a process whose job has failed; and nothing may write checkpoints while we choose one

    Deployment deployment;
    deployment.full_restarts = cluster->full_restarts + 1;
    deployment.parallelism = cluster->parallelism;
    deployment.restore = cluster->origin;
    const auto checkpoints =
        completedCheckpoints(context.service.folder.checkpoints(context.application.name), cluster->job_ids);
    if (!checkpoints.empty()) {
        const auto sound = std::find_if(checkpoints.begin(), checkpoints.end(), [&](const auto& path) {
            return std::find(cluster->damaged.begin(), cluster->damaged.end(), path) ==
                   cluster->damaged.end();
        });
        // Beginning anew would write again what was committed with them.
        if (sound == checkpoints.end())
            throw UserError("service.no-sound-checkpoint",
                            fmt::format("all {} checkpoints of this run are damaged, the last one is {}",
                                        checkpoints.size(), checkpoints.front()),
                            "stop the application with Force, and start it from a snapshot or from nothing");
        deployment.restore = *sound;
    }
    // What this run could restore once it can restore again.
    if (!context.application.run_configuration.empty()) {
        const auto run = nlohmann::json::parse(context.application.run_configuration);
        if (run.contains("FlinkRunConfigurationDescription"))
            deployment.allow_non_restored_state =
                run["FlinkRunConfigurationDescription"].value("AllowNonRestoredState", false);
    }
    context.state["restore"] = deployment.restore;
    logInfo("service.restart", "application {}: the cluster died; restart {} goes on from {}",
            context.application.name, deployment.full_restarts,
            deployment.restore.empty() ? "nothing" : deployment.restore);
    writePackageFor(context, *version, deployment);
}

void commitRestarted(OperationContext& context) {
    auto cluster = context.service.store.findCluster(context.application.id);
    MILLRACE_CHECK(cluster, "a restarted application has no cluster record");
    ++cluster->full_restarts;
    context.service.store.saveCluster(*cluster);
}

void undone(OperationContext& context) {
    auto cluster = context.service.store.findCluster(context.application.id);
    if (!cluster || context.operation.cancel_requested) return;
    const std::string restore = context.state.value("restore", "");
    const std::string code = context.state.value("errorCode", "");
    if (!restore.empty() && restore != cluster->origin &&
        (code.starts_with("snapshot.") || code.starts_with("state."))) {
        logError("service.restart",
                 "application {}: the checkpoint {} cannot be restored and is passed over: {}",
                 context.application.name, restore, context.operation.error);
        cluster->damaged.push_back(restore);
        cluster->restart_not_before_ms = 0;
    } else {
        logError("service.restart", "application {}: the restart failed: {}", context.application.name,
                 context.operation.error);
    }
    ++cluster->full_restarts;
    context.service.store.saveCluster(*cluster);
}

}  // namespace

OperationDescription describeStatesRestart() {
    return {"RestartCluster",
            {{"prepare", prepare, nullptr},
             {"launch", launchCluster, commitLaunched},
             {"ready", awaitReady, commitReady},
             {"finish", nullptr, commitRestarted}},
            killCluster,
            undone};
}

}  // namespace millrace

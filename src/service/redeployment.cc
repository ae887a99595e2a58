#include "service/redeployment.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file_system.h"
#include "base/log.h"
#include "service/descriptions.h"
#include "service/lifecycle.h"
#include "service/runtime_environments.h"

namespace millrace {

namespace {

using Json = nlohmann::json;

ApplicationVersion requireVersion(OperationContext& context, const char* which) {
    auto version = context.service.store.findVersion(context.application.id, context.state.at(which));
    MILLRACE_CHECK(version, "application {} has no version {}", context.application.name,
                   context.state.at(which).dump());
    return std::move(*version);
}

bool has(const OperationContext& context, const char* member) { return context.state.contains(member); }

bool underChange(ApplicationStatus status) {
    return status == ApplicationStatus::Updating || status == ApplicationStatus::Autoscaling ||
           status == ApplicationStatus::Maintenance;
}

// A checkpoint of the run, its newest; one is taken if there is none yet.
std::string presentState(OperationContext& context, const ClusterRecord& cluster) {
    const std::string folder = context.service.folder.checkpoints(context.application.name);
    auto checkpoints = completedCheckpoints(folder, cluster.job_ids);
    if (checkpoints.empty()) {
        takeCheckpoint(context, cluster);
        checkpoints = completedCheckpoints(folder, cluster.job_ids);
    }
    return checkpoints.empty() ? "" : checkpoints.front();
}

void writeFor(OperationContext& context, const ApplicationVersion& target, const std::string& check_against) {
    Deployment deployment;
    deployment.check_against = check_against;
    deployment.allow_non_restored_state = context.state.value("allowNonRestoredState", false);
    deployment.parallelism = context.state.value("parallelism", int64_t{0});
    writePackageFor(context, target, deployment);
}

void prepareChange(OperationContext& context) {
    const auto target = requireVersion(context, "targetVersion");
    const auto from = requireVersion(context, "fromVersion");
    const auto cluster = context.service.store.findCluster(context.application.id);
    if (!cluster) throw UserError("service.cluster-down", "the application's cluster is not running");
    const std::string type = context.state.value("restoreType", "RESTORE_FROM_LATEST_SNAPSHOT");
    std::string check_against;
    if (type == "RESTORE_FROM_CUSTOM_SNAPSHOT") {
        const SnapshotRecord snapshot = requireReadySnapshot(context, context.state.at("snapshotName"));
        requireNoDowngrade(snapshot.runtime_environment, target.runtime_environment);
        check_against = snapshot.location;
        context.state["restore"] = snapshot.location;
    } else if (type == "RESTORE_FROM_LATEST_SNAPSHOT" && has(context, "snapshot")) {
        requireNoDowngrade(from.runtime_environment, target.runtime_environment);
        check_against = presentState(context, *cluster);
    }
    writeFor(context, target, check_against);
}

void launchPrepared(OperationContext& context) {
    if (has(context, "kept")) return;
    const std::string release = context.service.engine.release();
    noteProcess(context, context.service.engine.prepare(context.clusterSpec()), release);
}

void awaitPrepared(OperationContext& context) {
    if (has(context, "kept")) return;
    const StartTimeout timeout(context);
    const auto report =
        context.service.engine.awaitPrepared(context.clusterSpec(), notedProcess(context), [&] {
            timeout.check();
            return false;
        });
    MILLRACE_CHECK(report, "waiting for a cluster ended without a report");
    if (report->failed()) throw UserError(report->error_code, report->error_message);
}

void stopWithSavepoint(OperationContext& context) {
    if (!has(context, "snapshot")) return;
    if (!has(context, "stopRequestedMs"))
        context.state["stopRequestedMs"] = context.service.clock.now().value();
    triggerSavepoint(context, true);
    // There is nothing to go on with: the change is made, and takes effect at the next start.
    if (has(context, "nothingToSave")) context.state["jobEnded"] = true;
}

void awaitStopped(OperationContext& context) {
    if (has(context, "snapshot") && !has(context, "jobEnded")) awaitSavepoint(context);
}

void switchClusters(OperationContext& context) {
    if (has(context, "kept")) return;
    if (has(context, "jobEnded")) {
        killCluster(context);
        return;
    }
    if (!has(context, "restore")) {
        const bool skip = context.state.value("restoreType", "") == "SKIP_RESTORE_FROM_SNAPSHOT";
        context.state["restore"] = skip ? "" : context.state.value("location", "");
    }
    if (!has(context, "stopRequestedMs"))
        context.state["stopRequestedMs"] = context.service.clock.now().value();
    if (const auto cluster = context.service.store.findCluster(context.application.id))
        context.state["formerJobs"] = cluster->job_ids;
    context.service.engine.activate(context.clusterSpec(), context.state.at("restore"));
    context.state["switched"] = true;
}

// The record of the savepoint that the old job was stopped with: complete, or gone.
void commitSnapshot(OperationContext& context) {
    if (!has(context, "snapshot")) return;
    auto& store = context.service.store;
    auto snapshot = store.findSnapshot(context.application.id, context.state.at("snapshot"));
    if (!snapshot || snapshot->status != SnapshotStatus::Creating) return;
    if (has(context, "location")) {
        snapshot->status = SnapshotStatus::Ready;
        snapshot->location = context.state.at("location");
        store.updateSnapshot(*snapshot);
    } else {
        store.deleteSnapshot(snapshot->id);
    }
}

void commitSwitched(OperationContext& context) {
    commitSnapshot(context);
    if (has(context, "kept")) return;
    forgetCluster(context);
    if (has(context, "jobEnded")) return;
    commitLaunched(context);
    auto cluster = context.service.store.findCluster(context.application.id);
    cluster->origin = context.state.at("restore");
    cluster->version_id = context.state.at("targetVersion");
    cluster->parallelism = context.state.value("parallelism", int64_t{0});
    context.service.store.saveCluster(*cluster);
}

void awaitSwitched(OperationContext& context) {
    if (has(context, "kept") || has(context, "jobEnded")) return;
    awaitReady(context);
    context.state["downtimeMs"] =
        context.service.clock.now().value() - context.state.at("stopRequestedMs").get<int64_t>();
}

void commitReadyAgain(OperationContext& context) {
    if (has(context, "kept") || has(context, "jobEnded")) return;
    commitReady(context);
}

// Checkpoints of the run that ended are garbage now.
void removeFormerCheckpoints(OperationContext& context) {
    const std::string folder = context.service.folder.checkpoints(context.application.name);
    for (const auto& job : context.state.value("formerJobs", std::vector<std::string>()))
        if (!job.empty()) localFileSystem().removeRecursively(joinPath(folder, job));
}

void commitChanged(OperationContext& context) {
    auto& application = context.application;
    if (!underChange(application.status)) return;
    application.status = has(context, "jobEnded") ? ApplicationStatus::Ready : ApplicationStatus::Running;
    application.parallelism = context.state.value("parallelism", int64_t{0});
    context.service.store.updateApplication(application);
    if (has(context, "downtimeMs"))
        logInfo("service.change", "application {}: version {} runs; the job stood still for {} ms",
                application.name, application.version_id, context.state.at("downtimeMs").get<int64_t>());
}

// Whether the old job does not run any more.
bool isPastStop(const OperationContext& context) {
    return has(context, "location") || has(context, "switched") || has(context, "jobEnded");
}

int64_t stepNamed(std::string_view name, const std::string& kind) {
    const auto& steps = operationDescription(kind).steps;
    return std::find_if(steps.begin(), steps.end(), [&](const auto& step) { return step.name == name; }) -
           steps.begin();
}

// A job that may have been asked to stop does stop, however early the rollback that cancels this change came:
// it is waited for, as what it saves is what the rollback goes on from. Whoever wants no state (a force stop,
// a deletion) does not wait.
void finishStop(OperationContext& context) {
    if (!has(context, "snapshot") || isPastStop(context) ||
        context.operation.step < stepNamed("stop", context.operation.kind))
        return;
    const auto check = [&context] {
        context.check();
        const auto application = context.service.store.findApplication(context.application.id);
        if (!application || application->status != ApplicationStatus::RollingBack)
            throw UserError("service.not-waited-for", "the application is being stopped");
    };
    OperationContext stop{context.service, context.application, context.operation, context.state, check};
    try {
        check();
        stopWithSavepoint(stop);
        awaitStopped(stop);
    } catch (const UserError& e) {
        logWarn("service.change", "application {}: the change was cancelled while its job stopped: {}",
                context.application.name, e.what());
    }
}

void undo(OperationContext& context) {
    finishStop(context);
    if (isPastStop(context))
        killCluster(context);
    else
        context.service.engine.endDeployment(context.clusterSpec());
    if (has(context, "snapshot") && !has(context, "location"))
        localFileSystem().removeRecursively(context.service.folder.snapshot(
            context.application.name, context.state.at("snapshot").get<std::string>()));
}

void showVersion(OperationContext& context, const char* which) {
    auto& application = context.application;
    const auto version = requireVersion(context, which);
    if (application.version_id == version.version_id) return;
    application.rolled_back_from = application.version_id;
    context.service.store.noteRolledBack(application.id, application.version_id, version.version_id);
    show(application, version);
}

// The rollback that this change was cancelled for has nothing to set going again.
void noteJobEnded(OperationContext& context) {
    auto& store = context.service.store;
    for (auto& next : store.operationsInProgress(context.application.id)) {
        if (next.sequence == context.operation.sequence) continue;
        Json state = Json::parse(next.state);
        state["kept"] = state["jobEnded"] = true;
        next.state = state.dump();
        store.updateOperation(next);
    }
}

void undoneChange(OperationContext& context) {
    auto& store = context.service.store;
    auto& application = context.application;
    commitSnapshot(context);
    const bool stopped = isPastStop(context);
    if (stopped) forgetCluster(context);
    if (application.status == ApplicationStatus::RollingBack && has(context, "jobEnded"))
        noteJobEnded(context);
    if (!underChange(application.status)) return;  // a force stop, a deletion or a rollback has it now
    const auto from = requireVersion(context, "fromVersion");
    const bool roll_back =
        systemRollbackEnabled(from) || systemRollbackEnabled(requireVersion(context, "targetVersion"));
    if (roll_back) {
        const Operation rollback =
            newSystemRollback(context.service, application, application.version_id, from.version_id,
                              context.state.value("fromParallelism", int64_t{0}));
        store.insertOperation(rollback);
        context.state["rollbackOperationId"] = rollback.id;
        application.status = ApplicationStatus::RollingBack;
    } else if (stopped) {
        application.status = ApplicationStatus::Ready;
    } else {
        showVersion(context, "fromVersion");
        application.status = ApplicationStatus::Running;
    }
    store.updateApplication(application);
}

void prepareRollback(OperationContext& context) {
    if (has(context, "kept")) return;
    auto& store = context.service.store;
    const auto target = requireVersion(context, "targetVersion");
    const auto cluster = store.findCluster(context.application.id);
    const int64_t parallelism = context.state.value("parallelism", int64_t{0});
    if (cluster && cluster->version_id == target.version_id && cluster->parallelism == parallelism &&
        context.service.engine.isAlive(cluster->process)) {
        context.state["kept"] = true;  // the change had not come so far as to touch it
        return;
    }
    // The state that the target version left; else the last successful snapshot, as the API's page has it.
    auto snapshot = store.findLatestSnapshot(context.application.id, target.version_id);
    if (!snapshot) snapshot = store.findLatestSnapshot(context.application.id);
    if (snapshot) requireNoDowngrade(snapshot->runtime_environment, target.runtime_environment);
    context.state["restore"] = snapshot ? snapshot->location : "";
    writeFor(context, target, snapshot ? snapshot->location : "");
}

void commitRolledBack(OperationContext& context) {
    auto& application = context.application;
    if (application.status != ApplicationStatus::RollingBack) return;
    showVersion(context, "targetVersion");
    application.status =
        has(context, "jobEnded") ? ApplicationStatus::RolledBack : ApplicationStatus::Running;
    application.parallelism = context.state.value("parallelism", int64_t{0});
    context.service.store.updateApplication(application);
}

void undoneRollback(OperationContext& context) {
    auto& store = context.service.store;
    auto& application = context.application;
    if (isPastStop(context)) forgetCluster(context);
    if (application.status != ApplicationStatus::RollingBack) return;
    // What runs, if something does, is what it was; else the version to go back to, stopped.
    if (store.findCluster(application.id)) {
        application.status = ApplicationStatus::Running;
    } else {
        showVersion(context, "targetVersion");
        application.status = ApplicationStatus::Ready;
    }
    store.updateApplication(application);
}

}  // namespace

OperationDescription describeChange(std::string kind) {
    return {std::move(kind),
            {{"prepare", prepareChange, nullptr},
             {"launch", launchPrepared, nullptr},
             {"check", awaitPrepared, nullptr},
             {"stop", stopWithSavepoint, nullptr},
             {"snapshot", awaitStopped, nullptr},
             {"switch", switchClusters, commitSwitched},
             {"ready", awaitSwitched, commitReadyAgain},
             {"finish", removeFormerCheckpoints, commitChanged}},
            undo,
            undoneChange};
}

OperationDescription describeRollback(std::string kind) {
    return {std::move(kind),
            {{"prepare", prepareRollback, nullptr},
             {"launch", launchPrepared, nullptr},
             {"check", awaitPrepared, nullptr},
             {"switch", switchClusters, commitSwitched},
             {"ready", awaitSwitched, commitReadyAgain},
             {"finish", removeFormerCheckpoints, commitRolledBack}},
            undo,
            undoneRollback};
}

Operation newSystemRollback(ServiceContext& context, const Application& application, int64_t from, int64_t to,
                            int64_t parallelism) {
    return newOperation(context, application, "SystemRollbackApplication",
                        Json{{"deployment", randomId()},
                             {"fromVersion", from},
                             {"targetVersion", to},
                             {"parallelism", parallelism}}
                            .dump());
}

}  // namespace millrace

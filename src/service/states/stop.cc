// STOPPING: a savepoint of the job if snapshots are enabled, then the cluster ends, and the application is
// READY. With Force there is no savepoint: FORCE_STOPPING, the cluster is killed. A stop whose savepoint
// fails leaves the application RUNNING.
#include <nlohmann/json.hpp>

#include "base/file_system.h"
#include "service/lifecycle.h"

namespace millrace {

namespace {

bool takesSnapshot(const OperationContext& context) { return context.state.contains("snapshot"); }

void trigger(OperationContext& context) {
    if (!takesSnapshot(context)) return;
    if (!context.service.store.findCluster(context.application.id))
        context.state["nothingToSave"] = true;  // the job came to its end before
    else
        triggerSavepoint(context, true);
}

void awaitSnapshot(OperationContext& context) {
    if (takesSnapshot(context)) awaitSavepoint(context);
}

void end(OperationContext& context) {
    if (context.state.at("force").get<bool>())
        killCluster(context);
    else
        endCluster(context);
    removeCheckpoints(context);
}

void commitReadyApplication(OperationContext& context) {
    auto& store = context.service.store;
    if (takesSnapshot(context)) {
        auto snapshot = store.findSnapshot(context.application.id, context.state.at("snapshot"));
        if (snapshot && context.state.contains("location")) {
            snapshot->status = SnapshotStatus::Ready;
            snapshot->location = context.state.at("location");
            store.updateSnapshot(*snapshot);
        } else if (snapshot) {
            store.deleteSnapshot(snapshot->id);
        }
    }
    forgetCluster(context);
    context.moveStatus(context.state.at("force").get<bool>() ? ApplicationStatus::ForceStopping
                                                             : ApplicationStatus::Stopping,
                       ApplicationStatus::Ready);
}

void undo(OperationContext& context) {
    if (takesSnapshot(context))
        localFileSystem().removeRecursively(context.service.folder.snapshot(
            context.application.name, context.state.at("snapshot").get<std::string>()));
}

void undone(OperationContext& context) {
    auto& store = context.service.store;
    if (takesSnapshot(context))
        if (const auto snapshot = store.findSnapshot(context.application.id, context.state.at("snapshot")))
            store.deleteSnapshot(snapshot->id);
    context.moveStatus(ApplicationStatus::Stopping, ApplicationStatus::Running);
}

}  // namespace

OperationDescription describeStatesStop() {
    return {"StopApplication",
            {{"trigger", trigger, nullptr},
             {"snapshot", awaitSnapshot, nullptr},
             {"end", end, nullptr},
             {"finish", nullptr, commitReadyApplication}},
            undo,
            undone};
}

}  // namespace millrace

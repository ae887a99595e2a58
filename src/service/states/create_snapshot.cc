// A snapshot of a running application: a savepoint that the job goes on after. CREATING until it is complete.
#include <nlohmann/json.hpp>

#include "base/file_system.h"
#include "service/lifecycle.h"

namespace millrace {

namespace {

void trigger(OperationContext& context) {
    triggerSavepoint(context, false);
    if (context.state.contains("nothingToSave"))
        throw UserError("service.job-ended",
                        "the job has come to the end of its input: there is no state to save");
}

void commitSnapshotReady(OperationContext& context) {
    auto& store = context.service.store;
    auto snapshot = store.findSnapshot(context.application.id, context.state.at("snapshot"));
    MILLRACE_CHECK(snapshot, "a snapshot that is being taken has no record");
    snapshot->status = SnapshotStatus::Ready;
    snapshot->location = context.state.at("location");
    store.updateSnapshot(*snapshot);
}

void undo(OperationContext& context) {
    localFileSystem().removeRecursively(context.service.folder.snapshot(
        context.application.name, context.state.at("snapshot").get<std::string>()));
}

void undone(OperationContext& context) {
    auto snapshot = context.service.store.findSnapshot(context.application.id, context.state.at("snapshot"));
    if (!snapshot) return;
    snapshot->status = SnapshotStatus::Failed;
    context.service.store.updateSnapshot(*snapshot);
}

}  // namespace

OperationDescription describeStatesCreateSnapshot() {
    return {"CreateApplicationSnapshot",
            {{"trigger", trigger, nullptr},
             {"snapshot", awaitSavepoint, nullptr},
             {"finish", nullptr, commitSnapshotReady}},
            undo,
            undone};
}

}  // namespace millrace

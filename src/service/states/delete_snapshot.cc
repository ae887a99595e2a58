// DELETING a snapshot: its files go, then its record.
#include <nlohmann/json.hpp>

#include "base/file_system.h"
#include "service/lifecycle.h"

namespace millrace {

namespace {

void removeFiles(OperationContext& context) {
    localFileSystem().removeRecursively(context.service.folder.snapshot(
        context.application.name, context.state.at("snapshot").get<std::string>()));
}

void commitGone(OperationContext& context) {
    if (const auto snapshot =
            context.service.store.findSnapshot(context.application.id, context.state.at("snapshot")))
        context.service.store.deleteSnapshot(snapshot->id);
}

// Some of its files may be gone: it must not be restored any more, but can be deleted again.
void undone(OperationContext& context) {
    auto snapshot = context.service.store.findSnapshot(context.application.id, context.state.at("snapshot"));
    if (!snapshot) return;
    snapshot->status = SnapshotStatus::Failed;
    context.service.store.updateSnapshot(*snapshot);
}

}  // namespace

OperationDescription describeStatesDeleteSnapshot() {
    return {"DeleteApplicationSnapshot",
            {{"files", removeFiles, nullptr}, {"finish", nullptr, commitGone}},
            nullptr,
            undone};
}

}  // namespace millrace

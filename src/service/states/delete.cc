// DELETING: the cluster is killed, the application's folder and its snapshots go, then every row of it.
#include <nlohmann/json.hpp>

#include "base/file_system.h"
#include "service/lifecycle.h"

namespace millrace {

namespace {

void removeFiles(OperationContext& context) {
    localFileSystem().removeRecursively(context.service.folder.application(context.application.name));
}

void commitGone(OperationContext& context) {
    context.service.store.deleteApplication(context.application.id);
}

// A folder that cannot be removed, most likely: READY, so that the cause can be mended and the application
// deleted again.
void undone(OperationContext& context) {
    context.moveStatus(ApplicationStatus::Deleting, ApplicationStatus::Ready);
    forgetCluster(context);
}

}  // namespace

OperationDescription describeStatesDelete() {
    return {"DeleteApplication",
            {{"end", killCluster, forgetCluster},
             {"files", removeFiles, nullptr},
             {"finish", nullptr, commitGone}},
            nullptr,
            undone};
}

}  // namespace millrace

// The job of a RUNNING application has come to the end of its input (or was cancelled through the REST API):
// the cluster ends, the application is READY.
#include <nlohmann/json.hpp>

#include "service/lifecycle.h"

namespace millrace {

namespace {

void end(OperationContext& context) {
    endCluster(context);
    removeCheckpoints(context);
}

void commitReadyApplication(OperationContext& context) {
    forgetCluster(context);
    context.moveStatus(ApplicationStatus::Running, ApplicationStatus::Ready);
}

}  // namespace

OperationDescription describeStatesComplete() {
    return {"CompleteApplication",
            {{"end", end, nullptr}, {"finish", nullptr, commitReadyApplication}},
            nullptr,
            nullptr};
}

}  // namespace millrace

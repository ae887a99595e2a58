#include "service/duty.h"

#include <nlohmann/json.hpp>

#include "service/descriptions.h"
#include "service/redeployment.h"

namespace millrace {

namespace {

// Has `change` done to the application in a transaction, if it still runs as it did.
template <class Change>
bool ifStillRunning(DutyContext& context, Change&& change) {
    auto& store = context.service.store;
    bool done = false;
    store.transaction([&] {
        auto application = store.findApplication(context.application.id);
        if (!application || application->status != ApplicationStatus::Running ||
            application->changes != context.application.changes ||
            !store.operationsInProgress(application->id).empty())
            return;
        store.insertOperation(change(*application));
        store.updateApplication(*application);
        done = true;
    });
    if (done) context.service.operations_changed();
    return done;
}

}  // namespace

bool beginChange(DutyContext& context, const std::string& kind, ApplicationStatus status,
                 int64_t parallelism) {
    return ifStillRunning(context, [&](Application& application) {
        nlohmann::json state{{"deployment", randomId()},
                             {"fromVersion", application.version_id},
                             {"targetVersion", application.version_id},
                             {"fromParallelism", application.parallelism},
                             {"parallelism", parallelism}};
        if (snapshotsEnabled(context.version))
            state["snapshot"] = insertServiceSnapshot(context.service, application);
        application.status = status;
        return newOperation(context.service, application, kind, state.dump());
    });
}

bool beginSystemRollback(DutyContext& context, int64_t to_version) {
    return ifStillRunning(context, [&](Application& application) {
        application.status = ApplicationStatus::RollingBack;
        return newSystemRollback(context.service, application, application.version_id, to_version, 0);
    });
}

}  // namespace millrace

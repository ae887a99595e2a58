#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "service/action.h"
#include "service/api_error.h"
#include "service/application_change.h"
#include "service/descriptions.h"

namespace millrace {

namespace {

using Json = nlohmann::json;

bool canBeRolledBack(ApplicationStatus status) {
    return status == ApplicationStatus::Running || status == ApplicationStatus::Updating ||
           status == ApplicationStatus::Autoscaling;
}

Json handle(ServiceContext& context, const Json& input) {
    std::string operation_id;
    Json detail;
    context.store.transaction([&] {
        auto& store = context.store;
        Application application = requireApplication(context, input.at("ApplicationName"));
        requireCurrentVersion(application, input);
        if (!canBeRolledBack(application.status))
            throw resourceInUse(
                fmt::format("Application {} cannot be rolled back: it is {}, not RUNNING, UPDATING or "
                            "AUTOSCALING.",
                            application.name, toText(application.status)));
        const auto version = store.findVersion(application.id, application.version_id);
        const bool scaling = application.status == ApplicationStatus::Autoscaling;
        const auto previous = scaling ? std::optional(application.version_id) : version->updated_from;
        if (!previous || !store.findVersion(application.id, *previous))
            throw invalidRequest(fmt::format("Application {} has no version before {}.", application.name,
                                             version->version_id));
        // An update under way has its own still to come: the job runs on until that is taken.
        const bool untouched = application.status != ApplicationStatus::Running;
        if (!untouched && !store.findLatestSnapshot(application.id))
            throw invalidRequest(fmt::format(
                "Application {} has no snapshot to go back to: it can only be rolled back with one.",
                application.name));
        store.requestCancel(application.id);
        application.status = ApplicationStatus::RollingBack;
        application.last_update_time = context.nowSeconds();
        store.updateApplication(application);
        const Operation operation = newOperation(context, application, "RollbackApplication",
                                                 Json{{"deployment", randomId()},
                                                      {"fromVersion", application.version_id},
                                                      {"targetVersion", *previous},
                                                      {"parallelism", 0}}
                                                     .dump());
        store.insertOperation(operation);
        operation_id = operation.id;
        detail = describeApplication(context, application);
    });
    context.operations_changed();
    return {{"ApplicationDetail", std::move(detail)}, {"OperationId", operation_id}};
}

}  // namespace

ActionDescription describeActionsRollbackApplication() {
    return {"RollbackApplication",
            "Takes an application that is RUNNING, UPDATING or AUTOSCALING back to the version before, with "
            "the snapshot that it left.",
            Shape::structure()
                .required("ApplicationName", applicationNameShape())
                .required("CurrentApplicationVersionId", Shape::integer(1, 999'999'999)),
            handle};
}

}  // namespace millrace

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "service/action.h"
#include "service/api_error.h"
#include "service/descriptions.h"

namespace millrace {

namespace {

using Json = nlohmann::json;

bool canBeForced(ApplicationStatus status) {
    return status == ApplicationStatus::Starting || status == ApplicationStatus::Updating ||
           status == ApplicationStatus::Stopping || status == ApplicationStatus::Autoscaling;
}

Json handle(ServiceContext& context, const Json& input) {
    const Json force_given = input.value("Force", Json());
    const bool force = force_given.is_boolean() && force_given.get<bool>();
    std::string operation_id;
    context.store.transaction([&] {
        Application application = requireApplication(context, input.at("ApplicationName"));
        const auto status = application.status;
        const bool possible = status == ApplicationStatus::Running || (force && canBeForced(status));
        if (!possible)
            throw resourceInUse(fmt::format("Application {} cannot be {}stopped: it is {}.", application.name,
                                            force ? "force-" : "", toText(status)));
        Json state{{"force", force}};
        if (force) {
            context.store.requestCancel(application.id);
        } else if (snapshotsEnabled(*context.store.findVersion(application.id, application.version_id))) {
            state["snapshot"] = insertServiceSnapshot(context, application);
        }
        application.status = force ? ApplicationStatus::ForceStopping : ApplicationStatus::Stopping;
        context.store.updateApplication(application);
        const Operation operation = newOperation(context, application, "StopApplication", state.dump());
        context.store.insertOperation(operation);
        operation_id = operation.id;
    });
    context.operations_changed();
    return {{"OperationId", operation_id}};
}

}  // namespace

ActionDescription describeActionsStopApplication() {
    return {
        "StopApplication",
        "Stops an application, with a snapshot if snapshots are enabled; Force stops at once, without one.",
        Shape::structure()
            .required("ApplicationName", applicationNameShape())
            .optional("Force", Shape::boolean()),
        handle};
}

}  // namespace millrace

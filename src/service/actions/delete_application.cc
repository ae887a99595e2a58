#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "service/action.h"
#include "service/api_error.h"

namespace millrace {

namespace {

nlohmann::json handle(ServiceContext& context, const nlohmann::json& input) {
    context.store.transaction([&] {
        Application application = requireApplication(context, input.at("ApplicationName"));
        if (std::floor(input.at("CreateTimestamp").get<double>()) !=
            static_cast<double>(application.create_time))
            throw invalidArgument(fmt::format(
                "The CreateTimestamp is not that of application {}: DescribeApplication gives it.",
                application.name));
        if (!application.idle() && application.status != ApplicationStatus::Running)
            throw resourceInUse(fmt::format("Application {} cannot be deleted: it is {}.", application.name,
                                            toText(application.status)));
        context.store.requestCancel(application.id);
        application.status = ApplicationStatus::Deleting;
        context.store.updateApplication(application);
        context.store.insertOperation(newOperation(context, application, "DeleteApplication", "{}"));
    });
    context.operations_changed();
    return nlohmann::json::object();
}

}  // namespace

ActionDescription describeActionsDeleteApplication() {
    return {"DeleteApplication", "Deletes an application, READY or RUNNING, with all its snapshots.",
            Shape::structure()
                .required("ApplicationName", applicationNameShape())
                .required("CreateTimestamp", Shape::timestamp()),
            handle};
}

}  // namespace millrace

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "service/action.h"
#include "service/api_error.h"
#include "service/descriptions.h"

namespace millrace {

namespace {

using Json = nlohmann::json;

Json handle(ServiceContext& context, const Json& input) {
    Json output;
    context.store.transaction([&] {
        Application application = requireApplication(context, input.at("ApplicationName"));
        if (!application.idle() && application.status != ApplicationStatus::Running)
            throw resourceInUse(fmt::format("Application {} is {}, neither READY nor RUNNING.",
                                            application.name, toText(application.status)));
        application.maintenance_start = input.at("ApplicationMaintenanceConfigurationUpdate")
                                            .at("ApplicationMaintenanceWindowStartTimeUpdate");
        context.store.updateApplication(application);
        output = {{"ApplicationARN", application.arn},
                  {"ApplicationMaintenanceConfigurationDescription", describeMaintenance(application)}};
    });
    return output;
}

}  // namespace

ActionDescription describeActionsUpdateApplicationMaintenanceConfiguration() {
    return {"UpdateApplicationMaintenanceConfiguration",
            "Sets when an application's daily maintenance window of 8 hours begins (UTC).",
            Shape::structure()
                .required("ApplicationName", applicationNameShape())
                .required("ApplicationMaintenanceConfigurationUpdate",
                          Shape::structure().required("ApplicationMaintenanceWindowStartTimeUpdate",
                                                      Shape::string(5, 5).clock())),
            handle};
}

}  // namespace millrace

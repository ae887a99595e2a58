#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "service/action.h"
#include "service/api_error.h"
#include "service/descriptions.h"

namespace millrace {

namespace {

nlohmann::json handle(ServiceContext& context, const nlohmann::json& input) {
    const Application application = requireApplication(context, input.at("ApplicationName"));
    const std::string id = input.at("OperationId");
    const auto operation = context.store.findOperation(application.id, id);
    if (!operation)
        throw resourceNotFound(
            fmt::format("The operation {} of application {} does not exist.", id, application.name));
    return {{"ApplicationOperationInfoDetails", describeOperation(*operation)}};
}

}  // namespace

ActionDescription describeActionsDescribeApplicationOperation() {
    return {"DescribeApplicationOperation",
            "Describes one operation: its status, times and, if it failed, why.",
            Shape::structure()
                .required("ApplicationName", applicationNameShape())
                .required("OperationId", Shape::string(1, 64)),
            handle};
}

}  // namespace millrace

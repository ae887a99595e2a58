#include <nlohmann/json.hpp>

#include "service/action.h"
#include "service/application_change.h"
#include "service/logging_options.h"
#include "service/vpc_configurations.h"

namespace millrace {

namespace {

nlohmann::json handle(ServiceContext& context, const nlohmann::json& input) {
    const auto change = changeApplication(context, input, [&](ApplicationChange& next) {
        removeVpcConfiguration(next.configuration, input.at("VpcConfigurationId"));
    });
    return {{"ApplicationARN", change.application.arn},
            {"ApplicationVersionId", change.application.version_id},
            {"OperationId", change.operation_id}};
}

}  // namespace

ActionDescription describeActionsDeleteApplicationVpcConfiguration() {
    return {"DeleteApplicationVpcConfiguration",
            "Removes an application's VPC configuration, in a new version.",
            changeShape().required("VpcConfigurationId", partIdShape()), handle};
}

}  // namespace millrace

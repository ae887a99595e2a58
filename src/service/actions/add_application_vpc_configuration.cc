#include <nlohmann/json.hpp>

#include "service/action.h"
#include "service/application_change.h"
#include "service/vpc_configurations.h"

namespace millrace {

namespace {

nlohmann::json handle(ServiceContext& context, const nlohmann::json& input) {
    nlohmann::json description;
    const auto change = changeApplication(context, input, [&](ApplicationChange& next) {
        description =
            addVpcConfiguration(next.configuration, next.version.version_id, input.at("VpcConfiguration"));
    });
    return {{"ApplicationARN", change.application.arn},
            {"ApplicationVersionId", change.application.version_id},
            {"VpcConfigurationDescription", std::move(description)},
            {"OperationId", change.operation_id}};
}

}  // namespace

ActionDescription describeActionsAddApplicationVpcConfiguration() {
    return {"AddApplicationVpcConfiguration",
            "Keeps a VPC configuration with an application, in a new version; it has no effect here.",
            changeShape().required("VpcConfiguration", vpcConfigurationShape()), handle};
}

}  // namespace millrace

#include <nlohmann/json.hpp>

#include "service/action.h"
#include "service/application_change.h"
#include "service/logging_options.h"

namespace millrace {

namespace {

nlohmann::json handle(ServiceContext& context, const nlohmann::json& input) {
    const auto change = changeApplication(context, input, [&](ApplicationChange& next) {
        next.version.logging_options =
            addLoggingOption(next.version.logging_options, next.version.version_id,
                             input.at("CloudWatchLoggingOption").at("LogStreamARN"));
    });
    return {
        {"ApplicationARN", change.application.arn},
        {"ApplicationVersionId", change.application.version_id},
        {"CloudWatchLoggingOptionDescriptions", nlohmann::json::parse(change.application.logging_options)},
        {"OperationId", change.operation_id}};
}

}  // namespace

ActionDescription describeActionsAddApplicationCloudWatchLoggingOption() {
    return {"AddApplicationCloudWatchLoggingOption",
            "Adds a log stream to an application's logging options, in a new version.",
            changeShape().required("CloudWatchLoggingOption", loggingOptionShape()), handle};
}

}  // namespace millrace

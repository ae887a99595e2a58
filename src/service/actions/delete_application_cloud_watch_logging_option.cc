#include <nlohmann/json.hpp>

#include "service/action.h"
#include "service/application_change.h"
#include "service/logging_options.h"

namespace millrace {

namespace {

nlohmann::json handle(ServiceContext& context, const nlohmann::json& input) {
    const auto change = changeApplication(context, input, [&](ApplicationChange& next) {
        next.version.logging_options =
            removeLoggingOption(next.version.logging_options, input.at("CloudWatchLoggingOptionId"));
    });
    const std::string& options = change.application.logging_options;
    return {{"ApplicationARN", change.application.arn},
            {"ApplicationVersionId", change.application.version_id},
            {"CloudWatchLoggingOptionDescriptions",
             options.empty() ? nlohmann::json::array() : nlohmann::json::parse(options)},
            {"OperationId", change.operation_id}};
}

}  // namespace

ActionDescription describeActionsDeleteApplicationCloudWatchLoggingOption() {
    return {"DeleteApplicationCloudWatchLoggingOption",
            "Removes a log stream from an application's logging options, in a new version.",
            changeShape().required("CloudWatchLoggingOptionId", partIdShape()), handle};
}

}  // namespace millrace

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "service/action.h"
#include "service/api_error.h"
#include "service/descriptions.h"

namespace millrace {

namespace {

nlohmann::json handle(ServiceContext& context, const nlohmann::json& input) {
    const Application application = requireApplication(context, input.at("ApplicationName"));
    const int64_t id = input.at("ApplicationVersionId");
    const auto version = context.store.findVersion(application.id, id);
    if (!version)
        throw resourceNotFound(fmt::format("Application {} has no version {}.", application.name, id));
    return {{"ApplicationVersionDetail", describeVersion(context, application, *version)}};
}

}  // namespace

ActionDescription describeActionsDescribeApplicationVersion() {
    return {"DescribeApplicationVersion", "Describes one version of an application, with its configuration.",
            Shape::structure()
                .required("ApplicationName", applicationNameShape())
                .required("ApplicationVersionId", Shape::integer(1, 999'999'999)),
            handle};
}

}  // namespace millrace

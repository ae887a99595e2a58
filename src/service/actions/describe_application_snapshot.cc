#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "service/action.h"
#include "service/api_error.h"
#include "service/descriptions.h"

namespace millrace {

namespace {

nlohmann::json handle(ServiceContext& context, const nlohmann::json& input) {
    const Application application = requireApplication(context, input.at("ApplicationName"));
    const std::string name = input.at("SnapshotName");
    const auto snapshot = context.store.findSnapshot(application.id, name);
    if (!snapshot)
        throw resourceNotFound(
            fmt::format("The snapshot {} of application {} does not exist.", name, application.name));
    return {{"SnapshotDetails", describeSnapshot(*snapshot)}};
}

}  // namespace

ActionDescription describeActionsDescribeApplicationSnapshot() {
    return {"DescribeApplicationSnapshot", "Describes one snapshot of an application.",
            Shape::structure()
                .required("ApplicationName", applicationNameShape())
                .required("SnapshotName", snapshotNameShape()),
            handle};
}

}  // namespace millrace

#include <nlohmann/json.hpp>

#include "service/action.h"
#include "service/tags.h"

namespace millrace {

namespace {

nlohmann::json handle(ServiceContext& context, const nlohmann::json& input) {
    const Application application = requireTaggedApplication(context, input.at("ResourceARN"));
    return {{"Tags",
             application.tags.empty() ? nlohmann::json::array() : nlohmann::json::parse(application.tags)}};
}

}  // namespace

ActionDescription describeActionsListTagsForResource() {
    return {"ListTagsForResource", "Lists an application's tags, by key.",
            Shape::structure().required("ResourceARN", Shape::string(1, 2048).arn()), handle};
}

}  // namespace millrace

#include <nlohmann/json.hpp>

#include "service/action.h"
#include "service/tags.h"

namespace millrace {

namespace {

nlohmann::json handle(ServiceContext& context, const nlohmann::json& input) {
    context.store.transaction([&] {
        Application application = requireTaggedApplication(context, input.at("ResourceARN"));
        application.tags = withoutTags(application.tags, input.at("TagKeys").get<std::vector<std::string>>());
        context.store.updateApplication(application);
    });
    return nlohmann::json::object();
}

}  // namespace

ActionDescription describeActionsUntagResource() {
    return {"UntagResource",
            "Removes tags from an application by their keys; those it does not have are no error.",
            Shape::structure()
                .required("ResourceARN", Shape::string(1, 2048).arn())
                .required("TagKeys", Shape::list(Shape::string(1, 128), 1, 200)),
            handle};
}

}  // namespace millrace

#include <nlohmann/json.hpp>

#include "service/action.h"
#include "service/tags.h"

namespace millrace {

namespace {

nlohmann::json handle(ServiceContext& context, const nlohmann::json& input) {
    context.store.transaction([&] {
        Application application = requireTaggedApplication(context, input.at("ResourceARN"));
        application.tags = mergeTags(application.tags, input.at("Tags"));
        context.store.updateApplication(application);
    });
    return nlohmann::json::object();
}

}  // namespace

ActionDescription describeActionsTagResource() {
    return {"TagResource", "Adds tags to an application, or changes their values; at most 50 in all.",
            Shape::structure()
                .required("ResourceARN", Shape::string(1, 2048).arn())
                .required("Tags", tagsShape()),
            handle};
}

}  // namespace millrace

#include <nlohmann/json.hpp>

#include "base/json_members.h"
#include "service/action.h"
#include "service/descriptions.h"
#include "service/paging.h"

namespace millrace {

namespace {

nlohmann::json handle(ServiceContext& context, const nlohmann::json& input) {
    const auto& after = memberOf(input, "NextToken");
    const int64_t limit = pageLimit(input);
    const auto applications =
        context.store.listApplications(after.is_string() ? after.get<std::string>() : "", limit + 1);
    return pageOf(applications, limit, "ApplicationSummaries", summarizeApplication,
                  [](const auto& application) { return application.name; });
}

}  // namespace

ActionDescription describeActionsListApplications() {
    return {"ListApplications", "Lists the applications by name, 50 or Limit at a time.",
            Shape::structure()
                .optional("Limit", Shape::integer(1, 50))
                .optional("NextToken", applicationNameShape()),
            handle};
}

}  // namespace millrace

#include <nlohmann/json.hpp>

#include "service/action.h"
#include "service/descriptions.h"

namespace millrace {

namespace {

nlohmann::json handle(ServiceContext& context, const nlohmann::json& input) {
    const auto limit_given = input.value("Limit", nlohmann::json());
    const auto after = input.value("NextToken", nlohmann::json());
    const int64_t limit = limit_given.is_number() ? limit_given.get<int64_t>() : 50;
    auto applications =
        context.store.listApplications(after.is_string() ? after.get<std::string>() : "", limit + 1);
    const bool more = static_cast<int64_t>(applications.size()) > limit;
    if (more) applications.pop_back();
    nlohmann::json output{{"ApplicationSummaries", nlohmann::json::array()}};
    for (const auto& application : applications)
        output["ApplicationSummaries"].push_back(summarizeApplication(application));
    if (more) output["NextToken"] = applications.back().name;
    return output;
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

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "service/action.h"
#include "service/api_error.h"
#include "service/descriptions.h"

namespace millrace {

namespace {

nlohmann::json handle(ServiceContext& context, const nlohmann::json& input) {
    const std::string name = input.at("ApplicationName");
    const auto application = context.store.findApplication(name);
    // The service model knows no ResourceNotFoundException here.
    if (!application) throw invalidArgument(fmt::format("The application {} does not exist.", name));
    const auto limit_given = input.value("Limit", nlohmann::json());
    const int64_t limit = limit_given.is_number() ? limit_given.get<int64_t>() : 50;
    auto snapshots = context.store.listSnapshots(application->id, pageStart(input), limit + 1);
    const bool more = static_cast<int64_t>(snapshots.size()) > limit;
    if (more) snapshots.pop_back();
    nlohmann::json output{{"SnapshotSummaries", nlohmann::json::array()}};
    for (const auto& snapshot : snapshots)
        output["SnapshotSummaries"].push_back(describeSnapshot(snapshot));
    if (more) output["NextToken"] = pageToken(snapshots.back().id);
    return output;
}

}  // namespace

ActionDescription describeActionsListApplicationSnapshots() {
    return {"ListApplicationSnapshots",
            "Lists an application's snapshots, newest first, 50 or Limit at a time.",
            Shape::structure()
                .required("ApplicationName", applicationNameShape())
                .optional("Limit", Shape::integer(1, 50))
                .optional("NextToken", Shape::string(1, 512)),
            handle};
}

}  // namespace millrace

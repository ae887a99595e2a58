#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "service/action.h"
#include "service/api_error.h"
#include "service/descriptions.h"
#include "service/paging.h"

namespace millrace {

namespace {

nlohmann::json handle(ServiceContext& context, const nlohmann::json& input) {
    const std::string name = input.at("ApplicationName");
    const auto application = context.store.findApplication(name);
    // The service model knows no ResourceNotFoundException here.
    if (!application) throw invalidArgument(fmt::format("The application {} does not exist.", name));
    const int64_t limit = pageLimit(input);
    const auto snapshots = context.store.listSnapshots(application->id, pageStart(input), limit + 1);
    return pageOf(snapshots, limit, "SnapshotSummaries", describeSnapshot,
                  [](const auto& snapshot) { return pageToken(snapshot.id); });
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

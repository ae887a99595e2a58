#include <nlohmann/json.hpp>

#include "service/action.h"
#include "service/descriptions.h"
#include "service/paging.h"

namespace millrace {

namespace {

using Json = nlohmann::json;

// What has become of a version, as the API's statuses have it: the one shown has the application's, others
// are READY to be gone back to, or ROLLED_BACK.
Json summarize(const Application& application, const ApplicationVersion& version) {
    const bool shown = version.version_id == application.version_id;
    const auto status = shown                    ? application.status
                        : version.rolled_back_to ? ApplicationStatus::RolledBack
                                                 : ApplicationStatus::Ready;
    return {{"ApplicationVersionId", version.version_id}, {"ApplicationStatus", toText(status)}};
}

Json handle(ServiceContext& context, const Json& input) {
    const Application application = requireApplication(context, input.at("ApplicationName"));
    const int64_t limit = pageLimit(input);
    const auto versions = context.store.listVersions(application.id, pageStart(input), limit + 1);
    return pageOf(
        versions, limit, "ApplicationVersionSummaries",
        [&](const auto& version) { return summarize(application, version); },
        [](const auto& version) { return pageToken(version.version_id); });
}

}  // namespace

ActionDescription describeActionsListApplicationVersions() {
    return {"ListApplicationVersions",
            "Lists an application's versions, newest first, 50 or Limit at a time.",
            Shape::structure()
                .required("ApplicationName", applicationNameShape())
                .optional("Limit", Shape::integer(1, 50))
                .optional("NextToken", Shape::string(1, 512)),
            handle};
}

}  // namespace millrace

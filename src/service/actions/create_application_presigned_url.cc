#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "service/action.h"
#include "service/api_error.h"
#include "service/presigned_urls.h"

namespace millrace {

namespace {

constexpr int64_t kSessionMin = 1'800, kSessionMax = 43'200;  // seconds; the longest is the default

nlohmann::json handle(ServiceContext& context, const nlohmann::json& input) {
    if (input.at("UrlType") != "FLINK_DASHBOARD_URL")
        throw invalidArgument("The UrlType ZEPPELIN_UI_URL is not supported: there are no notebooks here.");
    const Application application = requireApplication(context, input.at("ApplicationName"));
    if (application.status != ApplicationStatus::Running)
        throw resourceInUse(fmt::format("Application {} is {}, not RUNNING: it has no dashboard.",
                                        application.name, toText(application.status)));
    const auto duration = input.value("SessionExpirationDurationInSeconds", nlohmann::json());
    const int64_t session = duration.is_number() ? duration.get<int64_t>() : kSessionMax;
    const std::string token = context.presigned_urls.issue(application.id, session, context.nowSeconds());
    return {{"AuthorizedUrl", fmt::format("http://{}/flinkdashboard?authToken={}", context.address, token)}};
}

}  // namespace

ActionDescription describeActionsCreateApplicationPresignedUrl() {
    return {"CreateApplicationPresignedUrl",
            "Gives a link to a RUNNING application's Flink REST API and dashboard, for reading: to be used "
            "within three minutes, and good for its session.",
            Shape::structure()
                .required("ApplicationName", applicationNameShape())
                .required("UrlType", Shape::oneOf({"FLINK_DASHBOARD_URL", "ZEPPELIN_UI_URL"}))
                .optional("SessionExpirationDurationInSeconds", Shape::integer(kSessionMin, kSessionMax)),
            handle};
}

}  // namespace millrace

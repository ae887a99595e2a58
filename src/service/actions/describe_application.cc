#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"
#include "engines/flink_rest_client.h"
#include "service/action.h"
#include "service/descriptions.h"

namespace millrace {

namespace {

// The plan is the running job's; without one, or if the cluster does not answer, it is left out.
std::string jobPlan(ServiceContext& context, const Application& application) {
    const auto cluster = context.store.findCluster(application.id);
    if (application.status != ApplicationStatus::Running || !cluster || cluster->port == 0) return "";
    try {
        return FlinkRestClient(context.http, clusterUrl(*cluster), 2'000).job(cluster->job_id).plan;
    } catch (const UserError& e) {
        logWarn("service.describe", "application {}: no job plan: {}", application.name, e.what());
        return "";
    }
}

nlohmann::json handle(ServiceContext& context, const nlohmann::json& input) {
    const Application application = requireApplication(context, input.at("ApplicationName"));
    const auto additional = input.value("IncludeAdditionalDetails", nlohmann::json());
    const bool plan = additional.is_boolean() && additional.get<bool>();
    return {{"ApplicationDetail",
             describeApplication(context, application, plan ? jobPlan(context, application) : "")}};
}

}  // namespace

ActionDescription describeActionsDescribeApplication() {
    return {"DescribeApplication",
            "Describes an application; IncludeAdditionalDetails adds the running job's plan.",
            Shape::structure()
                .required("ApplicationName", applicationNameShape())
                .optional("IncludeAdditionalDetails", Shape::boolean()),
            handle};
}

}  // namespace millrace

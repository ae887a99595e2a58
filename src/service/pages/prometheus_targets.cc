// /prometheus/targets: where the clusters that run now answer with their metrics, as Prometheus' HTTP service
// discovery wants it.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "service/page.h"

namespace millrace {

namespace {

HttpResponse handle(ServiceContext& context, const HttpRequest&) {
    nlohmann::json targets = nlohmann::json::array();
    for (const auto& cluster : context.store.listClusters()) {
        const auto application = context.store.findApplication(cluster.application_id);
        if (!application || cluster.port == 0) continue;
        targets.push_back({{"targets", {fmt::format("127.0.0.1:{}", cluster.port)}},
                           {"labels", {{"application", application->name}}}});
    }
    HttpResponse response;
    response.body = targets.dump();
    return response;
}

}  // namespace

PageDescription describePagesPrometheusTargets() {
    return {"/prometheus/targets",
            "The clusters that run, for Prometheus' HTTP service discovery; each answers /metrics.", handle};
}

}  // namespace millrace

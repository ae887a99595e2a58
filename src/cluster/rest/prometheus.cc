// /metrics: for Prometheus.
#include "cluster/prometheus.h"

#include "base/file_system.h"
#include "cluster/process_figures.h"
#include "cluster/process_view.h"

namespace millrace {
namespace {

HttpResponse metrics(const RestCluster& cluster, const RestRequest&) {
    std::map<std::string, double> values;
    for (const auto& [name, value] : jobMetrics(cluster)) {
        if (value >= 0) values[name] = static_cast<double>(value);
    }
    const std::string folder =
        cluster.identity.log_path.empty() ? "." : parentFolder(cluster.identity.log_path);
    values["cpuUtilization"] = values["containerCPUUtilization"] = 100 * cpuLoad(cluster);
    values["containerMemoryUtilization"] =
        100 * static_cast<double>(residentMemoryBytes()) / static_cast<double>(memoryLimitBytes());
    values["containerDiskUtilization"] = 100 * diskUse(folder);
    HttpResponse response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = prometheusText(cluster.identity, cluster.graph, cluster.details(), values);
    return response;
}

}  // namespace

std::vector<RestRoute> describeRestPrometheus() {
    return {{"GET", "/metrics", metrics, "not Flink's: all metrics in Prometheus' text format"}};
}

}  // namespace millrace

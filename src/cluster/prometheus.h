// The metrics of a cluster in Prometheus' text format: AWS' names as Prometheus writes names, in its base
// units (docs/flink-rest-api.md has the table).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cluster/rest/rest.h"

namespace millrace {

enum class PrometheusType : uint8_t { Counter, Gauge };

// A metric that AWS names, and what becomes of it: value * factor under `name`.
struct PrometheusMetric {
    const char* aws_name;
    const char* name;  // after "millrace_", "millrace_task_"...: "uptime_seconds"
    PrometheusType type;
    double factor;
    const char* help;
};

// Of the application as a whole.
const std::vector<PrometheusMetric>& applicationMetrics();
// Of tasks, operators and subtasks, and, put together, of the application.
const std::vector<PrometheusMetric>& taskMetrics();

// The whole text. `values` are the application's own by AWS' names, without those that are not known.
std::string prometheusText(const RestIdentity& identity, const JobGraph& graph, const JobDetails& job,
                           const std::map<std::string, double>& values);

}  // namespace millrace

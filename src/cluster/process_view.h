// What several REST endpoints say of this process and its job, and how metrics are answered.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cluster/rest/rest.h"

namespace millrace {

// Under the names that Flink's task and job managers use. The load is of the last minute once that is known,
// else since the process began, as a share of what it may use.
std::map<std::string, std::string> processMetrics(const RestCluster& cluster);
double cpuLoad(const RestCluster& cluster);  // 0 to 1
// Metrics of the job as a whole, under Flink's names; -1 for what is not known.
std::map<std::string, int64_t> jobMetrics(const RestCluster& cluster);

// Without ?get= the names; with it those that are known, with their values.
HttpResponse metricAnswer(const std::map<std::string, std::string>& metrics, const RestRequest& request);
// Of each name the minimum, maximum, average and sum of its values (?agg= chooses among them), and the skew:
// how far the values are from their average, in percent of it.
HttpResponse aggregatedAnswer(const std::map<std::string, std::vector<double>>& metrics,
                              const RestRequest& request);

HttpResponse threadDumpAnswer();

}  // namespace millrace

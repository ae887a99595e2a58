// What several REST endpoints say of a job in the same way.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <map>
#include <string>

#include "runtime/job.h"

namespace millrace {

int64_t nowMs();
// Since `start_ms`, until `end_ms` or, if that is not over (-1), until now.
int64_t durationMs(int64_t start_ms, int64_t end_ms);

// When the job's tasks last began to run.
int64_t runningSince(const JobDetails& job);
std::string vertexStatus(const VertexDetails& vertex);
// {"CREATED": 0, ..., "RUNNING": 2, ...}
std::map<std::string, int> taskCounts(const VertexDetails& vertex);
nlohmann::json ioMetrics(const SubtaskDetails& subtask);
nlohmann::json ioMetrics(const VertexDetails& vertex);
// The plan as the dashboard draws it: vertices and what flows between them.
nlohmann::json planJson(const JobDetails& job, const JobGraph& graph);
const VertexDetails& findVertex(const JobDetails& job, const std::string& id);  // RestError 404

}  // namespace millrace

// What several REST endpoints say of a job in the same way.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/configuration.h"
#include "runtime/job.h"

namespace millrace {

int64_t nowMs();
// Since `start_ms`, until `end_ms` or, if that is not over (-1), until now.
int64_t durationMs(int64_t start_ms, int64_t end_ms);

// When the job's tasks last began to run.
int64_t runningSince(const JobDetails& job);
bool hasEnded(const JobDetails& job);
std::string vertexStatus(const VertexDetails& vertex);
// {"CREATED": 0, ..., "RUNNING": 2, ...}
std::map<std::string, int> taskCounts(const VertexDetails& vertex);

// From the deployment on: -1 for what is not there yet, or not over.
struct TaskSpan {
    int64_t start_ms = -1, end_ms = -1, duration_ms = -1;
};
TaskSpan spanOf(const SubtaskDetails& subtask);
TaskSpan spanOf(const VertexDetails& vertex);  // from the first subtask's start to the last one's end
// How long the subtask was in each state on its way to running; -1 for those it has not been in.
std::map<std::string, int64_t> stateDurations(const SubtaskDetails& subtask);

nlohmann::json ioMetrics(const SubtaskDetails& subtask);
nlohmann::json ioMetrics(const VertexDetails& vertex);
// {"metrics": {"read-bytes": {"min", "max", "avg", ...}, ...}, "status-duration": {"RUNNING": {...}, ...}}
// over the subtasks.
nlohmann::json aggregatedSubtasks(const VertexDetails& vertex);

// The plan as the dashboard draws it: vertices and what flows between them.
nlohmann::json planJson(const JobDetails& job, const JobGraph& graph);
// Settings with the values of those that are secret hidden, by Flink's rule.
std::map<std::string, std::string> shownSettings(const Configuration& configuration);

const VertexDetails& findVertex(const JobDetails& job, const std::string& id);  // RestError 404
// The index that the text of a path names; RestError 404.
size_t findSubtask(const VertexDetails& vertex, const std::string& number);

}  // namespace millrace

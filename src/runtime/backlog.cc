#include "runtime/backlog.h"

#include <algorithm>

#include "runtime/slot.h"
#include "runtime/task.h"

namespace millrace {
namespace {

// Of the node that makes them, be it the source or one behind it.
EventTime newestWatermark(const Task& task) {
    EventTime newest = EventTime::min();
    for (const auto& node : task.nodes())
        newest = std::max(newest, node->outputWatermark());
    return newest;
}

bool readerSaysSo(const Task& task) {
    const auto metrics = task.nodes().front()->metrics().read();
    const auto found = metrics.find(kProcessingBacklogMetric);
    return found != metrics.end() && found->second != 0;
}

}  // namespace

bool BacklogWatch::behind(const Execution& execution, const ExecutionPlan& plan, ProcessingTime now) {
    for (size_t vertex = 0; vertex < plan.vertices.size(); ++vertex) {
        const JobNode& first = plan.graph->node(plan.vertices[vertex].nodes.front());
        if (!std::holds_alternative<std::shared_ptr<const Source>>(first.what)) continue;
        if (watermarksBehind(execution, plan, vertex, now)) return true;
        for (uint32_t i = 0; i < plan.parallelism; ++i) {
            if (readerSaysSo(execution.slot(i).task(vertex))) return true;
        }
    }
    return false;
}

bool BacklogWatch::watermarksBehind(const Execution& execution, const ExecutionPlan& plan, size_t vertex,
                                    ProcessingTime now) {
    if (!threshold_ || caught_up_.contains(vertex)) return false;
    bool known = false;
    for (uint32_t i = 0; i < plan.parallelism; ++i) {
        const Task& task = execution.slot(i).task(vertex);
        if (task.nodes().back()->outputIdle()) continue;
        const EventTime watermark = newestWatermark(task);
        if (watermark == EventTime::min()) continue;
        if (watermark.value() < now.value() - threshold_->ms) return true;
        known = true;
    }
    if (known) caught_up_.insert(vertex);
    return false;
}

}  // namespace millrace

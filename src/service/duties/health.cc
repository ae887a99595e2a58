// How the application is, for DescribeApplication (health.h).
#include "service/health.h"

#include <fmt/format.h>

#include "service/duty.h"

namespace millrace {

namespace {

// Several requests an application: not at every look.
constexpr int64_t kEveryMs = 5'000;

struct Progress final : DutyMemory {
    struct Watermark {
        int64_t value = 0;
        int64_t since_ms = 0;  // when it came to that value
        int64_t records = 0;   // that had been read then
    };
    std::map<std::string, Watermark> watermarks;  // by vertex
    int64_t next_ms = 0;                          // when it is looked at again
    int64_t failed_checkpoints = 0;
    int64_t completed_checkpoints = 0;
};

void lookAtJob(const DutyContext& context, Health& health) {
    if (context.job.state != "RUNNING")
        health.reasons.push_back(fmt::format("the job is {}", context.job.state));
    for (const auto& vertex : context.job.vertices)
        if (vertex.status != "RUNNING" && vertex.status != "FINISHED")
            health.reasons.push_back(fmt::format("the task '{}' is {}", vertex.name, vertex.status));
}

void lookAtCheckpoints(const DutyContext& context, Progress& progress, Health& health) {
    const auto checkpoints = context.client.checkpoints(context.cluster.job_id);
    // Good again with the next one that completes.
    if (checkpoints.completed > progress.completed_checkpoints)
        progress.failed_checkpoints = checkpoints.failed;
    progress.completed_checkpoints = checkpoints.completed;
    if (const int64_t failed = checkpoints.failed - progress.failed_checkpoints; failed > 0)
        health.reasons.push_back(fmt::format("{} checkpoints in a row have failed", failed));
}

void lookAtWatermarks(const DutyContext& context, Progress& progress, Health& health) {
    constexpr int64_t kNone = INT64_MIN;
    const int64_t now_ms = context.service.clock.now().value();
    for (const auto& vertex : context.job.vertices) {
        const auto lowest = context.client.lowestWatermark(context.cluster.job_id, vertex.id);
        if (!lowest || *lowest == kNone) continue;
        auto [at, first] = progress.watermarks.try_emplace(vertex.id);
        if (first || at->second.value != *lowest) {
            at->second = {*lowest, now_ms, vertex.records_in};
            continue;
        }
        const int64_t still_ms = now_ms - at->second.since_ms;
        if (still_ms > context.settings.watermark_timeout.ms && vertex.records_in > at->second.records)
            health.reasons.push_back(fmt::format("the watermark of '{}' has not advanced for {}", vertex.name,
                                                 formatDuration({still_ms / 1000 * 1000})));
    }
}

void look(DutyContext& context) {
    auto& progress = context.remember<Progress>();
    const int64_t now_ms = context.service.clock.now().value();
    if (now_ms < progress.next_ms) return;
    progress.next_ms = now_ms + kEveryMs;
    Health health;
    lookAtJob(context, health);
    if (context.job.state == "RUNNING") {
        lookAtCheckpoints(context, progress, health);
        lookAtWatermarks(context, progress, health);
    }
    context.service.health.set(context.application.id, std::move(health));
}

}  // namespace

DutyDescription describeDutiesHealth() { return {"health", look}; }

}  // namespace millrace

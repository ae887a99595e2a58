// Autoscaling as the AWS documentation has it ("Implement application scaling", "Use automatic scaling"): the
// parallelism doubles when the CPUs of the KPUs have been busy for a quarter of an hour, and halves when they
// have been idle for six hours; here also when a source lags or tasks stand under back-pressure, if that is
// asked for. Never below the configuration's parallelism.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "service/code_package.h"
#include "service/descriptions.h"
#include "service/duty.h"

namespace millrace {

namespace {

struct Measurements final : DutyMemory {
    int64_t last_ms = 0;  // of the last measurement
    int64_t cpu_ms = 0;   // that the cluster had used then
    int64_t pid = 0;
    int64_t busy_points = 0;  // in a row
    int64_t idle_points = 0;
    int64_t begun_ms = 0;
};

bool scalesItself(const DutyContext& context) {
    const auto configuration = nlohmann::json::parse(context.version.configuration);
    return configuration.at("FlinkApplicationConfigurationDescription")
        .at("ParallelismConfigurationDescription")
        .at("AutoScalingEnabled")
        .get<bool>();
}

// Why more is needed, or "".
std::string reasonToGrow(const DutyContext& context, double cpu_percent) {
    const auto& settings = context.settings;
    if (cpu_percent >= settings.scale_up_cpu)
        return fmt::format("{:.0f} % of the CPUs are busy", cpu_percent);
    const auto highest = [&](const std::string& metric) {
        double value = 0;
        for (const auto& vertex : context.job.vertices)
            value = std::max(value,
                             context.client.highestOf(context.cluster.job_id, vertex.id, metric).value_or(0));
        return value;
    };
    if (settings.scale_up_back_pressure > 0) {
        const double percent = highest("backPressuredTimeMsPerSecond") / 10;
        if (percent >= settings.scale_up_back_pressure)
            return fmt::format("a task stands under back-pressure {:.0f} % of the time", percent);
    }
    if (settings.scale_up_lag > 0) {
        const double lag = highest(settings.lag_metric);
        if (lag >= settings.scale_up_lag) return fmt::format("{} is {:.0f}", settings.lag_metric, lag);
    }
    return "";
}

void scale(DutyContext& context, int64_t from, int64_t to, const std::string& reason) {
    const int64_t configured = parallelismOf(context.version, 0);
    if (!beginChange(context, "AutoscaleApplication", ApplicationStatus::Autoscaling,
                     to == configured ? 0 : to))
        return;
    logInfo("service.autoscale", "application {}: from parallelism {} to {}: {}", context.application.name,
            from, to, reason);
}

void look(DutyContext& context) {
    if (!scalesItself(context) || context.job.state != "RUNNING") return;
    if (!snapshotsEnabled(context.version)) return;  // its state would be lost
    const auto& settings = context.settings;
    auto& seen = context.remember<Measurements>();
    const int64_t now_ms = context.service.clock.now().value();
    const auto cpu_ms = cpuMilliseconds(context.cluster.process);
    if (!cpu_ms) return;
    if (seen.pid != context.cluster.process.pid) {
        seen.last_ms = seen.begun_ms = now_ms;
        seen.cpu_ms = *cpu_ms;
        seen.pid = context.cluster.process.pid;
        seen.busy_points = seen.idle_points = 0;
        return;
    }
    const int64_t passed_ms = now_ms - seen.last_ms;
    if (passed_ms < settings.point.ms) return;
    const int64_t chosen = context.application.parallelism;
    const int64_t kpus = kpusOf(context.version, chosen);
    const double cpu_percent = 100.0 * static_cast<double>(*cpu_ms - seen.cpu_ms) /
                               static_cast<double>(passed_ms) / static_cast<double>(kpus);
    seen.last_ms = now_ms;
    seen.cpu_ms = *cpu_ms;
    const std::string reason = reasonToGrow(context, cpu_percent);
    seen.busy_points = reason.empty() ? 0 : seen.busy_points + 1;
    seen.idle_points = cpu_percent < settings.scale_down_cpu ? seen.idle_points + 1 : 0;
    if (now_ms - seen.begun_ms < settings.cooldown.ms) return;

    const int64_t now = parallelismOf(context.version, chosen);
    const int64_t lowest = parallelismOf(context.version, 0);
    const int64_t highest = std::max(lowest, settings.parallelism_max);
    if (seen.busy_points >= settings.scale_up_points && now < highest)
        scale(context, now, std::min(now * 2, highest),
              fmt::format("{}, {} measurements in a row", reason, seen.busy_points));
    else if (seen.idle_points >= settings.scale_down_points && now > lowest)
        scale(context, now, std::max(now / 2, lowest),
              fmt::format("{:.0f} % of the CPUs are busy, {} measurements in a row", cpu_percent,
                          seen.idle_points));
}

}  // namespace

DutyDescription describeDutiesAutoscale() { return {"autoscale", look}; }

}  // namespace millrace

#include "service/service_settings.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "service/api_error.h"

namespace millrace {

namespace {

using Json = nlohmann::json;

const std::vector<OptionDescription>& options() {
    static const std::vector<OptionDescription> all{
        {"engine", "enum", "native", "The engine that runs the application.", false, {"native"}},
        {"snapshots.interval", "duration", "", "A snapshot is taken every so often while it runs."},
        {"snapshots.retain", "integer", "10",
         "So many scheduled snapshots are kept; older ones are deleted."},
        {"system-rollback.restart-loop", "boolean", "false",
         "With RollbackEnabled: an update after which the job keeps restarting is rolled back, too."},
        {"system-rollback.restart-loop.restarts", "integer", "3", "So many restarts are a loop,"},
        {"system-rollback.restart-loop.window", "duration", "5 min",
         "if they come so soon after the update."},
        {"autoscaling.up.cpu", "double", "75", "Percent of the KPUs' CPUs: more of it is scaled up from."},
        {"autoscaling.up.back-pressure", "double", "0",
         "Percent of the time that a task stands still because those after it are slow; 0: not looked at."},
        {"autoscaling.up.lag", "double", "0", "What a source may lag behind; 0: not looked at."},
        {"autoscaling.up.lag-metric", "string", "records_lag_max", "The source's metric that says so."},
        {"autoscaling.up.points", "integer", "15", "So many measurements in a row have to be above."},
        {"autoscaling.down.cpu", "double", "10", "Less than this percentage is scaled down from."},
        {"autoscaling.down.points", "integer", "360", "So many measurements in a row have to be below."},
        {"autoscaling.point", "duration", "1 min", "The time between two measurements."},
        {"autoscaling.cooldown", "duration", "10 min", "No decision is made so soon after the last change."},
        {"autoscaling.parallelism-max", "integer", "64", "Never above it."},
        {"health.watermark-timeout", "duration", "10 min",
         "A watermark that has not advanced for so long, while records come, is not healthy."},
    };
    return all;
}

// The value given, or the default that the list names.
template <class T>
T valueOf(const Configuration& given, const char* key) {
    if (const auto value = given.getOptional<T>(key)) return *value;
    for (const auto& option : options())
        if (option.key == key && !option.default_value.empty())
            return parseConfigValue<T>(key, option.default_value);
    return T{};
}

template <class T>
T atLeast(T value, T minimum, const char* key) {
    if (value < minimum)
        throw UserError("config.bad-value", fmt::format("'{}' must be at least {}", key, minimum));
    return value;
}

Duration longerThanNothing(Duration value, const char* key) {
    atLeast<int64_t>(value.ms, 1, key);
    return value;
}

ServiceSettings parse(const Configuration& given) {
    checkOptions(fmt::format("property group '{}'", kServicePropertyGroup), given.values(), options());
    ServiceSettings s;
    s.snapshots_interval = valueOf<Duration>(given, "snapshots.interval");
    s.snapshots_retain = atLeast<int64_t>(valueOf<int64_t>(given, "snapshots.retain"), 1, "snapshots.retain");
    s.restart_loop_rollback = valueOf<bool>(given, "system-rollback.restart-loop");
    constexpr const char* kRestarts = "system-rollback.restart-loop.restarts";
    s.restart_loop_restarts = atLeast<int64_t>(valueOf<int64_t>(given, kRestarts), 1, kRestarts);
    s.restart_loop_window = valueOf<Duration>(given, "system-rollback.restart-loop.window");
    s.scale_up_cpu = valueOf<double>(given, "autoscaling.up.cpu");
    s.scale_down_cpu = valueOf<double>(given, "autoscaling.down.cpu");
    s.scale_up_back_pressure = valueOf<double>(given, "autoscaling.up.back-pressure");
    s.scale_up_lag = valueOf<double>(given, "autoscaling.up.lag");
    s.lag_metric = valueOf<std::string>(given, "autoscaling.up.lag-metric");
    constexpr const char* kUp = "autoscaling.up.points";
    constexpr const char* kDown = "autoscaling.down.points";
    s.scale_up_points = atLeast<int64_t>(valueOf<int64_t>(given, kUp), 1, kUp);
    s.scale_down_points = atLeast<int64_t>(valueOf<int64_t>(given, kDown), 1, kDown);
    s.point = longerThanNothing(valueOf<Duration>(given, "autoscaling.point"), "autoscaling.point");
    s.cooldown = valueOf<Duration>(given, "autoscaling.cooldown");
    s.parallelism_max = valueOf<int64_t>(given, "autoscaling.parallelism-max");
    s.watermark_timeout = valueOf<Duration>(given, "health.watermark-timeout");
    return s;
}

}  // namespace

std::span<const OptionDescription> serviceSettingsOptions() { return options(); }

ServiceSettings readServiceSettings(const Json& description) {
    Configuration given;
    if (const auto properties = description.find("EnvironmentPropertyDescriptions");
        properties != description.end())
        for (const auto& group : properties->at("PropertyGroupDescriptions"))
            if (group.at("PropertyGroupId") == kServicePropertyGroup)
                for (const auto& [key, value] : group.at("PropertyMap").items())
                    given.set(key, value);
    try {
        return parse(given);
    } catch (const UserError& e) {
        throw invalidApplicationConfiguration(e.problem().hint.empty()
                                                  ? fmt::format("{}.", e.what())
                                                  : fmt::format("{} ({}).", e.what(), e.problem().hint));
    }
}

ServiceSettings readServiceSettings(const ApplicationVersion& version) {
    return readServiceSettings(Json::parse(version.configuration));
}

}  // namespace millrace

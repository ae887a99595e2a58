// The property group `millrace`: what an application's owner can ask of the service beyond the API. Checked
// when a version is made; a page of docs lists them (docs/service-settings.md).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

#include "base/configuration.h"
#include "service/store/records.h"

namespace millrace {

inline constexpr const char* kServicePropertyGroup = "millrace";

struct ServiceSettings {
    Duration snapshots_interval;  // 0: none are scheduled
    int64_t snapshots_retain = 0;

    bool restart_loop_rollback = false;
    int64_t restart_loop_restarts = 0;
    Duration restart_loop_window;

    double scale_up_cpu = 0, scale_down_cpu = 0;  // percent of the KPUs
    double scale_up_back_pressure = 0;            // percent of the time; 0: not looked at
    double scale_up_lag = 0;                      // of the source's own measure; 0: not looked at
    std::string lag_metric;
    int64_t scale_up_points = 0, scale_down_points = 0;
    Duration point, cooldown;
    int64_t parallelism_max = 0;

    Duration watermark_timeout;
};

std::span<const OptionDescription> serviceSettingsOptions();

// From an ApplicationConfigurationDescription. InvalidApplicationConfigurationException names the key.
ServiceSettings readServiceSettings(const nlohmann::json& configuration_description);
ServiceSettings readServiceSettings(const ApplicationVersion& version);

}  // namespace millrace

// The options by which `millrace app create`, `update` and `start` say how an application is to be, and the
// members of the API's requests that they become.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/app/command.h"

namespace millrace::cli {

struct Restore {
    std::string snapshot;  // to start from
    bool none = false;     // starts without state
    bool allow_non_restored = false;
};
std::shared_ptr<Restore> declareRestore(CLI::App& app);
// RunConfiguration, or RunConfigurationUpdate; empty if nothing is said.
nlohmann::json runConfiguration(const Restore& restore);

struct Settings {
    std::string sql, zip, s3, s3_version;
    std::string runtime, role, description;
    int parallelism = 0, parallelism_per_kpu = 0;         // 0: not said
    std::string autoscaling, snapshots, system_rollback;  // "on", "off", "": not said
    std::string checkpoint_interval, log_level, metrics_level;
    std::vector<std::string> properties, removed_properties;
    std::string configuration;  // a file
};
// `for_update`: with --remove-property, without --description.
std::shared_ptr<Settings> declareSettings(CLI::App& app, bool for_update);

// CreateApplication's ApplicationConfiguration. UserError and AppFailure for files and values that cannot be
// used.
nlohmann::json applicationConfiguration(const Settings& settings);
// UpdateApplication's ApplicationConfigurationUpdate: members have the suffix Update. An update says all
// properties, so those of now, EnvironmentPropertyDescriptions, are gone out from.
nlohmann::json applicationConfigurationUpdate(const Settings& settings,
                                              const nlohmann::json& current_properties);
bool changesProperties(const Settings& settings);

// Prints what came of an action that may have begun an operation, once it has ended (or at once: --no-wait).
void finishOperation(const AppContext& context, const std::string& application, const nlohmann::json& answer,
                     const Waiting& waiting);

}  // namespace millrace::cli

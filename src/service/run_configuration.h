// RunConfiguration: what an application starts from, or goes on from after an update.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "service/context.h"
#include "service/shape.h"

namespace millrace {

struct RunConfiguration {
    std::string restore_type = "RESTORE_FROM_LATEST_SNAPSHOT";
    std::optional<std::string> snapshot_name;  // with RESTORE_FROM_CUSTOM_SNAPSHOT
    bool allow_non_restored_state = false;

    // RunConfigurationDescription.
    std::string describe() const;
    // As members of an operation's state.
    void writeTo(nlohmann::json& state) const;
    // The snapshot must be there and READY; ApiError.
    void checkSnapshot(ServiceContext& context, const Application& application) const;
};

// Of FlinkRunConfiguration and ApplicationRestoreConfiguration, as StartApplication and UpdateApplication
// take them.
Shape flinkRunConfigurationShape();
Shape restoreConfigurationShape();
// `given` may be null. InvalidArgumentException for a SnapshotName without its restore type and the other way
// round.
RunConfiguration parseRunConfiguration(const nlohmann::json& given);

}  // namespace millrace

// From stored rows to the API's descriptions, and from a request's configuration to the stored one.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "service/context.h"
#include "service/shape.h"

namespace millrace {

// ApplicationConfiguration, as CreateApplication takes it.
Shape applicationConfigurationShape();
// The parts that an update has, too, with members whose names end in `suffix`, "Update", and none that must
// be there.
Shape flinkConfigurationShape(const std::string& suffix);
Shape codeConfigurationShape(const std::string& suffix);
Shape environmentPropertiesShape();
Shape snapshotModeShape();

// The ApplicationConfigurationDescription that is stored with a version: `requested` (an
// ApplicationConfiguration or null) with every default filled in. `code_description` is the
// ApplicationCodeConfigurationDescription, or null. Throws ApiError for what contradicts itself or cannot be
// done here. A new
// version's VPC configurations get their ids from `version_id`.
nlohmann::json describeConfiguration(const nlohmann::json& requested, const nlohmann::json& code_description,
                                     int64_t version_id = 1);

// The ApplicationDetail, of the version shown or of another. `job_plan` may be "".
nlohmann::json describeApplication(ServiceContext& context, const Application& application,
                                   const std::string& job_plan = "");
nlohmann::json describeVersion(ServiceContext& context, const Application& application,
                               const ApplicationVersion& version);
// Changes whenever the version that is shown does.
std::string conditionalToken(const Application& application);
nlohmann::json describeMaintenance(const Application& application);
nlohmann::json summarizeApplication(const Application& application);
nlohmann::json describeSnapshot(const SnapshotRecord& snapshot);
nlohmann::json summarizeOperation(const Operation& operation);
nlohmann::json describeOperation(const Operation& operation);

// What several places ask of a version's configuration.
bool snapshotsEnabled(const ApplicationVersion& version);
bool systemRollbackEnabled(const ApplicationVersion& version);

}  // namespace millrace

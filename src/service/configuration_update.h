// ApplicationConfigurationUpdate: from the configuration of one version to that of the next. What an update
// leaves out stays as it is; a group of settings follows CreateApplication's rules for its ConfigurationType.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "service/shape.h"

namespace millrace {

Shape applicationConfigurationUpdateShape();

// The ApplicationCodeConfiguration that the updated version is to be taken in from; null if the update leaves
// the code alone. `description` is the present ApplicationConfigurationDescription.
nlohmann::json updatedCode(const nlohmann::json& description, const nlohmann::json& update);

// The next ApplicationConfigurationDescription. `code_description` is that of new code, or null. Throws
// ApiError for what contradicts itself or cannot be done here.
nlohmann::json updateConfiguration(const nlohmann::json& description, const nlohmann::json& update,
                                   const nlohmann::json& code_description);

}  // namespace millrace

// The runtime environments of the API: which version of Flink's language and semantics an application is
// written for (AWS documentation, "Release versions").
#pragma once

#include <string>

#include "service/shape.h"

namespace millrace {

Shape runtimeEnvironmentShape();

// UnsupportedOperationException for those of SQL-1_0 and of notebooks.
void requireFlinkRuntime(const std::string& runtime_environment);

// State goes on under the same or a later one, never under an earlier one: UserError
// "service.runtime-downgrade".
void requireNoDowngrade(const std::string& of_state, const std::string& target);

}  // namespace millrace

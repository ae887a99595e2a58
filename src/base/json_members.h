// Reading members of JSON that came from outside, where each may be missing.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace millrace {

// The member, or null if `object` is none or has none of that name.
const nlohmann::json& memberOf(const nlohmann::json& object, const char* name);

}  // namespace millrace

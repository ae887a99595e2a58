#include "base/json_members.h"

#include <nlohmann/json.hpp>

namespace millrace {

const nlohmann::json& memberOf(const nlohmann::json& object, const char* name) {
    static const nlohmann::json nothing;
    if (!object.is_object()) return nothing;
    const auto at = object.find(name);
    return at == object.end() ? nothing : *at;
}

}  // namespace millrace

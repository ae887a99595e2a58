#include "types/variant.h"

namespace millrace {

std::string variantToJson(std::string_view variant) {
    std::string json;
    json.reserve(variant.size());
    bool in_string = false;
    for (size_t i = 0; i < variant.size(); ++i) {
        const char c = variant[i];
        if (in_string && c == '\\') {
            json.append(variant.substr(i++, 2));
            continue;
        }
        if (c == '"') in_string = !in_string;
        const bool no_exponent = !in_string && c == 'E' && variant.substr(i).starts_with("E0");
        if (no_exponent) {
            ++i;
        } else {
            json.push_back(c);
        }
    }
    return json;
}

}  // namespace millrace

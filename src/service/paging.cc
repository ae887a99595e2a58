#include "service/paging.h"

#include <fmt/format.h>

#include <charconv>
#include <string_view>

#include "base/hash.h"
#include "base/json_members.h"
#include "service/api_error.h"
#include "service/shape.h"

namespace millrace {

int64_t pageLimit(const nlohmann::json& input) {
    constexpr int64_t kUnasked = 50;
    const auto& limit = memberOf(input, "Limit");
    return limit.is_number() ? limit.get<int64_t>() : kUnasked;
}

std::optional<int64_t> pageStart(const nlohmann::json& input) {
    const auto& token = memberOf(input, "NextToken");
    if (token.is_null()) return std::nullopt;
    const auto& text = token.get_ref<const std::string&>();
    constexpr std::string_view kPrefix = "from:";
    int64_t last = 0;
    try {
        const std::string decoded = decodeBase64(text, "nextToken");
        const char* const end = decoded.data() + decoded.size();
        if (decoded.starts_with(kPrefix)) {
            const auto [stop, error] = std::from_chars(decoded.data() + kPrefix.size(), end, last);
            if (error == std::errc() && stop == end) return last;
        }
    } catch (const ApiError&) {
        // Not base64: not a token of ours, as below.
    }
    throw invalidArgument("The NextToken is not one that this service has given.");
}

std::string pageToken(int64_t last) { return encodeBase64(fmt::format("from:{}", last)); }

}  // namespace millrace

// Pages of lists: a NextToken holds where to go on.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace millrace {

// The request's Limit, or 50.
int64_t pageLimit(const nlohmann::json& input);
// What the last page ended with. A token that we did not give is an InvalidArgumentException.
std::optional<int64_t> pageStart(const nlohmann::json& input);
std::string pageToken(int64_t last);

// A page's answer, of one record more than the limit if there are more. `token` makes that of the last
// record.
template <class Records, class Describe, class Token>
nlohmann::json pageOf(const Records& records, int64_t limit, const char* member, Describe describe,
                      Token token) {
    nlohmann::json list = nlohmann::json::array(), answer = nlohmann::json::object();
    for (const auto& record : records) {
        list.push_back(describe(record));
        if (static_cast<int64_t>(list.size()) < limit) continue;
        if (&record != &records.back()) answer["NextToken"] = token(record);
        break;
    }
    answer[member] = std::move(list);
    return answer;
}

}  // namespace millrace

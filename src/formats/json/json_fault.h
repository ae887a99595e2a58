// A strict reader of JSON grammar that keeps nothing: it skips values, and says where and why a text is not
// JSON. The decoder parses with simdjson and asks here only when that fails, for a position and a reason a
// person can use; the fuzz target checks that the two agree on every input.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::json {

inline constexpr int kNestingMax = 1000;  // Jackson's bound, so Flink's

struct Fault {
    size_t offset = 0;  // from the start of the text
    std::string reason;
};

// Nothing if `text` is exactly one JSON value, white space around it allowed.
std::optional<Fault> findFault(std::string_view text);

// The end of the JSON value that starts at `at`, or nullptr if there is none before `end`. It does not check
// UTF-8; `non_ascii` becomes true if any byte above 0x7F was passed.
const char* skipValue(const char* at, const char* end, bool& non_ascii);

// The end of the number at `at` by JSON's grammar; `at` itself if there is none.
const char* skipNumber(const char* at, const char* end);

}  // namespace millrace::json

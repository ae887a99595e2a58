// Numbers that operators agree on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

namespace millrace {

constexpr size_t kEmitRows = 4096;                               // of a batch of results, at most
constexpr int64_t kNever = std::numeric_limits<int64_t>::max();  // a time that does not come

}  // namespace millrace

#include "operators/group_numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/unmix_hash.h"

namespace millrace {

namespace {

uint64_t countOf(const std::string& text) {
    uint64_t count = 0;
    const char* const end = text.data() + text.size();
    const auto [read, error] = std::from_chars(text.data(), end, count);
    if (error != std::errc() || read != end)
        throw UserError("snapshot.damaged", fmt::format("'{}' is not a count of groups", text));
    return count;
}

}  // namespace

GroupNumbers::GroupNumbers(OperatorContext& context, const std::string& list)
    : max_parallelism_(context.maxParallelism()), list_(context.state().list(list, Redistribution::Union)) {
    for (const std::string& item : list_)
        next_ = std::max(next_, countOf(item));
}

int64_t GroupNumbers::next(KeyGroup group) {
    const uint64_t count = next_++;
    // The key group is the hash's upper half modulo the max parallelism (base/hash.h).
    const uint64_t upper = (count >> 32) * max_parallelism_ + group.value();
    return static_cast<int64_t>(unmixHash(upper << 32 | (count & UINT32_MAX)));
}

void GroupNumbers::store() { list_ = {std::to_string(next_)}; }

}  // namespace millrace

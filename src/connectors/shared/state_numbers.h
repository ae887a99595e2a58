// States of sources and splits that are some numbers behind a version: "1 17 3 0".
#pragma once

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <string>

#include "base/error.h"

namespace millrace {

[[noreturn]] inline void throwDamagedState(const char* connector) {
    throw UserError("snapshot.damaged",
                    fmt::format("the state of a {} source in the snapshot cannot be read", connector));
}

// UserError "snapshot.damaged" if it is not just that.
template <class Number, size_t N>
std::array<Number, N> readStateNumbers(const std::string& state, const char* connector) {
    std::array<Number, N> numbers{};
    if (!state.starts_with("1 ")) throwDamagedState(connector);
    const char* at = state.data() + 1;
    const char* const end = state.data() + state.size();
    for (Number& number : numbers) {
        if (at == end || *at != ' ') throwDamagedState(connector);
        const auto [next, error] = std::from_chars(at + 1, end, number);
        if (error != std::errc()) throwDamagedState(connector);
        at = next;
    }
    if (at != end) throwDamagedState(connector);
    return numbers;
}

}  // namespace millrace

// Integers that mean different things are different types and do not convert into each other.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>

namespace millrace {

template <class Tag, class Rep>
class NamedInteger {
  public:
    using Representation = Rep;
    constexpr NamedInteger() = default;
    constexpr explicit NamedInteger(Rep value) : value_(value) {}
    constexpr Rep value() const { return value_; }
    constexpr auto operator<=>(const NamedInteger&) const = default;
    constexpr NamedInteger next() const { return NamedInteger(value_ + 1); }
    static constexpr NamedInteger min() { return NamedInteger(std::numeric_limits<Rep>::min()); }
    static constexpr NamedInteger max() { return NamedInteger(std::numeric_limits<Rep>::max()); }

  private:
    Rep value_{};
};

using CheckpointId = NamedInteger<struct CheckpointIdTag, int64_t>;  // counts from 1 in a job's life
using KeyGroup = NamedInteger<struct KeyGroupTag, uint16_t>;         // 0 .. max parallelism - 1
using SlotIndex = NamedInteger<struct SlotIndexTag, uint32_t>;  // 0 .. parallelism - 1; a subtask's index too
using NodeId = NamedInteger<struct NodeIdTag, uint32_t>;        // a node of one job graph
using EventTime =
    NamedInteger<struct EventTimeTag, int64_t>;  // milliseconds since the epoch; max() ends all time
using ProcessingTime = NamedInteger<struct ProcessingTimeTag, int64_t>;  // milliseconds since the epoch

}  // namespace millrace

template <class Tag, class Rep>
struct std::hash<millrace::NamedInteger<Tag, Rep>> {
    size_t operator()(const millrace::NamedInteger<Tag, Rep>& integer) const {
        return std::hash<Rep>()(integer.value());
    }
};

// TIMESTAMP and TIMESTAMP_LTZ in columns, in whichever physical form their precision gives them.
#pragma once

#include <type_traits>

#include "batch/column.h"
#include "types/calendar.h"

namespace millrace {

// T is what the column holds: int64_t, or Int128 where LogicalType::isNanos().
template <class T>
TimePoint timePointIn(T value) {
    if constexpr (std::is_same_v<T, Int128>) {
        return TimePoint::ofNanos(value);
    } else {
        return {value};
    }
}

template <class T>
T timeTicks(TimePoint time) {
    if constexpr (std::is_same_v<T, Int128>) {
        return time.inNanos();
    } else {
        return time.micros;
    }
}

// f.operator()<T>() for the T of the type, a TIMESTAMP or TIMESTAMP_LTZ.
template <class F>
decltype(auto) dispatchTime(const LogicalType& type, F&& f) {
    return type.isNanos() ? f.template operator()<Int128>() : f.template operator()<int64_t>();
}

// Of a row that is not NULL.
inline TimePoint timePointAt(const Column& column, size_t row) {
    return column.type().isNanos() ? TimePoint::ofNanos(column.data<Int128>()[row])
                                   : TimePoint{column.data<int64_t>()[row]};
}

}  // namespace millrace

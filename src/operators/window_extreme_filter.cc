#include "operators/window_extreme_filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"

namespace millrace {

struct WindowExtremeFilter::State final : OperatorState {
    std::map<int64_t, int64_t> extremes;  // by window end; the complement where the least is wanted
    Selection passes;                     // of the batch at hand
};

WindowExtremeFilter::WindowExtremeFilter(WindowExtremeFilterParameters parameters)
    : p_(std::move(parameters)) {
    MILLRACE_CHECK(supports(p_.schema[p_.value].type.physical()), "extremes of {}",
                   p_.schema[p_.value].type.toString());
}

bool WindowExtremeFilter::supports(PhysicalType value) {
    return value == PhysicalType::Int64 || value == PhysicalType::Int32;
}

std::string WindowExtremeFilter::name() const {
    const std::string& value = p_.schema[p_.value].name;
    return fmt::format("WindowExtremeFilter(window_end=[{}], where=[{} {} {}({})])",
                       p_.schema[p_.window_end].name, value,
                       p_.greatest ? ">=" : "<=", p_.greatest ? "MAX" : "MIN", value);
}

std::unique_ptr<OperatorState> WindowExtremeFilter::open(OperatorContext&) const {
    return std::make_unique<State>();
}

void WindowExtremeFilter::process(OperatorState& operator_state, size_t, const Batch& batch, OperatorContext&,
                                  Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (batch.empty()) return;
    state.passes.clear();
    if (batch.column(p_.value)->physical() == PhysicalType::Int64) {
        select<int64_t>(state, batch);
    } else {
        select<int32_t>(state, batch);
    }
    while (state.extremes.size() > kWindowsMax)
        state.extremes.erase(state.extremes.begin());
    if (state.passes.size() == batch.rows()) {
        output.emit(batch);
    } else if (!state.passes.empty()) {
        output.emit(batch.gather(state.passes));
    }
}

// Neighbours mostly are of one window: its extreme is found first, and then who reaches it.
template <class T>
void WindowExtremeFilter::select(State& state, const Batch& batch) const {
    const Column& ends = *batch.column(p_.window_end);
    const Column& values = *batch.column(p_.value);
    const auto* const times = ends.data<int64_t>();
    const T* const of_row = values.data<T>();
    const uint8_t* const valid = values.validity();
    const auto of = [&](size_t row) {
        const auto value = static_cast<int64_t>(of_row[row]);
        return p_.greatest ? value : ~value;  // which reverses the order, and has no overflow
    };
    for (size_t begin = 0, end = 0; begin < batch.rows(); begin = end) {
        if (ends.isNull(begin)) {
            state.passes.push_back(static_cast<uint32_t>(begin));
            end = begin + 1;
            continue;
        }
        int64_t extreme = INT64_MIN;
        for (end = begin; end < batch.rows() && times[end] == times[begin] && !ends.isNull(end); ++end) {
            if (!valid || valid[end] != 0) extreme = std::max(extreme, of(end));
        }
        int64_t& known = state.extremes.try_emplace(times[begin], extreme).first->second;
        known = std::max(known, extreme);
        for (size_t row = begin; row < end; ++row) {
            if ((!valid || valid[row] != 0) && of(row) >= known)
                state.passes.push_back(static_cast<uint32_t>(row));
        }
    }
}

}  // namespace millrace

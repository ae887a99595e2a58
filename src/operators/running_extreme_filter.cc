#include "operators/running_extreme_filter.h"

#include <algorithm>
#include <limits>
#include <map>

#include "base/error.h"
#include "operators/kept_watermark.h"
#include "operators/time_units.h"

namespace millrace {

namespace {

constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

// Values whose largest is looked for, whichever extreme it is.
template <bool kLargest, class T>
int64_t turned(T value) {
    return kLargest ? int64_t{value} : ~int64_t{value};
}

}  // namespace

struct RunningExtremeFilter::State final : OperatorState {
    KeptWatermark watermark;  // the highest that any subtask has seen, in this run or an earlier one
    bool certain = true;      // which rows the aggregation counts
    bool alone = true;        // there is no other subtask
    std::map<int64_t, int64_t> largest;  // of open windows, by their end in milliseconds
    Selection passing;
};

// What a value has to reach, for rows whose time is after `after` and at most `until`.
struct RunningExtremeFilter::Bound {
    int64_t after = kMost;
    int64_t until = kLeast;
    int64_t least = kLeast;
};

RunningExtremeFilter::RunningExtremeFilter(RunningExtremeFilterParameters parameters)
    : p_(std::move(parameters)),
      step_us_(p_.windows.step_ms * 1000),
      ends_us_((p_.windows.offset_ms + p_.windows.size_ms) * 1000) {
    MILLRACE_CHECK(p_.windows.shape != WindowShape::Cumulate, "windows of different sizes");
    MILLRACE_CHECK(p_.lower_us <= p_.upper_us, "no window is between {} and {}", p_.lower_us, p_.upper_us);
}

RunningExtremeFilter::~RunningExtremeFilter() = default;

std::unique_ptr<OperatorState> RunningExtremeFilter::open(OperatorContext& context) const {
    auto state = std::make_unique<State>();
    state->alone = context.parallelism() == 1;
    state->watermark.open(context, KeptWatermark::Restored::Highest);
    state->certain = !context.restored() || state->watermark.restored();
    return state;
}

// Takes the batch's rows into the largest values of their windows.
template <class T>
void RunningExtremeFilter::count(State& state, const Column& values, const Column& times) const {
    const int64_t slice_us = p_.windows.sliceMillis() * 1000;
    int64_t begin = 0, end = 0, largest = kLeast;  // of the slice of the row before
    const auto take = [&] {
        if (begin == end) return;
        const int64_t slice = end / 1000;
        const int64_t last = p_.windows.lastWindowEnd(slice);
        for (int64_t window = p_.windows.firstWindowEnd(slice); window <= last;
             window += p_.windows.step_ms) {
            // The window is complete once the watermark is the millisecond before its end.
            if (window - 1 <= state.watermark.value()) continue;
            int64_t& known = state.largest.emplace(window, largest).first->second;
            known = std::max(known, largest);
        }
    };
    const auto go = [&]<bool kLargest>() {
        const T* value = values.data<T>();
        const auto* time = times.data<int64_t>();
        for (size_t i = 0; i < values.size(); ++i) {
            if (values.isNull(i) || times.isNull(i)) continue;
            if (time[i] < begin || time[i] >= end) {
                take();
                end = p_.windows.sliceEnd(floorToMillis(time[i])) * 1000;
                begin = end - slice_us;
                largest = kLeast;
            }
            largest = std::max(largest, turned<kLargest>(value[i]));
        }
        take();
    };
    p_.largest ? go.template operator()<true>() : go.template operator()<false>();
}

RunningExtremeFilter::Bound RunningExtremeFilter::boundOf(const State& state, int64_t time) const {
    const int64_t first =
        ends_us_ - floorDivide(ends_us_ - (time - p_.upper_us), step_us_) * step_us_;  // at or after
    const int64_t last = ends_us_ + floorDivide(time - p_.lower_us - ends_us_, step_us_) * step_us_;
    Bound bound;
    bound.after = std::max(first - step_us_ + p_.upper_us, last + p_.lower_us - 1);
    bound.until = std::min(first + p_.upper_us, last + step_us_ + p_.lower_us - 1);
    bound.least = kMost;
    for (int64_t end = first; end <= last; end += step_us_) {
        const auto known = state.largest.find(end / 1000);
        bound.least = std::min(bound.least, known == state.largest.end() ? kLeast : known->second);
    }
    return bound;
}

template <class T>
void RunningExtremeFilter::choose(State& state, const Column& values, const Column& times) const {
    state.passing.resize(values.size());
    size_t passing = 0;
    Bound bound;
    const auto go = [&]<bool kLargest>() {
        const T* value = values.data<T>();
        const auto* time = times.data<int64_t>();
        for (uint32_t i = 0; i < values.size(); ++i) {
            if (times.isNull(i)) {
                state.passing[passing++] = i;  // whoever reads it says what is wrong with it
                continue;
            }
            if (time[i] <= bound.after || time[i] > bound.until) bound = boundOf(state, time[i]);
            state.passing[passing] = i;
            passing += !values.isNull(i) && turned<kLargest>(value[i]) >= bound.least;
        }
    };
    p_.largest ? go.template operator()<true>() : go.template operator()<false>();
    state.passing.resize(passing);
}

void RunningExtremeFilter::process(OperatorState& operator_state, size_t, const Batch& batch,
                                   OperatorContext&, Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (batch.empty() || !state.certain) return output.emit(batch);
    const Column& values = *batch.column(p_.value);
    const Column& times = *batch.column(p_.time);
    if (values.physical() == PhysicalType::Int32) {
        count<int32_t>(state, values, times);
        choose<int32_t>(state, values, times);
    } else {
        count<int64_t>(state, values, times);
        choose<int64_t>(state, values, times);
    }
    output.emit(state.passing.size() == batch.rows() ? batch : batch.gather(state.passing));
}

void RunningExtremeFilter::onWatermark(OperatorState& operator_state, EventTime watermark, OperatorContext&,
                                       Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    state.watermark.rise(watermark);
    // Rows of windows that are complete are late, and few: they pass.
    state.largest.erase(state.largest.begin(), state.largest.upper_bound(watermark.value()));
    output.emitWatermark(watermark);
}

void RunningExtremeFilter::onIdle(OperatorState& operator_state, bool idle, OperatorContext&,
                                  Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (idle && !state.alone) state.certain = false;
    output.emitIdle(idle);
}

void RunningExtremeFilter::beforeBarrier(OperatorState& operator_state, OperatorContext&, Output&) const {
    static_cast<State&>(operator_state).watermark.store();
}

}  // namespace millrace

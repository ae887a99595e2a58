#include "operators/window_rank.h"

#include <algorithm>
#include <limits>

#include "operators/function_context.h"
#include "operators/kept_watermark.h"
#include "operators/limits.h"
#include "operators/windows.h"

namespace millrace {

struct WindowRank::State final : OperatorState {
    State(OrderedRowsParameters parameters, const std::string& zone, OperatorContext& context)
        : rows(std::move(parameters), context),
          clock(zone),
          late(context.metrics().counter("numLateRecordsDropped")) {}

    OrderedRows rows;
    ZoneClock clock;
    Counter& late;
    KeptWatermark watermark;
    absl::btree_set<std::pair<int64_t, uint32_t>> windows;  // ends, with the partitions that have rows
    // Of the batch at hand.
    std::vector<uint32_t> touched;
    std::vector<int64_t> evicted;

    // The watermark, or the time of the clock, from which on a window is complete.
    int64_t completeAt(int64_t window_end, bool processing_time) const {
        return clock.toUtc(processing_time ? window_end : window_end - 1);
    }
};

WindowRank::WindowRank(WindowRankParameters parameters) : p_(std::move(parameters)) {
    p_.first = std::max<int64_t>(p_.first, 1);
}

WindowRank::~WindowRank() = default;

std::vector<KeptState> WindowRank::keeps() const {
    return {{"window-rank", fmt::format("at most {} rows{}", p_.last, ofEach(p_.input, p_.partition)),
             untilPassed(p_.processing_time, "the window's end")}};
}

std::unique_ptr<OperatorState> WindowRank::open(OperatorContext& context) const {
    OrderedRowsParameters rows;
    rows.name = "window-rank";
    rows.columns = p_.input;
    rows.partition = p_.partition;
    rows.order = p_.order;
    auto state = std::make_unique<State>(
        std::move(rows), p_.instants ? localTimeZone(context.configuration()) : "UTC", context);
    if (!p_.processing_time) state->watermark.open(context);
    std::vector<int64_t> numbers;
    for (uint32_t partition = 0; partition < state->rows.partitions(); ++partition)
        numbers.push_back(state->rows.rows(partition).begin()->number);
    if (numbers.empty()) return state;
    const ColumnPtr ends = state->rows.load(p_.window_end, state->rows.stateRows(numbers));
    for (uint32_t partition = 0; partition < numbers.size(); ++partition)
        state->windows.insert({ends->data<int64_t>()[partition] / 1000, partition});
    if (p_.processing_time)
        context.wakeAt(ProcessingTime(state->completeAt(state->windows.begin()->first, true)));
    return state;
}

// Without the rows whose window is complete.
Batch WindowRank::inTime(State& state, const Batch& batch) const {
    const int64_t* ends = batch.column(p_.window_end)->data<int64_t>();
    Selection left;
    int64_t known = 0;
    bool complete = false;
    for (size_t row = 0; row < batch.rows(); ++row) {
        if (row == 0 || ends[row] != known) {
            known = ends[row];
            complete = state.completeAt(known / 1000, false) <= state.watermark.value();
        }
        if (!complete) left.push_back(static_cast<uint32_t>(row));
    }
    if (left.size() == batch.rows()) return batch;
    state.late.add(static_cast<int64_t>(batch.rows() - left.size()));
    return batch.gather(left);
}

void WindowRank::process(OperatorState& operator_state, size_t, const Batch& all, OperatorContext& context,
                         Output&) const {
    auto& state = static_cast<State&>(operator_state);
    if (all.empty() || p_.last < p_.first) return;
    const Batch batch = p_.processing_time ? all : inTime(state, all);
    if (batch.empty()) return;
    const int64_t* ends = batch.column(p_.window_end)->data<int64_t>();
    state.rows.begin(batch);
    state.touched.clear();
    state.evicted.clear();
    for (size_t row = 0; row < batch.rows(); ++row) {
        const uint32_t partition = state.rows.partitionOf(row);
        OrderedRows::Rows& rows = state.rows.rows(partition);
        const bool full = static_cast<int64_t>(rows.size()) >= p_.last;
        if (full && state.rows.keyOf(row) >= rows.rbegin()->key) continue;
        if (rows.empty()) state.windows.insert({ends[row] / 1000, partition});
        rows.insert(state.rows.pending(row));
        state.touched.push_back(partition);
        if (!full) continue;
        const auto worst = std::prev(rows.end());
        if (worst->number < OrderedRows::kPending) state.evicted.push_back(worst->number);
        rows.erase(worst);
    }
    std::sort(state.touched.begin(), state.touched.end());
    state.touched.erase(std::unique(state.touched.begin(), state.touched.end()), state.touched.end());
    for (const uint32_t partition : state.touched) {
        for (const OrderedRow& row : state.rows.rows(partition)) {
            if (row.number >= OrderedRows::kPending) state.rows.keep(row);
        }
    }
    state.rows.erase(state.evicted);
    state.rows.store(batch);
    if (p_.processing_time && !state.windows.empty())
        context.wakeAt(ProcessingTime(state.completeAt(state.windows.begin()->first, true)));
}

void WindowRank::fireDue(State& state, int64_t time, Output& output) const {
    std::vector<uint32_t> partitions;
    auto window = state.windows.begin();
    for (; window != state.windows.end(); ++window) {
        if (time != kNever && state.completeAt(window->first, p_.processing_time) > time) break;
        partitions.push_back(window->second);
    }
    state.windows.erase(state.windows.begin(), window);
    for (size_t begin = 0; begin < partitions.size();) {
        size_t end = begin, rows = 0;
        while (end < partitions.size() && rows < kEmitRows)
            rows += state.rows.rows(partitions[end++]).size();
        fire(state, {partitions.data() + begin, end - begin}, output);
        begin = end;
    }
}

void WindowRank::fire(State& state, std::span<const uint32_t> partitions, Output& output) const {
    std::vector<int64_t> all, numbers, places;
    for (const uint32_t partition : partitions) {
        int64_t place = 0;
        for (const OrderedRow& row : state.rows.rows(partition)) {
            all.push_back(row.number);
            if (++place < p_.first) continue;
            numbers.push_back(row.number);
            places.push_back(place);
        }
    }
    if (!numbers.empty()) {
        const std::vector<std::byte*> state_rows = state.rows.stateRows(numbers);
        std::vector<ColumnPtr> columns;
        for (size_t column = 0; column < p_.input.size(); ++column)
            columns.push_back(state.rows.load(column, state_rows));
        if (p_.outputs_number) {
            auto number = std::make_shared<Column>(p_.output.fields().back().type, places.size());
            std::copy(places.begin(), places.end(), number->mutableData<int64_t>());
            columns.push_back(std::move(number));
        }
        output.emit(Batch(numbers.size(), std::move(columns)));
    }
    state.rows.erase(all);
    for (const uint32_t partition : partitions) {
        state.rows.rows(partition).clear();
        state.rows.dropIfEmpty(partition);
    }
}

void WindowRank::onWatermark(OperatorState& operator_state, EventTime watermark, OperatorContext&,
                             Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (!p_.processing_time) {
        fireDue(state, watermark.value(), output);
        state.watermark.rise(watermark);
    }
    output.emitWatermark(watermark);
}

void WindowRank::onProcessingTime(OperatorState& operator_state, ProcessingTime now, OperatorContext& context,
                                  Output& output) const {
    if (!p_.processing_time) return;
    auto& state = static_cast<State&>(operator_state);
    fireDue(state, now.value(), output);
    if (!state.windows.empty())
        context.wakeAt(ProcessingTime(state.completeAt(state.windows.begin()->first, true)));
}

void WindowRank::onEndOfInput(OperatorState& operator_state, OperatorContext&, Output& output) const {
    if (p_.processing_time) fireDue(static_cast<State&>(operator_state), kNever, output);
}

void WindowRank::beforeBarrier(OperatorState& operator_state, OperatorContext&, Output&) const {
    static_cast<State&>(operator_state).watermark.store();
}

}  // namespace millrace

#include "operators/window_aggregate.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

#include "operators/batch_keys.h"
#include "operators/function_context.h"
#include "operators/kept_watermark.h"
#include "operators/limits.h"
#include "operators/scratch_state.h"

namespace millrace {

namespace {
constexpr int64_t kLongAgo = std::numeric_limits<int64_t>::min();
}  // namespace

struct WindowAggregate::State final : OperatorState {
    State(KeyedTable& slices_table, const std::string& zone, Counter& late_rows)
        : table(slices_table), clock(zone), late(late_rows) {}

    KeyedTable& table;
    std::optional<size_t> emitted_field;
    ZoneClock clock;
    Counter& late;
    KeptWatermark watermark;       // event time: windows up to it have been emitted
    std::set<int64_t> slices;      // those with rows
    int64_t next_window = kNever;  // the earliest end of an unemitted window with rows

    // Only HOP: a window's slices are merged here. Not part of snapshots.
    std::unique_ptr<StateBackend> scratch_backend;
    KeyedTable* scratch_table = nullptr;

    // Of the batch at hand.
    std::vector<ColumnPtr> keys;
    std::vector<uint64_t> hashes;
    std::vector<int8_t> signs;
    bool retracts = false;
    Slices dealt;
    std::vector<std::byte*> rows;
    std::vector<int8_t> selected_signs;
    Aggregation::Scratch scratch;

    // Whether a window is complete at `time`: of the watermark, or of the clock.
    bool complete(int64_t window_end, int64_t time, bool processing_time) const {
        if (processing_time) return clock.toUtc(window_end) <= time;
        return clock.toUtc(window_end - 1) <= time;
    }
    // The end of the last window in which a row was emitted, where that is kept.
    int64_t emittedUntil(const std::byte* row) const {
        if (!emitted_field || RowLayout::isNull(row, *emitted_field)) return kLongAgo;
        return RowLayout::at<int64_t>(row, table.layout().offset(*emitted_field));
    }
    // A slice's rows that are still to be emitted in a window.
    std::vector<std::byte*> rowsFor(int64_t slice, int64_t window_end) const {
        std::vector<std::byte*> all = table.allRows(slice);
        if (emitted_field)
            std::erase_if(all, [&](const std::byte* row) { return emittedUntil(row) >= window_end; });
        return all;
    }
    void markEmitted(int64_t slice, std::span<std::byte* const> emitted, int64_t window_end) const {
        if (!emitted_field) return;
        for (std::byte* row : emitted) {
            table.touch(slice, row);
            RowLayout::setNull(row, *emitted_field, false);
            RowLayout::at<int64_t>(row, table.layout().offset(*emitted_field)) = window_end;
        }
    }
};

WindowAggregate::WindowAggregate(WindowAggregateParameters parameters)
    : p_(std::move(parameters)), aggregation_(std::move(p_.terms), p_.input_retracts) {
    MILLRACE_CHECK(p_.columns.size() == p_.output.size(), "{} columns for {} fields", p_.columns.size(),
                   p_.output.size());
    MILLRACE_CHECK(p_.processing_time || p_.time_column, "event-time windows need a time column");
    MILLRACE_CHECK(p_.windows.size_ms > 0 && p_.windows.step_ms > 0, "windows of no length");
}

WindowAggregate::~WindowAggregate() = default;

std::vector<KeptState> WindowAggregate::keeps() const {
    const bool by_slice = !carriesWindow() && p_.windows.shape != WindowShape::Tumble;
    const std::string of = by_slice ? fmt::format(" of each slice of {} of the open windows",
                                                  formatDuration(Duration{p_.windows.sliceMillis()}))
                                    : " of each open window";
    return {{"window-aggregate", oneRowForEach(p_.input, p_.keys) + of,
             untilPassed(p_.processing_time, by_slice ? "the end of its last window" : "the window's end")}};
}

std::unique_ptr<OperatorState> WindowAggregate::open(OperatorContext& context) const {
    KeyedStateDescriptor descriptor;
    descriptor.name = "window-aggregate";
    descriptor.key = Aggregation::keySchema(p_.input, p_.keys);
    descriptor.value = aggregation_.valueSchema();
    descriptor.namespaced = true;
    std::optional<size_t> emitted_field;
    if (p_.processing_time && !carriesWindow() && p_.windows.shape != WindowShape::Tumble) {
        std::vector<Field> fields = descriptor.value.fields();
        emitted_field = descriptor.key.size() + fields.size();
        fields.push_back({"emitted", LogicalType::bigint()});
        descriptor.value = Schema(std::move(fields));
    }
    auto state = std::make_unique<State>(context.state().table(descriptor),
                                         p_.instants ? localTimeZone(context.configuration()) : "UTC",
                                         context.metrics().counter("numLateRecordsDropped"));
    state->emitted_field = emitted_field;
    if (!carriesWindow() && p_.windows.shape == WindowShape::Hop) {
        state->scratch_backend = makeScratchState("WindowAggregate", context);
        state->scratch_table = &state->scratch_backend->table(descriptor);
    }
    if (!p_.processing_time) state->watermark.open(context);
    for (const int64_t slice : state->table.namespaces()) {
        state->slices.insert(slice);
        const int64_t next = emitted_field ? nextToEmit(*state, slice) : firstOpenWindow(*state, slice);
        state->next_window = std::min(state->next_window, next);
    }
    if (p_.processing_time && state->next_window != kNever) {
        context.wakeAt(ProcessingTime(state->clock.toUtc(state->next_window)));
    }
    return state;
}

// The first window of a restored slice that was not emitted before; kNever if all were.
int64_t WindowAggregate::firstOpenWindow(const State& state, int64_t slice) const {
    for (int64_t end = firstWindowEnd(slice); end <= lastWindowEnd(slice); end += p_.windows.step_ms) {
        if (p_.processing_time || !state.complete(end, state.watermark.value(), false)) return end;
    }
    return kNever;
}

// The same where every row knows in which window it was emitted last.
int64_t WindowAggregate::nextToEmit(const State& state, int64_t slice) const {
    int64_t next = kNever;
    for (const std::byte* row : state.table.allRows(slice)) {
        const int64_t emitted = state.emittedUntil(row);
        int64_t end = firstWindowEnd(slice);
        if (emitted >= end) end += ((emitted - end) / p_.windows.step_ms + 1) * p_.windows.step_ms;
        if (end <= lastWindowEnd(slice)) next = std::min(next, end);
    }
    return next;
}

void WindowAggregate::process(OperatorState& operator_state, size_t, const Batch& batch,
                              OperatorContext& context, Output&) const {
    auto& state = static_cast<State&>(operator_state);
    if (batch.empty()) return;
    keysOf(batch, p_.keys, state.keys, state.hashes);
    state.retracts = p_.input_retracts && signsOf(batch, state.signs);

    if (p_.time_column) {
        state.dealt.deal(*batch.column(*p_.time_column), p_.input[*p_.time_column].name, p_.time_is,
                         p_.windows, state.clock);
    } else {
        state.dealt.dealAllTo(p_.windows.sliceEnd(state.clock.toLocal(context.now().value())));
    }
    for (size_t i = 0; i < state.dealt.size(); ++i)
        addRows(state, batch, state.dealt.end(i), state.dealt.selection(i), context);
}

void WindowAggregate::countLate(State& state, const Batch& batch, std::span<const uint32_t> selection) const {
    auto late = static_cast<int64_t>(selection.empty() ? batch.rows() : selection.size());
    if (p_.rows_column) {
        const auto* rows = batch.column(*p_.rows_column)->data<int64_t>();
        late = selection.empty()
                   ? std::accumulate(rows, rows + batch.rows(), int64_t{0})
                   : std::accumulate(selection.begin(), selection.end(), int64_t{0},
                                     [&](int64_t sum, uint32_t row) { return sum + rows[row]; });
    }
    state.late.add(late);
}

void WindowAggregate::addRows(State& state, const Batch& batch, int64_t slice,
                              std::span<const uint32_t> selection, OperatorContext& context) const {
    const size_t count = selection.empty() ? batch.rows() : selection.size();
    int64_t target = slice;
    int64_t window = firstWindowEnd(slice);
    const int64_t last = lastWindowEnd(slice);
    if (window > last) return;  // a gap between windows: HOP with a slide longer than its size
    if (!p_.processing_time) {
        if (state.complete(last, state.watermark.value(), false)) {
            return countLate(state, batch, selection);
        }
        const bool late_for_first = state.complete(window, state.watermark.value(), false);
        while (state.complete(window, state.watermark.value(), false))
            window += p_.windows.step_ms;
        if (late_for_first && p_.windows.shape == WindowShape::Cumulate) {
            target = p_.windows.windowStart(slice) + p_.windows.step_ms;
        }
    }
    state.table.findOrInsert(target, state.keys, state.hashes, selection, state.rows);
    const int8_t* signs = nullptr;
    if (state.retracts) {
        if (selection.empty()) {
            signs = state.signs.data();
        } else {
            state.selected_signs.resize(count);
            for (size_t i = 0; i < count; ++i)
                state.selected_signs[i] = state.signs[selection[i]];
            signs = state.selected_signs.data();
        }
    }
    aggregation_.accumulate(batch, selection, state.rows, signs, state.table, state.scratch);
    state.slices.insert(target);
    if (window < state.next_window) {
        state.next_window = window;
        if (p_.processing_time) context.wakeAt(ProcessingTime(state.clock.toUtc(window)));
    }
}

void WindowAggregate::onWatermark(OperatorState& operator_state, EventTime watermark,
                                  OperatorContext& context, Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (!p_.processing_time) {
        fireDue(state, watermark.value(), context, output);
        state.watermark.rise(watermark);
    }
    output.emitWatermark(watermark);
}

void WindowAggregate::onProcessingTime(OperatorState& operator_state, ProcessingTime now,
                                       OperatorContext& context, Output& output) const {
    if (!p_.processing_time) return;
    auto& state = static_cast<State&>(operator_state);
    fireDue(state, now.value(), context, output);
    if (state.next_window != kNever) {
        context.wakeAt(ProcessingTime(state.clock.toUtc(state.next_window)));
    }
}

void WindowAggregate::onEndOfInput(OperatorState& operator_state, OperatorContext& context,
                                   Output& output) const {
    if (p_.processing_time) fireDue(static_cast<State&>(operator_state), kNever, context, output);
}

void WindowAggregate::beforeBarrier(OperatorState& operator_state, OperatorContext&, Output&) const {
    static_cast<State&>(operator_state).watermark.store();
}

void WindowAggregate::fireDue(State& state, int64_t time, OperatorContext& context, Output& output) const {
    while (state.next_window != kNever && state.complete(state.next_window, time, p_.processing_time)) {
        const int64_t window = state.next_window;
        fire(state, window, context, output);
        // The next window with rows: the first one after `window` of any slice that is left.
        state.next_window = kNever;
        for (const int64_t slice : state.slices) {
            int64_t next = firstWindowEnd(slice);
            if (next >= state.next_window) break;  // slices ascend, and so do their first windows
            if (next <= window) next += ((window - next) / p_.windows.step_ms + 1) * p_.windows.step_ms;
            if (next <= lastWindowEnd(slice)) state.next_window = std::min(state.next_window, next);
        }
    }
}

void WindowAggregate::fire(State& state, int64_t window_end, OperatorContext& context, Output& output) const {
    if (!carriesWindow() && p_.windows.shape == WindowShape::Hop) {
        fireHop(state, window_end, context, output);
    } else if (!carriesWindow() && p_.windows.shape == WindowShape::Cumulate) {
        fireCumulate(state, window_end, context, output);
    } else {
        emitRows(state, state.table, state.table.allRows(window_end), window_end, context, output);
        state.table.dropNamespace(window_end);
        state.slices.erase(window_end);
    }
}

void WindowAggregate::fireHop(State& state, int64_t window_end, OperatorContext& context,
                              Output& output) const {
    const auto begin = state.slices.upper_bound(p_.windows.windowStart(window_end));
    const auto end = state.slices.upper_bound(window_end);
    if (begin != end && std::next(begin) == end) {  // one slice: nothing to merge
        const std::vector<std::byte*> rows = state.rowsFor(*begin, window_end);
        emitRows(state, state.table, rows, window_end, context, output);
        state.markEmitted(*begin, rows, window_end);
    } else if (begin != end) {
        for (auto slice = begin; slice != end; ++slice) {
            const std::vector<std::byte*> rows = state.rowsFor(*slice, window_end);
            mergeRows(state, rows, *state.scratch_table, window_end);
            state.markEmitted(*slice, rows, window_end);
        }
        emitRows(state, *state.scratch_table, state.scratch_table->allRows(window_end), window_end, context,
                 output);
        state.scratch_table->dropNamespace(window_end);
    }
    while (!state.slices.empty() && lastWindowEnd(*state.slices.begin()) <= window_end) {
        state.table.dropNamespace(*state.slices.begin());
        state.slices.erase(state.slices.begin());
    }
}

void WindowAggregate::fireCumulate(State& state, int64_t window_end, OperatorContext& context,
                                   Output& output) const {
    const int64_t start = p_.windows.windowStart(window_end);
    const int64_t first = start + p_.windows.step_ms;
    if (window_end != first && state.slices.contains(window_end)) {
        mergeRows(state, state.table.allRows(window_end), state.table, first);
        state.table.dropNamespace(window_end);
        state.slices.erase(window_end);
        state.slices.insert(first);
    }
    const std::vector<std::byte*> rows = state.rowsFor(first, window_end);
    emitRows(state, state.table, rows, window_end, context, output);
    state.markEmitted(first, rows, window_end);
    if (window_end == start + p_.windows.size_ms) {
        state.table.dropNamespace(first);
        state.slices.erase(first);
    }
}

void WindowAggregate::mergeRows(State& state, std::span<std::byte* const> sources, KeyedTable& into,
                                int64_t into_namespace) const {
    for (size_t begin = 0; begin < sources.size(); begin += kEmitRows) {
        const size_t count = std::min(kEmitRows, sources.size() - begin);
        const std::span<std::byte* const> part(sources.data() + begin, count);
        std::vector<ColumnPtr> keys;
        for (size_t k = 0; k < p_.keys.size(); ++k)
            keys.push_back(loadColumn(into.layout(), k, part));
        hashColumns(keys, count, state.hashes);
        into.findOrInsert(into_namespace, keys, state.hashes, {}, state.rows);
        for (size_t i = 0; i < count; ++i)
            aggregation_.merge(into, state.rows[i], part[i], into.heap());
    }
}

void WindowAggregate::emitRows(State& state, KeyedTable& table, std::vector<std::byte*> rows,
                               int64_t window_end, OperatorContext&, Output& output) const {
    if (aggregation_.countsRows()) {
        std::erase_if(rows, [&](const std::byte* row) { return aggregation_.count(table, row) <= 0; });
    }
    for (size_t begin = 0; begin < rows.size(); begin += kEmitRows) {
        const std::span<std::byte* const> part(rows.data() + begin, std::min(kEmitRows, rows.size() - begin));
        std::vector<ColumnPtr> columns;
        columns.reserve(p_.columns.size());
        for (size_t i = 0; i < p_.columns.size(); ++i) {
            const WindowAggregateColumn& column = p_.columns[i];
            const LogicalType& type = p_.output[i].type;
            const auto constant = [&](int64_t ms) {
                return Column::constant(type, Value::int64(ms * 1000), part.size());
            };
            switch (column.from) {
                case WindowAggregateColumn::From::Key:
                    columns.push_back(Column::retyped(loadColumn(table.layout(), column.index, part), type));
                    break;
                case WindowAggregateColumn::From::Term:
                    columns.push_back(Column::retyped(aggregation_.result(table, column.index, part), type));
                    break;
                case WindowAggregateColumn::From::WindowStart:
                    columns.push_back(constant(p_.windows.windowStart(window_end)));
                    break;
                case WindowAggregateColumn::From::WindowEnd:
                    columns.push_back(constant(window_end));
                    break;
                case WindowAggregateColumn::From::WindowTime:
                    columns.push_back(constant(state.clock.toUtc(window_end - 1)));
                    break;
            }
        }
        output.emit(Batch(part.size(), std::move(columns)));
    }
}

}  // namespace millrace

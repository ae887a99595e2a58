#include "operators/window_join.h"

#include <algorithm>
#include <map>
#include <set>

#include "operators/kept_watermark.h"
#include "operators/time_units.h"
#include "operators/windows.h"

namespace millrace {

struct WindowJoin::State final : OperatorState {
    State(const JoinShape& shape, OperatorContext& context, const std::string& zone, RowLists left,
          RowLists right)
        : lists{std::move(left), std::move(right)},
          rows(shape, context),
          clock(zone),
          late(context.metrics().counter("numLateRecordsDropped")) {
        watermark.open(context);
    }

    bool complete(int64_t window_end, int64_t time) const { return clock.toUtc(window_end - 1) <= time; }

    RowLists lists[2];
    JoinRows rows;
    ZoneClock clock;
    Counter& late;
    KeptWatermark watermark;
    std::set<int64_t> windows;  // those with rows
    KeyedBatch keyed;
    Selection with_key, without_key;
    std::vector<int64_t> matches;
    std::map<int64_t, Selection> dealt;  // rows of the batch at hand by window
};

WindowJoin::WindowJoin(WindowJoinParameters parameters) : p_(std::move(parameters)) { p_.shape.check(); }

WindowJoin::~WindowJoin() = default;

std::vector<KeptState> WindowJoin::keeps() const {
    const std::string until = untilPassed(false, "the window's end");
    return {{"left-rows", "the rows of the left input in open windows", until},
            {"right-rows", "the rows of the right input in open windows", until}};
}

std::unique_ptr<OperatorState> WindowJoin::open(OperatorContext& context) const {
    const auto lists = [&](size_t side) {
        const JoinInput& input = p_.shape.inputs[side];
        RowLists::Shape shape{side == 0 ? "left" : "right", input.schema, input.keys};
        shape.counts_matches = side == 1 && keepsRight(p_.shape.type);
        shape.namespaced = true;
        return RowLists(context.state(), context.maxParallelism(), std::move(shape));
    };
    auto state = std::make_unique<State>(
        p_.shape, context, p_.instants ? localTimeZone(context.configuration()) : "UTC", lists(0), lists(1));
    for (const RowLists& side : state->lists) {
        for (const int64_t window : side.namespaces())
            state->windows.insert(window);
    }
    return state;
}

void WindowJoin::process(OperatorState& operator_state, size_t side, const Batch& batch, OperatorContext&,
                         Output&) const {
    auto& state = static_cast<State&>(operator_state);
    if (batch.empty()) return;
    const Column& ends = *batch.column(p_.window_ends[side]);
    const int64_t* times = ends.data<int64_t>();
    state.dealt.clear();
    Selection* rows_of = nullptr;  // of the window of the row before
    int64_t end = 0;
    for (uint32_t i = 0; i < batch.rows(); ++i) {
        if (ends.isNull(i)) {
            throw UserError("sql.null-window", "a row has NULL for its window's end, by which it is joined",
                            "filter such rows out before the join");
        }
        if (rows_of == nullptr || times[i] != end) {
            end = times[i];
            rows_of = &state.dealt[floorToMillis(end)];
        }
        rows_of->push_back(i);
    }
    state.keyed.set(batch, p_.shape.inputs[side].keys);
    std::vector<int64_t> none;
    for (const auto& [window, rows] : state.dealt) {
        if (state.complete(window, state.watermark.value())) {
            state.late.add(static_cast<int64_t>(rows.size()));
            continue;
        }
        state.lists[side].enter(window);
        if (side == 1 && keepsRight(p_.shape.type)) none.assign(rows.size(), 0);
        state.lists[side].add(state.keyed, rows, none);
        state.windows.insert(window);
    }
}

void WindowJoin::onWatermark(OperatorState& operator_state, EventTime watermark, OperatorContext& context,
                             Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    while (!state.windows.empty() && state.complete(*state.windows.begin(), watermark.value())) {
        fire(state, *state.windows.begin(), context, output);
        state.windows.erase(state.windows.begin());
    }
    state.watermark.rise(watermark);
    output.emitWatermark(watermark);
}

void WindowJoin::fire(State& state, int64_t window, OperatorContext& context, Output& output) const {
    for (RowLists& side : state.lists)
        side.enter(window);
    const std::vector<std::byte*> left = state.lists[0].all();
    for (size_t first = 0; first < left.size(); first += JoinRows::kRowsMax) {
        const size_t count = std::min(JoinRows::kRowsMax, left.size() - first);
        const std::span<std::byte* const> rows(left.data() + first, count);
        std::vector<ColumnPtr> columns;
        for (size_t column = 0; column < p_.shape.inputs[0].schema.size(); ++column)
            columns.push_back(state.lists[0].load(column, rows));
        meetLeft(state, Batch(count, std::move(columns)), context, output);
    }
    if (keepsRight(p_.shape.type)) putOutRight(state, context, output);
    for (RowLists& side : state.lists)
        side.drop();
}

void WindowJoin::meetLeft(State& state, const Batch& left, OperatorContext& context, Output& output) const {
    const JoinType type = p_.shape.type;
    RowLists& right = state.lists[1];
    state.keyed.set(left, p_.shape.inputs[0].keys);
    JoinRows::divide(state.keyed, state.keyed.all, state.with_key, state.without_key);
    state.matches.assign(left.rows(), 0);
    state.rows.begin(0, left, right, context, output);
    state.rows.meet(state.keyed, state.with_key,
                    [&](std::span<const uint32_t> pairs, std::span<std::byte* const> others) {
                        for (size_t i = 0; i < pairs.size(); ++i) {
                            ++state.matches[pairs[i]];
                            if (keepsRight(type)) right.setMatches(others[i], 1);
                            if (!onlyLeft(type)) state.rows.put(pairs[i], others[i], RowKind::Insert);
                        }
                    });
    if (keepsLeft(type) || onlyLeft(type)) {
        for (const uint32_t row : state.keyed.all) {
            if ((state.matches[row] > 0) == (type == JoinType::Semi))
                state.rows.put(row, nullptr, RowKind::Insert);
        }
    }
    state.rows.flush();
}

void WindowJoin::putOutRight(State& state, OperatorContext& context, Output& output) const {
    const Batch none;
    state.rows.begin(0, none, state.lists[1], context, output);
    for (std::byte* row : state.lists[1].all()) {
        if (state.lists[1].matches(row) == 0) state.rows.put(JoinRows::kNoRow, row, RowKind::Insert);
    }
    state.rows.flush();
}

void WindowJoin::beforeBarrier(OperatorState& operator_state, OperatorContext&, Output&) const {
    static_cast<State&>(operator_state).watermark.store();
}

}  // namespace millrace

#include "operators/interval_join.h"

#include <algorithm>
#include <map>
#include <set>

#include "operators/kept_watermark.h"
#include "operators/time_units.h"

namespace millrace {

struct IntervalJoin::State final : OperatorState {
    State(const JoinShape& shape, OperatorContext& context, RowLists left, RowLists right)
        : lists{std::move(left), std::move(right)}, rows(shape, context) {
        watermark.open(context);
    }

    RowLists lists[2];
    std::set<int64_t> spans[2];  // those with rows, numbered
    JoinRows rows;
    KeptWatermark watermark;
    // Of the batch at hand.
    KeyedBatch keyed;
    std::vector<int64_t> times_ms;
    Selection with_key, without_key, selected;
    std::vector<int64_t> matches;
    std::map<int64_t, Selection> dealt;
};

IntervalJoin::IntervalJoin(IntervalJoinParameters parameters) : p_(std::move(parameters)) {
    p_.shape.check();
    MILLRACE_CHECK(p_.lower_ms <= p_.upper_ms, "an interval from {} to {}", p_.lower_ms, p_.upper_ms);
    // Few spans for a row to look into, and few rows that are kept too long.
    constexpr int64_t kShortestMs = 1'000;
    span_ms_ = std::max(kShortestMs, (p_.upper_ms - p_.lower_ms) / 2 + 1);
    delay_ms_ = std::max(std::abs(p_.lower_ms), std::abs(p_.upper_ms));
    if (p_.shape.type != JoinType::Inner) delay_ms_ += span_ms_;
}

IntervalJoin::~IntervalJoin() = default;

std::vector<KeptState> IntervalJoin::keeps() const {
    const auto until = [&](int64_t reach_ms) {
        return fmt::format("dropped when the watermark is {} past its time, at the latest",
                           formatDuration(Duration{std::max<int64_t>(reach_ms, 0) + span_ms_}));
    };
    return {{"left-rows", "the rows of the left input that others may still meet", until(-p_.lower_ms)},
            {"right-rows", "the rows of the right input that others may still meet", until(p_.upper_ms)}};
}

std::unique_ptr<OperatorState> IntervalJoin::open(OperatorContext& context) const {
    const auto lists = [&](size_t side) {
        const JoinInput& input = p_.shape.inputs[side];
        RowLists::Shape shape{side == 0 ? "left" : "right", input.schema, input.keys};
        shape.counts_matches = p_.shape.counts(side);
        shape.namespaced = true;
        return RowLists(context.state(), context.maxParallelism(), std::move(shape));
    };
    auto state = std::make_unique<State>(p_.shape, context, lists(0), lists(1));
    for (size_t side = 0; side < 2; ++side) {
        for (const int64_t span : state->lists[side].namespaces())
            state->spans[side].insert(span);
    }
    return state;
}

// Whether nothing that comes after the watermark meets a row of the span.
bool IntervalJoin::expired(size_t side, int64_t span, int64_t watermark) const {
    const int64_t last = (span + 1) * span_ms_ - 1;
    return last + (side == 0 ? -p_.lower_ms : p_.upper_ms) <= watermark;
}

void IntervalJoin::process(OperatorState& operator_state, size_t side, const Batch& batch,
                           OperatorContext& context, Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (batch.empty()) return;
    const Column& time = *batch.column(p_.time_columns[side]);
    state.keyed.set(batch, p_.shape.inputs[side].keys);
    JoinRows::divide(state.keyed, state.keyed.all, state.with_key, state.without_key);
    if (time.hasNulls()) {
        const auto without_time = std::stable_partition(state.with_key.begin(), state.with_key.end(),
                                                        [&](uint32_t row) { return !time.isNull(row); });
        state.without_key.insert(state.without_key.end(), without_time, state.with_key.end());
        state.with_key.erase(without_time, state.with_key.end());
    }
    state.times_ms.resize(batch.rows());
    for (const uint32_t row : state.with_key)
        state.times_ms[row] = floorToMillis(time.data<int64_t>()[row]);
    state.matches.assign(batch.rows(), 0);
    state.rows.begin(side, batch, state.lists[1 - side], context, output);
    meet(state, side);
    if (p_.shape.counts(side) && p_.shape.type != JoinType::Semi) {
        for (const uint32_t row : state.without_key)
            state.rows.put(row, nullptr, RowKind::Insert);
    }
    keep(state, side);
    state.rows.flush();
}

void IntervalJoin::meet(State& state, size_t side) const {
    if (state.with_key.empty()) return;
    const JoinType type = p_.shape.type;
    RowLists& others = state.lists[1 - side];
    const bool others_count = p_.shape.counts(1 - side);
    const auto take = [&](std::span<const uint32_t> pairs, std::span<std::byte* const> rows) {
        for (size_t i = 0; i < pairs.size(); ++i) {
            state.matches[pairs[i]] = 1;
            if (!onlyLeft(type)) {
                state.rows.put(pairs[i], rows[i], RowKind::Insert);
            } else if (type == JoinType::Semi && side == 1 && others.matches(rows[i]) == 0) {
                state.rows.put(JoinRows::kNoRow, rows[i], RowKind::Insert);
            }
            if (others_count) others.setMatches(rows[i], 1);
        }
    };
    // The other side's times that a row at 0 meets.
    const int64_t from = side == 0 ? -p_.upper_ms : p_.lower_ms;
    const int64_t to = side == 0 ? -p_.lower_ms : p_.upper_ms;
    int64_t earliest = INT64_MAX, latest = INT64_MIN;
    for (const uint32_t row : state.with_key) {
        earliest = std::min(earliest, state.times_ms[row]);
        latest = std::max(latest, state.times_ms[row]);
    }
    const std::set<int64_t>& spans = state.spans[1 - side];
    for (auto span = spans.lower_bound(floorDivide(earliest + from, span_ms_));
         span != spans.end() && *span * span_ms_ <= latest + to; ++span) {
        const int64_t begin = *span * span_ms_ - to;
        const int64_t end = (*span + 1) * span_ms_ - 1 - from;
        state.selected.clear();
        for (const uint32_t row : state.with_key) {
            if (state.times_ms[row] >= begin && state.times_ms[row] <= end) state.selected.push_back(row);
        }
        others.enter(*span);
        state.rows.meet(state.keyed, state.selected, take);
    }
    if (type == JoinType::Semi && side == 0) {
        for (const uint32_t row : state.with_key) {
            if (state.matches[row] != 0) state.rows.put(row, nullptr, RowKind::Insert);
        }
    }
}

// Keeps the rows that may be met yet; of the others, what met nothing goes out.
void IntervalJoin::keep(State& state, size_t side) const {
    const JoinType type = p_.shape.type;
    state.dealt.clear();
    for (const uint32_t row : state.with_key) {
        // The left rows of a semi join go out once.
        if (type == JoinType::Semi && side == 0 && state.matches[row] != 0) continue;
        state.dealt[floorDivide(state.times_ms[row], span_ms_)].push_back(row);
    }
    std::vector<int64_t> matches;
    for (const auto& [span, rows] : state.dealt) {
        if (expired(side, span, state.watermark.value())) {
            if (!p_.shape.counts(side) || type == JoinType::Semi) continue;
            for (const uint32_t row : rows) {
                if (state.matches[row] == 0) state.rows.put(row, nullptr, RowKind::Insert);
            }
            continue;
        }
        matches.clear();
        if (p_.shape.counts(side)) {
            for (const uint32_t row : rows)
                matches.push_back(state.matches[row]);
        }
        state.lists[side].enter(span);
        state.lists[side].add(state.keyed, rows, matches);
        state.spans[side].insert(span);
    }
}

void IntervalJoin::drop(State& state, size_t side, int64_t span, OperatorContext& context,
                        Output& output) const {
    RowLists& list = state.lists[side];
    list.enter(span);
    if (p_.shape.counts(side) && p_.shape.type != JoinType::Semi) {
        const Batch none;
        state.rows.begin(1 - side, none, list, context, output);
        for (std::byte* row : list.all()) {
            if (list.matches(row) == 0) state.rows.put(JoinRows::kNoRow, row, RowKind::Insert);
        }
        state.rows.flush();
    }
    list.drop();
}

void IntervalJoin::onWatermark(OperatorState& operator_state, EventTime watermark, OperatorContext& context,
                               Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    for (size_t side = 0; side < 2; ++side) {
        std::set<int64_t>& spans = state.spans[side];
        while (!spans.empty() &&
               (watermark == EventTime::max() || expired(side, *spans.begin(), watermark.value()))) {
            drop(state, side, *spans.begin(), context, output);
            spans.erase(spans.begin());
        }
    }
    state.watermark.rise(watermark);
    if (watermark == EventTime::max()) {
        output.emitWatermark(watermark);
    } else if (watermark.value() > EventTime::min().value() + delay_ms_) {
        output.emitWatermark(EventTime(watermark.value() - delay_ms_));
    }
}

void IntervalJoin::beforeBarrier(OperatorState& operator_state, OperatorContext&, Output&) const {
    static_cast<State&>(operator_state).watermark.store();
}

}  // namespace millrace

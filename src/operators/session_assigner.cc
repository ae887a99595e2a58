#include "operators/session_assigner.h"

#include <absl/container/btree_set.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "operators/function_context.h"
#include "operators/kept_watermark.h"
#include "operators/limits.h"
#include "operators/ordered_rows.h"
#include "operators/time_units.h"
#include "operators/windows.h"

namespace millrace {

struct SessionAssigner::State final : OperatorState {
    State(OrderedRowsParameters parameters, const std::string& zone, bool in_event_time,
          OperatorContext& context)
        : rows(std::move(parameters), context),
          clock(zone),
          event_time(in_event_time),
          late(context.metrics().counter("numLateRecordsDropped")) {
        if (event_time) watermark.open(context);
    }

    // When a session with this end, on the windows' time line, is complete: what the watermark or the clock
    // must reach.
    int64_t completeAt(int64_t end) const { return clock.toUtc(event_time ? end - 1 : end); }
    // The partition is looked at, at the latest, when the watermark or the clock gets there.
    void schedule(uint32_t partition, int64_t at) {
        if (scheduled.size() <= partition) scheduled.resize(partition + 1, kNever);
        if (at >= scheduled[partition]) return;
        if (scheduled[partition] != kNever) due.erase({scheduled[partition], partition});
        scheduled[partition] = at;
        due.insert({at, partition});
    }

    // A row was put into the partition. What is known of its first session grows with it, or is no longer of
    // the first one.
    void added(uint32_t partition, int64_t time, const SortKey& key, int64_t gap_ms) {
        if (partition >= begun.size() || !begun[partition]) return;
        Begun& session = *begun[partition];
        if (time < session.first - gap_ms) {
            begun[partition].reset();
        } else if (time <= session.last + gap_ms) {
            session.first = std::min(session.first, time);
            session.last = std::max(session.last, time);
            session.key = std::max(session.key, key);
        }
    }

    // The first session of a partition as far as it has been looked at, up to the row with the key: so that a
    // session that goes on is not walked through again and again.
    struct Begun {
        int64_t first = 0;
        int64_t last = 0;
        SortKey key;
    };

    OrderedRows rows;
    ZoneClock clock;
    const bool event_time;
    KeptWatermark watermark;
    std::vector<std::optional<Begun>> begun;  // of each partition
    Counter& late;
    absl::btree_set<std::pair<int64_t, uint32_t>> due;
    std::vector<int64_t> scheduled;  // of each partition
    int64_t asked_for = kNever;      // the earliest wake-up that is on its way
    // What is to be sent: rows with the bounds of their sessions.
    std::vector<int64_t> numbers;
    std::vector<int64_t> starts;
    std::vector<int64_t> ends;
    std::vector<uint32_t> empty;  // partitions
};

SessionAssigner::SessionAssigner(SessionAssignerParameters parameters) : p_(std::move(parameters)) {
    MILLRACE_CHECK(p_.gap_ms > 0, "sessions without a gap");
    MILLRACE_CHECK(!p_.changes || p_.time_column, "changes of sessions in processing time");
    MILLRACE_CHECK(p_.output.size() == p_.input.size() + 3, "no room for the window columns");
}

SessionAssigner::~SessionAssigner() = default;

std::vector<KeptState> SessionAssigner::keeps() const {
    return {{"session-rows", "the rows of open sessions" + ofEach(p_.input, p_.keys),
             untilPassed(!p_.time_column, "the session's end")}};
}

Schema SessionAssigner::stateColumns() const {
    std::vector<Field> fields = p_.input.fields();
    if (!p_.time_column) fields.push_back({"session_time", LogicalType::timestampLtz(3)});
    if (p_.changes) fields.push_back({"session_kind", LogicalType::of(TypeKind::TinyInt)});
    return Schema(std::move(fields));
}

std::unique_ptr<OperatorState> SessionAssigner::open(OperatorContext& context) const {
    OrderedRowsParameters parameters;
    parameters.name = "session-rows";
    parameters.columns = stateColumns();
    parameters.partition = p_.keys;
    parameters.order = {{timeField(), false, true}};
    auto state = std::make_unique<State>(std::move(parameters),
                                         p_.instants ? localTimeZone(context.configuration()) : "UTC",
                                         p_.time_column.has_value(), context);
    for (uint32_t partition = 0; partition < state->rows.partitions(); ++partition) {
        for (const OrderedRow& row : state->rows.rows(partition)) {
            const int64_t time = state->clock.toLocal(floorToMillis(row.key.int64()));
            state->schedule(partition, state->completeAt(time + p_.gap_ms));
        }
    }
    wake(*state, context);
    return state;
}

void SessionAssigner::process(OperatorState& operator_state, size_t, const Batch& batch,
                              OperatorContext& context, Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (batch.empty()) return;
    if (state.event_time) return add(state, p_.changes ? withKinds(batch) : batch);
    const int64_t now = context.now().value();
    closeDue(state, now, output);
    std::vector<ColumnPtr> columns = batch.columns();
    columns.push_back(
        Column::constant(stateColumns()[timeField()].type, Value::int64(now * 1000), batch.rows()));
    add(state, batch.withColumns(std::move(columns)));
    wake(state, context);
}

Batch SessionAssigner::withKinds(const Batch& batch) const {
    std::vector<ColumnPtr> columns = batch.columns();
    auto kinds = std::make_shared<Column>(stateColumns()[columns.size()].type, batch.rows());
    for (size_t row = 0; row < batch.rows(); ++row)
        kinds->mutableData<int32_t>()[row] = static_cast<int32_t>(batch.kind(row));
    columns.push_back(std::move(kinds));
    return Batch(batch.rows(), std::move(columns));
}

// Takes up rows in the form of the state's.
void SessionAssigner::add(State& state, const Batch& batch) const {
    const Column& column = *batch.column(timeField());
    if (column.hasNulls()) {
        throw UserError("data.null-rowtime",
                        fmt::format("a row has NULL in '{}', by which it should find its window",
                                    p_.input[timeField()].name),
                        "filter such rows out before the window function");
    }
    state.rows.begin(batch);
    for (size_t row = 0; row < batch.rows(); ++row) {
        const uint32_t partition = state.rows.partitionOf(row);
        OrderedRows::Rows& rows = state.rows.rows(partition);
        const int64_t time = state.clock.toLocal(floorToMillis(column.data<int64_t>()[row]));
        const int64_t complete = state.completeAt(time + p_.gap_ms);
        const OrderedRow pending = state.rows.pending(row);
        const auto next = rows.lower_bound(pending);
        if (state.event_time && complete <= state.watermark.value()) {
            // It is in time if it belongs to a session that is open: all rows that are kept are of such.
            const auto touches = [&](OrderedRows::Rows::iterator other) {
                const int64_t at = state.clock.toLocal(floorToMillis(other->key.int64()));
                return std::abs(at - time) <= p_.gap_ms;
            };
            const bool in_time =
                (next != rows.end() && touches(next)) || (next != rows.begin() && touches(std::prev(next)));
            if (!in_time) {
                state.late.add(1);
                continue;
            }
        }
        state.rows.keep(*rows.insert(next, pending));
        state.added(partition, time, pending.key, p_.gap_ms);
        state.schedule(partition, complete);
    }
    state.rows.store(batch);
}

void SessionAssigner::onWatermark(OperatorState& operator_state, EventTime watermark, OperatorContext&,
                                  Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (state.event_time) {
        state.watermark.rise(watermark);
        closeDue(state, watermark.value(), output);
    }
    output.emitWatermark(watermark);
}

void SessionAssigner::onProcessingTime(OperatorState& operator_state, ProcessingTime now,
                                       OperatorContext& context, Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (state.event_time) return;
    state.asked_for = kNever;
    closeDue(state, now.value(), output);
    wake(state, context);
}

void SessionAssigner::onEndOfInput(OperatorState& operator_state, OperatorContext&, Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (!state.event_time) closeDue(state, std::numeric_limits<int64_t>::max(), output);
}

void SessionAssigner::wake(State& state, OperatorContext& context) {
    if (state.event_time || state.due.empty() || state.due.begin()->first >= state.asked_for) return;
    state.asked_for = state.due.begin()->first;
    context.wakeAt(ProcessingTime(state.asked_for));
}

// Sends the sessions that are complete at `passed`, a watermark or the clock's time.
void SessionAssigner::closeDue(State& state, int64_t passed, Output& output) const {
    std::vector<uint32_t> partitions;
    while (!state.due.empty() && state.due.begin()->first <= passed) {
        partitions.push_back(state.due.begin()->second);
        state.scheduled[partitions.back()] = kNever;
        state.due.erase(state.due.begin());
    }
    std::sort(partitions.begin(), partitions.end());
    for (const uint32_t partition : partitions) {
        while (!state.rows.rows(partition).empty()) {
            const size_t before = state.numbers.size();
            close(state, partition, passed);
            if (state.numbers.size() == before) break;
            if (state.numbers.size() >= static_cast<size_t>(kEmitRows)) send(state, output);
        }
        if (state.rows.rows(partition).empty()) state.empty.push_back(partition);
    }
    send(state, output);
}

// Takes the first session of the partition out of the order if it is complete; else says when to look again.
void SessionAssigner::close(State& state, uint32_t partition, int64_t passed) const {
    OrderedRows::Rows& rows = state.rows.rows(partition);
    const auto time_of = [&](const OrderedRow& row) {
        return state.clock.toLocal(floorToMillis(row.key.int64()));
    };
    if (state.begun.size() <= partition) state.begun.resize(partition + 1);
    std::optional<State::Begun>& session = state.begun[partition];
    if (!session) session = {time_of(*rows.begin()), time_of(*rows.begin()), rows.begin()->key};
    auto end = rows.upper_bound(OrderedRow::behind(session->key));
    for (; end != rows.end(); ++end) {
        const int64_t time = time_of(*end);
        if (time - session->last > p_.gap_ms) break;
        session->last = std::max(session->last, time);
        session->key = end->key;
    }
    const int64_t last = session->last;
    const int64_t first = session->first;
    const int64_t complete = state.completeAt(last + p_.gap_ms);
    if (complete > passed) return state.schedule(partition, complete);
    session.reset();
    const auto sent = static_cast<std::ptrdiff_t>(state.numbers.size());
    for (auto row = rows.begin(); row != end; ++row) {
        state.numbers.push_back(row->number);
        state.starts.push_back(first);
        state.ends.push_back(last + p_.gap_ms);
    }
    if (p_.changes) std::sort(state.numbers.begin() + sent, state.numbers.end());  // as they arrived
    rows.erase(rows.begin(), end);
}

void SessionAssigner::send(State& state, Output& output) const {
    const size_t all = state.numbers.size();
    constexpr size_t kRows = kEmitRows;
    for (size_t begin = 0; begin < all; begin += kRows) {
        const size_t count = std::min(kRows, all - begin);
        const std::vector<std::byte*> rows = state.rows.stateRows({state.numbers.data() + begin, count});
        std::vector<ColumnPtr> columns;
        for (size_t i = 0; i < p_.input.size(); ++i)
            columns.push_back(Column::retyped(state.rows.load(i, rows), p_.output[i].type));
        const auto add = [&](auto millis_of) {
            auto column = std::make_shared<Column>(p_.output[columns.size()].type, count);
            auto* values = column->template mutableData<int64_t>();
            for (size_t i = 0; i < count; ++i)
                values[i] = millis_of(begin + i) * 1000;
            columns.push_back(std::move(column));
        };
        add([&](size_t i) { return state.starts[i]; });
        add([&](size_t i) { return state.ends[i]; });
        add([&](size_t i) { return state.clock.toUtc(state.ends[i] - 1); });
        Batch sent(count, std::move(columns));
        if (p_.changes) {
            const ColumnPtr kept = state.rows.load(p_.input.size(), rows);
            std::vector<RowKind> kinds;
            for (size_t i = 0; i < count; ++i)
                kinds.push_back(static_cast<RowKind>(kept->data<int32_t>()[i]));
            sent.setKinds(std::move(kinds));
        }
        output.emit(std::move(sent));
    }
    state.rows.erase(state.numbers);
    state.numbers.clear();
    state.starts.clear();
    state.ends.clear();
    for (const uint32_t partition : state.empty)
        state.rows.dropIfEmpty(partition);
    state.empty.clear();
}

void SessionAssigner::beforeBarrier(OperatorState& operator_state, OperatorContext&, Output&) const {
    auto& state = static_cast<State&>(operator_state);
    if (state.event_time) state.watermark.store();
}

}  // namespace millrace

#include "operators/session_aggregate.h"

#include <algorithm>
#include <limits>
#include <map>

#include "operators/batch_keys.h"
#include "operators/function_context.h"
#include "operators/kept_watermark.h"
#include "operators/limits.h"
#include "operators/time_units.h"

namespace millrace {

namespace {
constexpr size_t kRows = 4096;  // of a batch that is emitted; of timers looked at together
// Timers stand at multiples of a fraction of the gap: finer ones are moved more often, coarser ones looked at
// more often before they are due.
constexpr int64_t kBucketsOfGap = 64;
constexpr int64_t kBucketMillisMax = 1000;
}  // namespace

struct SessionAggregate::State final : OperatorState {
    State(KeyedTable& sessions_table, KeyedTable& timers_table, size_t own_field, const std::string& zone,
          Counter& late_rows)
        : sessions(sessions_table),
          timers(timers_table),
          first_field(own_field),
          start_offset(sessions.layout().offset(own_field)),
          end_offset(sessions.layout().offset(own_field + 1)),
          timer_offset(sessions.layout().offset(own_field + 2)),
          others_offset(sessions.layout().offset(own_field + 3)),
          clock(zone),
          late(late_rows) {}

    KeyedTable& sessions;
    KeyedTable& timers;
    const size_t first_field;  // of a session's own, behind the accumulators
    const uint32_t start_offset, end_offset, timer_offset, others_offset;
    ZoneClock clock;
    Counter& late;
    KeptWatermark watermark;
    std::map<int64_t, int64_t> due;  // by bucket: no session of its keys ends before
    int64_t asked_for = kNever;      // the earliest wake-up that is on its way

    int64_t& start(std::byte* row) const { return RowLayout::at<int64_t>(row, start_offset); }
    int64_t& end(std::byte* row) const { return RowLayout::at<int64_t>(row, end_offset); }
    // Only of rows in namespace 0: the bucket in which the key stands, and the last namespace that may hold
    // another session of it.
    int64_t& timer(std::byte* row) const { return RowLayout::at<int64_t>(row, timer_offset); }
    int64_t& others(std::byte* row) const { return RowLayout::at<int64_t>(row, others_offset); }
    void begin(std::byte* row, int64_t from, int64_t to) const {
        for (size_t field = first_field; field < first_field + 4; ++field)
            RowLayout::setNull(row, field, false);
        start(row) = from;
        end(row) = to;
        timer(row) = kNever;
        others(row) = 0;
    }

    // Whether a session is complete at `time`: of the watermark, or of the clock.
    bool complete(int64_t session_end, int64_t time, bool processing_time) const {
        return clock.toUtc(processing_time ? session_end : session_end - 1) <= time;
    }

    // Of the batch at hand.
    std::vector<ColumnPtr> keys;
    std::vector<uint64_t> hashes;
    std::vector<int64_t> times;    // on the windows' time line
    std::vector<uint8_t> is_late;  // only if some rows are, taken alone
    std::vector<int8_t> signs;
    bool retracts = false;
    std::vector<std::byte*> rows;
    std::vector<uint8_t> inserted;
    std::vector<int8_t> selected_signs;
    Selection run;
    Selection counted;  // 0, 1, 2, ...
    Aggregation::Scratch scratch;
    // Of one key: its sessions beside the first, in the namespaces 1, 2, ...; nullptr where there is none.
    std::vector<std::byte*> other_rows;
    std::vector<std::byte*> found;
    std::vector<std::pair<int64_t, uint32_t>> moves;  // the bucket in which the key of a row is to stand
    // Of a bucket that is due: what is emitted, and which rows of it are their key's only session.
    std::vector<std::byte*> fired;
    std::vector<std::byte*> closed;
    Selection several;  // keys with more than one
};

SessionAggregate::SessionAggregate(SessionAggregateParameters parameters)
    : p_(std::move(parameters)),
      aggregation_(std::move(p_.terms), p_.input_retracts),
      bucket_ms_(std::clamp<int64_t>(p_.gap_ms / kBucketsOfGap, 1, kBucketMillisMax)) {
    MILLRACE_CHECK(p_.columns.size() == p_.output.size(), "{} columns for {} fields", p_.columns.size(),
                   p_.output.size());
    MILLRACE_CHECK(p_.processing_time != p_.time_column.has_value(),
                   "sessions are by a time column or in processing time");
    MILLRACE_CHECK(p_.gap_ms > 0, "sessions without a gap");
}

SessionAggregate::~SessionAggregate() = default;

int64_t SessionAggregate::bucketOf(int64_t end) const {
    return -floorDivide(-end, bucket_ms_) * bucket_ms_;  // rounded up
}

std::vector<KeptState> SessionAggregate::keeps() const {
    const std::string until = untilPassed(p_.processing_time, "the session's end");
    return {{"session-aggregate", "one row for each open session" + ofEach(p_.input, p_.keys), until},
            {"session-timers", oneRowForEach(p_.input, p_.keys) + " with an open session", until}};
}

std::unique_ptr<OperatorState> SessionAggregate::open(OperatorContext& context) const {
    KeyedStateDescriptor sessions;
    sessions.name = "session-aggregate";
    sessions.key = Aggregation::keySchema(p_.input, p_.keys);
    std::vector<Field> fields = aggregation_.valueSchema().fields();
    const size_t own_field = sessions.key.size() + fields.size();
    for (const char* name : {"session_start", "session_end", "session_timer", "session_others"})
        fields.push_back({name, LogicalType::bigint()});
    sessions.value = Schema(std::move(fields));
    sessions.namespaced = true;
    KeyedStateDescriptor timers;
    timers.name = "session-timers";
    timers.key = sessions.key;
    timers.namespaced = true;
    auto state =
        std::make_unique<State>(context.state().table(sessions), context.state().table(timers), own_field,
                                p_.instants ? localTimeZone(context.configuration()) : "UTC",
                                context.metrics().counter("numLateRecordsDropped"));
    if (!p_.processing_time) state->watermark.open(context);
    for (const int64_t bucket : state->timers.namespaces())
        state->due[bucket] = bucket - bucket_ms_ + 1;
    wake(*state, context);
    return state;
}

void SessionAggregate::process(OperatorState& operator_state, size_t, const Batch& batch,
                               OperatorContext& context, Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (batch.empty()) return;
    if (p_.processing_time) fireDue(state, context.now().value(), output);
    keysOf(batch, p_.keys, state.keys, state.hashes);
    state.retracts = p_.input_retracts && signsOf(batch, state.signs);

    if (!findTimes(state, batch, context)) {
        addRows(state, batch, {});
    } else {
        // A late row may belong to a session that a row before it has opened, so the order counts.
        for (uint32_t row = 0; row < batch.rows();) {
            if (state.is_late[row]) {
                addLateRow(state, batch, row++);
                continue;
            }
            state.run.clear();
            while (row < batch.rows() && !state.is_late[row])
                state.run.push_back(row++);
            addRows(state, batch, state.run);
        }
    }
    settle(state);
    wake(state, context);
}

// Fills state.times. True if some rows, taken alone, are late; state.is_late then says which.
bool SessionAggregate::findTimes(State& state, const Batch& batch, OperatorContext& context) const {
    const size_t rows = batch.rows();
    if (!p_.time_column) {
        state.times.assign(rows, state.clock.toLocal(context.now().value()));
        return false;
    }
    const Column& column = *batch.column(*p_.time_column);
    if (const uint8_t* validity = column.validity()) {
        if (std::find(validity, validity + rows, 0) != validity + rows) {
            throw UserError("data.null-rowtime",
                            fmt::format("a row has NULL in '{}', by which it should find its window",
                                        p_.input[*p_.time_column].name),
                            "filter such rows out before the window function");
        }
    }
    state.times.resize(rows);
    const int64_t* micros = column.data<int64_t>();
    int64_t earliest = std::numeric_limits<int64_t>::max();
    for (size_t i = 0; i < rows; ++i) {
        state.times[i] = floorToMillis(micros[i]);
        earliest = std::min(earliest, state.times[i]);
    }
    const int64_t watermark = state.watermark.value();
    // The zone's offset is the same or nearly so all day: far from the watermark nobody is late.
    constexpr int64_t kDay = 86'400'000;
    const int64_t slack = state.clock.isUtc() ? 0 : kDay;
    const bool maybe_late = earliest + p_.gap_ms - 1 - slack <= watermark;
    if (!state.clock.isUtc()) {
        for (int64_t& time : state.times)
            time = state.clock.toLocal(time);
    }
    if (!maybe_late) return false;
    state.is_late.resize(rows);
    bool any = false;
    for (size_t i = 0; i < rows; ++i) {
        state.is_late[i] = state.complete(state.times[i] + p_.gap_ms, watermark, false);
        any |= state.is_late[i] != 0;
    }
    return any;
}

// Adds rows that are not late: all, or those of `selection`.
void SessionAggregate::addRows(State& state, const Batch& batch, std::span<const uint32_t> selection) const {
    state.sessions.findOrInsert(0, state.keys, state.hashes, selection, state.rows, &state.inserted);
    std::vector<std::byte*>& rows = state.rows;  // of namespace 0; then each row's session
    const auto row_of = [&](size_t i) { return selection.empty() ? static_cast<uint32_t>(i) : selection[i]; };
    size_t done = 0;  // rows that have been accumulated
    const auto accumulate_until = [&](size_t end) {
        if (done == end) return;
        std::span<const uint32_t> part = selection;
        if (selection.empty() && end - done < rows.size()) {
            while (state.counted.size() < rows.size())
                state.counted.push_back(static_cast<uint32_t>(state.counted.size()));
            part = state.counted;
        }
        if (!part.empty()) part = part.subspan(done, end - done);
        accumulate(state, batch, part, std::span(rows).subspan(done, end - done));
        done = end;
    };
    const int64_t gap = p_.gap_ms;
    for (size_t i = 0; i < rows.size(); ++i) {
        std::byte* const head = rows[i];
        const uint32_t row = row_of(i);
        const int64_t from = state.times[row];
        if (state.inserted[i]) {
            state.begin(head, from, from + gap);
            standAt(state, row, head, from + gap);
            continue;
        }
        int64_t& start = state.start(head);
        int64_t& end = state.end(head);
        if (from >= start && from + gap <= end) continue;
        if (from <= end && from + gap >= start && state.others(head) == 0) {
            start = std::min(start, from);
            end = std::max(end, from + gap);
            continue;
        }
        // What the rows before added lies in sessions that may now be merged.
        findOthers(state, row, head);
        rows[i] = sessionFor(state, row, head, false);
        if (!state.found.empty()) {
            accumulate_until(i);
            mergeOthers(state, row, head, rows[i]);
        }
    }
    accumulate_until(rows.size());
}

// Adds a row whose own window is complete: it counts only if it belongs to a session that is not.
void SessionAggregate::addLateRow(State& state, const Batch& batch, uint32_t row) const {
    const Selection one = {row};
    state.sessions.find(0, state.keys, state.hashes, one, state.rows);
    std::byte* const head = state.rows[0];
    std::byte* session = nullptr;
    if (head) {
        findOthers(state, row, head);
        session = sessionFor(state, row, head, true);
    }
    if (!session) {
        state.late.add(1);
        return;
    }
    if (!state.found.empty()) mergeOthers(state, row, head, session);
    accumulate(state, batch, one, {&session, 1});
}

void SessionAggregate::accumulate(State& state, const Batch& batch, std::span<const uint32_t> selection,
                                  std::span<std::byte* const> sessions) const {
    const int8_t* signs = nullptr;
    if (state.retracts && selection.empty()) {
        signs = state.signs.data();
    } else if (state.retracts) {
        state.selected_signs.resize(selection.size());
        for (size_t i = 0; i < selection.size(); ++i)
            state.selected_signs[i] = state.signs[selection[i]];
        signs = state.selected_signs.data();
    }
    aggregation_.accumulate(batch, selection, sessions, signs, state.sessions, state.scratch);
}

// Fills state.other_rows: the sessions of the key of `row` beside `head`.
void SessionAggregate::findOthers(State& state, uint32_t row, std::byte* head) const {
    state.other_rows.clear();
    for (int64_t level = 1; level <= state.others(head); ++level) {
        state.sessions.find(level, state.keys, state.hashes, {&row, 1}, state.found);
        state.other_rows.push_back(state.found[0]);
    }
}

// The session of a row whose key has sessions, made longer or, unless the row is late, made anew. state.found
// then holds other sessions that have become part of it. nullptr: the row is late.
std::byte* SessionAggregate::sessionFor(State& state, uint32_t row, std::byte* head, bool late) const {
    const int64_t from = state.times[row];
    const int64_t to = from + p_.gap_ms;
    std::byte* session = nullptr;
    state.found.clear();
    const auto look = [&](std::byte* candidate) {
        if (!candidate || from > state.end(candidate) || to < state.start(candidate)) return;
        if (session) {
            state.found.push_back(candidate);
        } else {
            session = candidate;
        }
    };
    look(head);
    for (std::byte* other : state.other_rows)
        look(other);
    if (session) {
        state.start(session) = std::min(state.start(session), from);
        state.end(session) = std::max(state.end(session), to);
        return session;
    }
    return late ? nullptr : openSession(state, row, head);
}

std::byte* SessionAggregate::openSession(State& state, uint32_t row, std::byte* head) const {
    const auto free = std::find(state.other_rows.begin(), state.other_rows.end(), nullptr);
    const int64_t level = 1 + (free - state.other_rows.begin());
    std::vector<std::byte*> made;
    state.sessions.findOrInsert(level, state.keys, state.hashes, {&row, 1}, made);
    state.begin(made[0], state.times[row], state.times[row] + p_.gap_ms);
    state.others(head) = std::max(state.others(head), level);
    standAt(state, row, head, state.end(made[0]));
    return made[0];
}

// Merges the sessions in state.found into one of the same key. `head` is never among them.
void SessionAggregate::mergeOthers(State& state, uint32_t row, std::byte* head, std::byte* into) const {
    for (std::byte* other : state.found) {
        aggregation_.merge(state.sessions, into, other, state.sessions.heap());
        state.start(into) = std::min(state.start(into), state.start(other));
        state.end(into) = std::max(state.end(into), state.end(other));
        const auto at = std::find(state.other_rows.begin(), state.other_rows.end(), other);
        state.sessions.erase(1 + (at - state.other_rows.begin()), other);
        *at = nullptr;
    }
    trimOthers(state);
    state.others(head) = static_cast<int64_t>(state.other_rows.size());
    standAt(state, row, head, state.end(into));
}

// Sees to it that the key of `head` stands where a session of it that ends at `end` is found in time.
void SessionAggregate::standAt(State& state, uint32_t row, std::byte* head, int64_t end) const {
    const int64_t bucket = bucketOf(end);
    if (bucket < state.timer(head)) {
        state.timer(head) = bucket;
        state.moves.emplace_back(bucket, row);
    }
    if (bucket != state.timer(head)) return;
    const auto [entry, fresh] = state.due.try_emplace(bucket, end);
    if (!fresh) entry->second = std::min(entry->second, end);
}

// Enters the keys that are to stand elsewhere.
void SessionAggregate::settle(State& state) const {
    std::sort(state.moves.begin(), state.moves.end());
    for (size_t begin = 0, end = 0; begin < state.moves.size(); begin = end) {
        state.run.clear();
        for (; end < state.moves.size() && state.moves[end].first == state.moves[begin].first; ++end)
            state.run.push_back(state.moves[end].second);
        state.timers.findOrInsert(state.moves[begin].first, state.keys, state.hashes, state.run, state.found);
    }
    state.moves.clear();
}

void SessionAggregate::onWatermark(OperatorState& operator_state, EventTime watermark, OperatorContext&,
                                   Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (!p_.processing_time) {
        fireDue(state, watermark.value(), output);
        state.watermark.rise(watermark);
    }
    output.emitWatermark(watermark);
}

void SessionAggregate::onProcessingTime(OperatorState& operator_state, ProcessingTime now,
                                        OperatorContext& context, Output& output) const {
    if (!p_.processing_time) return;
    auto& state = static_cast<State&>(operator_state);
    state.asked_for = kNever;
    fireDue(state, now.value(), output);
    wake(state, context);
}

void SessionAggregate::onEndOfInput(OperatorState& operator_state, OperatorContext&, Output& output) const {
    if (p_.processing_time) fireDue(static_cast<State&>(operator_state), kNever, output);
}

void SessionAggregate::beforeBarrier(OperatorState& operator_state, OperatorContext&, Output&) const {
    static_cast<State&>(operator_state).watermark.store();
}

void SessionAggregate::wake(State& state, OperatorContext& context) const {
    if (!p_.processing_time || state.due.empty()) return;
    const int64_t next = state.clock.toUtc(state.due.begin()->second);
    if (next >= state.asked_for) return;
    state.asked_for = next;
    context.wakeAt(ProcessingTime(next));
}

void SessionAggregate::fireDue(State& state, int64_t time, Output& output) const {
    while (!state.due.empty() && state.complete(state.due.begin()->second, time, p_.processing_time))
        fireBucket(state, state.due.begin()->first, time, output);
}

// Looks at the keys of a bucket: emits what is complete, and lets the others stand where they now belong.
void SessionAggregate::fireBucket(State& state, int64_t bucket, int64_t time, Output& output) const {
    const std::vector<std::byte*> timers = state.timers.allRows(bucket);
    std::vector<std::byte*> gone;
    int64_t next = kNever;  // the earliest end of what stays
    for (size_t begin = 0; begin < timers.size(); begin += kRows) {
        const std::span<std::byte* const> part(timers.data() + begin, std::min(kRows, timers.size() - begin));
        state.keys.clear();
        for (size_t k = 0; k < p_.keys.size(); ++k)
            state.keys.push_back(loadColumn(state.timers.layout(), k, part));
        hashColumns(state.keys, part.size(), state.hashes);
        state.sessions.find(0, state.keys, state.hashes, {}, state.rows);
        state.fired.clear();
        state.closed.clear();
        state.several.clear();
        for (uint32_t i = 0; i < part.size(); ++i) {
            std::byte* const head = state.rows[i];
            // A key may have been moved to an earlier bucket, and have no session any more.
            const bool stands_here = head && state.timer(head) == bucket;
            const int64_t earliest = stands_here ? collectDue(state, i, head, time) : kNever;
            if (earliest != kNever && bucketOf(earliest) == bucket) {
                next = std::min(next, earliest);
                continue;
            }
            gone.push_back(part[i]);
            if (earliest == kNever) continue;
            state.timer(head) = kNever;
            standAt(state, i, head, earliest);
        }
        emit(state, state.fired, output);
        for (const uint32_t i : state.several)
            closeDue(state, i, state.rows[i], time);
        for (std::byte* session : state.closed)
            state.sessions.erase(0, session);
        settle(state);
    }
    if (gone.size() == timers.size()) {
        state.timers.dropNamespace(bucket);
    } else {
        for (std::byte* timer : gone)
            state.timers.erase(bucket, timer);
    }
    if (next == kNever) {
        state.due.erase(bucket);
    } else {
        state.due[bucket] = next;
    }
}

// Adds the key's complete sessions to state.fired. The earliest end of those that are not, or kNever.
int64_t SessionAggregate::collectDue(State& state, uint32_t row, std::byte* head, int64_t time) const {
    int64_t earliest = kNever;
    const auto look = [&](std::byte* session) {
        if (!session) return;
        if (state.complete(state.end(session), time, p_.processing_time)) {
            state.fired.push_back(session);
        } else {
            earliest = std::min(earliest, state.end(session));
        }
    };
    look(head);
    if (state.others(head) == 0) {
        if (earliest == kNever) state.closed.push_back(head);
        return earliest;
    }
    state.several.push_back(row);
    findOthers(state, row, head);
    for (std::byte* other : state.other_rows)
        look(other);
    return earliest;
}

// Erases the complete ones of several sessions of a key. If the first is among them, one that is left takes
// its place.
void SessionAggregate::closeDue(State& state, uint32_t row, std::byte* head, int64_t time) const {
    findOthers(state, row, head);
    const auto erase_other = [&](size_t i) {
        state.sessions.erase(static_cast<int64_t>(i) + 1, state.other_rows[i]);
        state.other_rows[i] = nullptr;
    };
    for (size_t i = 0; i < state.other_rows.size(); ++i) {
        std::byte* const other = state.other_rows[i];
        if (other && state.complete(state.end(other), time, p_.processing_time)) erase_other(i);
    }
    trimOthers(state);
    if (state.complete(state.end(head), time, p_.processing_time)) {
        const int64_t timer = state.timer(head);
        state.sessions.erase(0, head);
        if (state.other_rows.empty()) return;
        std::byte* const other = state.other_rows.back();
        state.sessions.findOrInsert(0, state.keys, state.hashes, {&row, 1}, state.found);
        head = state.found[0];
        state.begin(head, state.start(other), state.end(other));
        state.timer(head) = timer;
        aggregation_.merge(state.sessions, head, other, state.sessions.heap());
        erase_other(state.other_rows.size() - 1);
        trimOthers(state);
    }
    state.others(head) = static_cast<int64_t>(state.other_rows.size());
}

void SessionAggregate::trimOthers(State& state) const {
    while (!state.other_rows.empty() && !state.other_rows.back())
        state.other_rows.pop_back();
}

void SessionAggregate::emit(State& state, std::span<std::byte* const> sessions, Output& output) const {
    std::vector<std::byte*> rows(sessions.begin(), sessions.end());
    if (aggregation_.countsRows()) {
        std::erase_if(rows,
                      [&](const std::byte* row) { return aggregation_.count(state.sessions, row) <= 0; });
    }
    if (rows.empty()) return;
    std::vector<ColumnPtr> columns;
    for (size_t i = 0; i < p_.columns.size(); ++i) {
        const LogicalType& type = p_.output[i].type;
        const auto times = [&](auto millis_of) {
            auto column = std::make_shared<Column>(type, rows.size());
            auto* values = column->template mutableData<int64_t>();
            for (size_t row = 0; row < rows.size(); ++row)
                values[row] = millis_of(rows[row]) * 1000;
            columns.push_back(std::move(column));
        };
        const size_t index = p_.columns[i].index;
        switch (p_.columns[i].from) {
            case WindowAggregateColumn::From::Key:
                columns.push_back(Column::retyped(loadColumn(state.sessions.layout(), index, rows), type));
                break;
            case WindowAggregateColumn::From::Term:
                columns.push_back(Column::retyped(aggregation_.result(state.sessions, index, rows), type));
                break;
            case WindowAggregateColumn::From::WindowStart:
                times([&](std::byte* row) { return state.start(row); });
                break;
            case WindowAggregateColumn::From::WindowEnd:
                times([&](std::byte* row) { return state.end(row); });
                break;
            case WindowAggregateColumn::From::WindowTime:
                times([&](std::byte* row) { return state.clock.toUtc(state.end(row) - 1); });
                break;
        }
    }
    output.emit(Batch(rows.size(), std::move(columns)));
}

}  // namespace millrace

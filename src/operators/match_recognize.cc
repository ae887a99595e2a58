#include "operators/match_recognize.h"

#include <algorithm>
#include <limits>

#include <absl/container/btree_set.h>

#include "base/error.h"
#include "expr/executor.h"
#include "operators/function_context.h"
#include "operators/kept_watermark.h"
#include "operators/partition_timers.h"
#include "operators/time_units.h"

namespace millrace {

namespace {

constexpr size_t kMatchedRows = 8192;  // matched at a time, unless a partition has more

std::vector<int64_t> ascending(std::vector<int64_t> numbers) {
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

LogicalType partialMatchesType() { return LogicalType::varbinary(std::numeric_limits<int32_t>::max()); }

}  // namespace

// A partition with the numbers of rows: those that its partial matches hold, and from `first` on those to be
// matched, in their order. If there are none of these, its time has gone on.
struct MatchRecognize::Due {
    uint32_t partition;
    std::vector<int64_t> rows;
    size_t first;
};

struct MatchRecognize::Work {
    struct Run {
        uint32_t partition;
        size_t begin;  // in the batch
        size_t first;
        size_t end;
    };
    std::vector<Run> runs;
    std::vector<int64_t> numbers;                      // of the batch's rows
    std::vector<std::pair<int64_t, uint32_t>> places;  // the same with where they are, by number
    Batch batch;
    const int64_t* times = nullptr;           // micros, by event time
    std::vector<const Column*> condition_of;  // of each variable; nullptr: always
    std::vector<MatchedRows> found;

    MatchedRows rowsOf(const std::vector<PartialMatches::Row>& rows) const {
        MatchedRows result;
        for (const PartialMatches::Row& row : rows) {
            const auto place = std::lower_bound(places.begin(), places.end(), std::pair(row.row, 0U));
            MILLRACE_CHECK(place != places.end() && place->first == row.row, "row {} is gone", row.row);
            result.rows.push_back(place->second);
            result.variables.push_back(row.variable);
        }
        return result;
    }
};

// A partial match that a row may go on with.
struct MatchRecognize::Asked {
    PartialMatches* matches;
    PartialMatches::Match match;
    uint32_t place;  // of the row, in the batch
    VariableSet asks;
    VariableSet satisfied;
};

struct MatchRecognize::State final : OperatorState {
    State(OrderedRowsParameters parameters, const MatchRecognizeParameters& p, OperatorContext& context)
        : rows(std::move(parameters), context),
          matches(rows.partitions()),
          held(rows.partitions()),
          condition_cells(p.condition_cells, context),
          cells(p.cells, context),
          functions(context),
          late(context.metrics().counter("numLateRecordsDropped")) {
        for (const MatchCondition& condition : p.conditions) {
            executors.emplace_back();
            used.emplace_back(p.input.size() + p.condition_cells.size(), false);
            if (!condition.expression) continue;
            executors.back().emplace(std::vector<ExpressionPtr>{condition.expression});
            condition.expression->collectColumns(used.back());
        }
    }

    OrderedRows rows;
    std::vector<PartialMatches> matches;     // of each partition
    std::vector<std::vector<int64_t>> held;  // and the numbers of the rows that they hold, ascending
    absl::btree_set<uint32_t> changed;       // partitions whose partial matches state does not have yet
    MatchCells condition_cells;
    MatchCells cells;
    FunctionContextKeeper functions;
    std::vector<std::optional<ExpressionExecutor>> executors;  // of each variable's expression
    std::vector<std::vector<bool>> used;                       // and the columns it reads
    Counter& late;
    KeptWatermark watermark;
    // Times, in microseconds, of rows that wait, and at which partial matches end, with their partitions.
    PartitionTimers timers;
    std::vector<uint32_t> touched;  // in processing time, of the batch at hand: partitions
    std::vector<std::vector<PartialMatches::Row>> told;

    // With the rows up to the time, or all of them.
    Due due(uint32_t partition, std::optional<int64_t> passed) {
        Due next{partition, held[partition], held[partition].size()};
        for (const OrderedRow& row : rows.rows(partition)) {
            if (passed && row.key.int64() > *passed) break;
            if (!std::binary_search(held[partition].begin(), held[partition].end(), row.number))
                next.rows.push_back(row.number);
        }
        return next;
    }

    void rescheduled(uint32_t partition, const PartialMatches::Rules& rules, bool processing_time,
                     OperatorContext& context) {
        const std::optional<int64_t> deadline = matches[partition].deadline(rules);
        if (!deadline || *deadline >= std::numeric_limits<int64_t>::max() / 1000) return;
        timers.insert({*deadline * 1000, partition});
        if (processing_time) context.wakeAt(ProcessingTime(*deadline));
    }
};

MatchRecognize::MatchRecognize(MatchRecognizeParameters parameters)
    : p_(std::move(parameters)), automaton_(p_.pattern) {
    MILLRACE_CHECK(p_.conditions.size() == p_.pattern.size(), "{} conditions for {} variables",
                   p_.conditions.size(), p_.pattern.size());
    for (size_t i = 0; i < p_.conditions.size(); ++i) {
        if (p_.conditions[i].expression) conditional_ |= VariableSet{1} << i;
    }
}

MatchRecognize::~MatchRecognize() = default;

PartialMatches::Rules MatchRecognize::rules() const {
    return {&automaton_, p_.after, p_.after_variable, p_.within_ms};
}

std::vector<KeptState> MatchRecognize::keeps() const {
    const std::string each = ofEach(p_.input, p_.partition);
    std::string rows = fmt::format("the rows of matches under way{}", each);
    if (!p_.processing_time) rows = "rows later than the watermark and " + rows;
    return {{"match", rows,
             p_.within_ms > 0
                 ? fmt::format("dropped when no match can go on with it, or {} after the match began",
                               formatDuration(Duration{p_.within_ms}))
                 : "dropped when no match can go on with it"}};
}

std::unique_ptr<OperatorState> MatchRecognize::open(OperatorContext& context) const {
    OrderedRowsParameters parameters;
    parameters.name = "match";
    parameters.columns = p_.input;
    parameters.results = Schema({{"partial_matches", partialMatchesType()}});
    parameters.partition = p_.partition;
    if (!p_.processing_time) parameters.order = p_.order;
    auto state = std::make_unique<State>(std::move(parameters), p_, context);
    if (!p_.processing_time) state->watermark.open(context);
    for (uint32_t partition = 0; partition < state->rows.partitions(); ++partition) {
        std::vector<int64_t> numbers;
        for (const OrderedRow& row : state->rows.rows(partition)) {
            numbers.push_back(row.number);
            if (!p_.processing_time) state->timers.insert({row.key.int64(), partition});
        }
        if (numbers.empty()) continue;
        const ColumnPtr kept = state->rows.load(p_.input.size(), state->rows.stateRows(numbers));
        for (size_t i = 0; i < kept->size(); ++i) {
            if (kept->isNull(i)) continue;
            state->matches[partition] = PartialMatches::decode(kept->valueAt(i).asString(), automaton_);
            state->held[partition] = ascending(state->matches[partition].compact());
        }
        state->rescheduled(partition, rules(), p_.processing_time, context);
    }
    return state;
}

// Without the rows that come too late.
Batch MatchRecognize::inTime(State& state, const Batch& batch) const {
    const size_t column = p_.order[0].column;
    const Column& time = *batch.column(column);
    if (time.hasNulls()) {
        throw UserError("data.null-rowtime",
                        fmt::format("a row has NULL in '{}', by which MATCH_RECOGNIZE orders rows",
                                    p_.input[column].name),
                        "filter such rows out before it");
    }
    return withoutLateRows(batch, column, state.watermark.value(), state.late);
}

void MatchRecognize::process(OperatorState& operator_state, size_t, const Batch& all,
                             OperatorContext& context, Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (all.empty()) return;
    const Batch batch = p_.processing_time ? all : inTime(state, all);
    if (batch.empty()) return;
    state.rows.begin(batch);
    if (state.matches.size() < state.rows.partitions()) {
        state.matches.resize(state.rows.partitions());
        state.held.resize(state.rows.partitions());
    }
    const int64_t* times = p_.processing_time ? nullptr : batch.column(p_.order[0].column)->data<int64_t>();
    state.touched.clear();
    for (size_t row = 0; row < batch.rows(); ++row) {
        const uint32_t partition = state.rows.partitionOf(row);
        state.rows.keep(*state.rows.rows(partition).insert(state.rows.pending(row)).first);
        if (times) {
            state.timers.insert({times[row], partition});
        } else {
            state.touched.push_back(partition);
        }
    }
    state.rows.store(batch);
    if (!p_.processing_time) return;
    std::sort(state.touched.begin(), state.touched.end());
    state.touched.erase(std::unique(state.touched.begin(), state.touched.end()), state.touched.end());
    std::vector<Due> due;
    for (const uint32_t partition : state.touched)
        due.push_back(state.due(partition, std::nullopt));
    fire(state, due, context.now().value(), context, output);
}

void MatchRecognize::onWatermark(OperatorState& operator_state, EventTime watermark, OperatorContext& context,
                                 Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (!p_.processing_time) {
        const int64_t passed = lastMicro(watermark.value());
        std::vector<Due> due;
        for (const uint32_t partition : takePassed(state.timers, passed)) {
            Due next = state.due(partition, passed);
            if (!next.rows.empty()) due.push_back(std::move(next));
        }
        fire(state, due, watermark.value(), context, output);
        state.watermark.rise(watermark);
    }
    output.emitWatermark(watermark);
}

void MatchRecognize::onProcessingTime(OperatorState& operator_state, ProcessingTime now,
                                      OperatorContext& context, Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (!p_.processing_time) return;
    std::vector<Due> due;
    for (const uint32_t partition : takePassed(state.timers, now.value() * 1000 + 999)) {
        if (!state.rows.rows(partition).empty()) due.push_back(state.due(partition, std::nullopt));
    }
    fire(state, due, now.value(), context, output);
}

void MatchRecognize::fire(State& state, std::span<const Due> due, int64_t time_ms, OperatorContext& context,
                          Output& output) const {
    state.functions.refresh(context);
    for (size_t begin = 0; begin < due.size();) {
        size_t end = begin, rows = 0;
        while (end < due.size() && (end == begin || rows + due[end].rows.size() <= kMatchedRows))
            rows += due[end++].rows.size();
        fireSome(state, due.subspan(begin, end - begin), time_ms, context, output);
        begin = end;
    }
}

void MatchRecognize::load(State& state, std::span<const Due> due, Work& work) const {
    for (const Due& next : due) {
        work.runs.push_back({next.partition, work.numbers.size(), next.first, next.rows.size()});
        for (const int64_t row : next.rows) {
            work.places.emplace_back(row, static_cast<uint32_t>(work.numbers.size()));
            work.numbers.push_back(row);
        }
    }
    std::sort(work.places.begin(), work.places.end());
    const std::vector<std::byte*>& state_rows = state.rows.stateRows(work.numbers);
    std::vector<ColumnPtr> columns;
    for (size_t column = 0; column < p_.input.size(); ++column)
        columns.push_back(state.rows.load(column, state_rows));
    work.batch = Batch(work.numbers.size(), std::move(columns));
    if (!p_.processing_time) work.times = work.batch.column(p_.order[0].column)->data<int64_t>();
    for (const MatchCondition& condition : p_.conditions)
        work.condition_of.push_back(condition.column ? work.batch.column(*condition.column).get() : nullptr);
}

void MatchRecognize::fireSome(State& state, std::span<const Due> due, int64_t time_ms,
                              OperatorContext& context, Output& output) const {
    Work work;
    load(state, due, work);
    size_t longest = 0;
    for (const Work::Run& run : work.runs)
        longest = std::max(longest, run.end - run.first);
    for (size_t at = 0; at < longest; ++at)
        step(state, work, at, time_ms, context);
    state.told.clear();
    for (const Work::Run& run : work.runs)
        state.matches[run.partition].advanceTime(rules(), time_ms, state.told);
    for (const auto& rows : state.told)
        work.found.push_back(work.rowsOf(rows));
    emit(state, work, output);
    settle(state, work, context);
}

// One row of each partition.
void MatchRecognize::step(State& state, Work& work, size_t at, int64_t time_ms,
                          OperatorContext& context) const {
    const PartialMatches::Rules how = rules();
    state.told.clear();
    std::vector<Asked> asked;
    std::vector<size_t> asked_of;  // where those of each run begin
    const auto time_of = [&](uint32_t place) {
        return work.times ? floorToMillis(work.times[place]) : time_ms;
    };
    for (const Work::Run& run : work.runs) {
        asked_of.push_back(asked.size());
        if (run.first + at >= run.end) continue;
        const auto place = static_cast<uint32_t>(run.begin + run.first + at);
        PartialMatches& matches = state.matches[run.partition];
        matches.advanceTime(how, time_of(place), state.told);
        for (const PartialMatches::Match& match : matches.candidates(how))
            asked.push_back({&matches, match, place, automaton_.states()[match.state].asks, 0});
    }
    asked_of.push_back(asked.size());
    ask(state, work, asked, context);
    std::vector<VariableSet> satisfied;
    for (size_t i = 0; i < work.runs.size(); ++i) {
        if (asked_of[i] == asked_of[i + 1]) continue;
        satisfied.clear();
        for (size_t n = asked_of[i]; n < asked_of[i + 1]; ++n)
            satisfied.push_back(asked[n].satisfied);
        const uint32_t place = asked[asked_of[i]].place;
        state.matches[work.runs[i].partition].step(how, satisfied, work.numbers[place], time_of(place),
                                                   state.told);
    }
    for (const auto& rows : state.told)
        work.found.push_back(work.rowsOf(rows));
}

// Whose condition each row meets: first by its own columns, then, of those, by expressions over the match.
void MatchRecognize::ask(State& state, Work& work, std::vector<Asked>& asked, OperatorContext&) const {
    for (Asked& one : asked) {
        for (size_t variable = 0; variable < p_.conditions.size(); ++variable) {
            const VariableSet bit = VariableSet{1} << variable;
            if ((one.asks & bit) == 0) continue;
            const Column* condition = work.condition_of[variable];
            if (condition == nullptr ||
                (!condition->isNull(one.place) && condition->data<uint8_t>()[one.place] != 0))
                one.satisfied |= bit;
        }
    }
    if (conditional_ == 0) return;
    std::vector<MatchedRows> rows(asked.size());  // as far as they are needed
    for (size_t variable = 0; variable < p_.conditions.size(); ++variable) {
        const VariableSet bit = VariableSet{1} << variable;
        if ((conditional_ & bit) == 0) continue;
        Selection who, places;
        for (size_t i = 0; i < asked.size(); ++i) {
            if ((asked[i].satisfied & bit) == 0) continue;
            who.push_back(static_cast<uint32_t>(i));
            places.push_back(asked[i].place);
        }
        if (who.empty()) continue;
        std::vector<MatchedRows> matches;
        for (const uint32_t i : who) {
            if (rows[i].rows.empty()) rows[i] = work.rowsOf(asked[i].matches->rowsOf(asked[i].match));
            MatchedRows with_row = rows[i];
            with_row.rows.push_back(asked[i].place);
            with_row.variables.push_back(static_cast<uint32_t>(variable));
            matches.push_back(std::move(with_row));
        }
        const std::vector<bool>& used = state.used[variable];
        std::vector<ColumnPtr> columns(used.size());
        for (size_t column = 0; column < used.size(); ++column) {
            if (!used[column]) continue;
            columns[column] = column < p_.input.size() ? Column::gather(work.batch.column(column), places)
                                                       : state.condition_cells.compute(
                                                             column - p_.input.size(), work.batch, matches);
        }
        const Batch over(who.size(), std::move(columns));
        Selection fulfilled;
        state.executors[variable]->select(state.functions.get(), over, fulfilled);
        for (const uint32_t i : who)
            asked[i].satisfied &= ~bit;
        for (const uint32_t i : fulfilled)
            asked[who[i]].satisfied |= bit;
    }
}

void MatchRecognize::emit(State& state, Work& work, Output& output) const {
    if (work.found.empty()) return;
    Selection last;
    for (const MatchedRows& match : work.found)
        last.push_back(match.rows.back());
    std::vector<ColumnPtr> columns;
    for (const size_t key : p_.partition)
        columns.push_back(Column::gather(work.batch.column(key), last));
    for (size_t cell = 0; cell < p_.cells.size(); ++cell)
        columns.push_back(state.cells.compute(cell, work.batch, work.found));
    output.emit(Batch(work.found.size(), std::move(columns)));
}

// Rows that no match can go on with leave the state.
void MatchRecognize::settle(State& state, Work& work, OperatorContext& context) const {
    std::vector<int64_t> gone;
    for (const Work::Run& run : work.runs) {
        PartialMatches& matches = state.matches[run.partition];
        const auto loaded = work.numbers.begin() + static_cast<ptrdiff_t>(run.begin);
        const std::vector<int64_t> matched = ascending({loaded, loaded + static_cast<ptrdiff_t>(run.end)});
        std::vector<int64_t>& held = state.held[run.partition];
        held = ascending(matches.compact());
        OrderedRows::Rows& rows = state.rows.rows(run.partition);
        size_t left = matched.size() - held.size();
        for (auto row = rows.begin(); left > 0;) {
            if (!std::binary_search(matched.begin(), matched.end(), row->number) ||
                std::binary_search(held.begin(), held.end(), row->number)) {
                ++row;
                continue;
            }
            gone.push_back(row->number);
            row = rows.erase(row);
            --left;
        }
        if (matches.empty()) {
            state.changed.erase(run.partition);
            state.rows.dropIfEmpty(run.partition);
        } else {
            state.changed.insert(run.partition);
            state.rescheduled(run.partition, rules(), p_.processing_time, context);
        }
    }
    state.rows.erase(gone);
}

void MatchRecognize::beforeBarrier(OperatorState& operator_state, OperatorContext&, Output&) const {
    auto& state = static_cast<State&>(operator_state);
    for (const uint32_t partition : state.changed) {
        PartialMatches& matches = state.matches[partition];
        const std::vector<int64_t> numbers = matches.compact();
        ColumnBuilder kept(partialMatchesType(), numbers.size());
        kept.appendString(matches.encode());
        for (size_t i = 1; i < numbers.size(); ++i)
            kept.appendNull();
        const ColumnPtr column = kept.finish();
        state.rows.storeResults(state.rows.stateRows(numbers), {&column, 1});
    }
    state.changed.clear();
    if (!p_.processing_time) state.watermark.store();
}

}  // namespace millrace

#include "operators/over_aggregate.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "operators/kept_watermark.h"
#include "operators/partition_timers.h"

namespace millrace {

namespace {

constexpr size_t kFiredRows = 8192;  // computed at a time, unless a partition has more

// 8 bytes, and a 1 where all time has ended since (operators/kept_watermark.h).
std::string encoded(int64_t watermark, bool ended) {
    std::string item(reinterpret_cast<const char*>(&watermark), sizeof(watermark));
    if (ended) item.push_back('\1');
    return item;
}

KeptWatermark::Item decodedOverWatermark(const std::string& item) {
    KeptWatermark::Item watermark;
    watermark.ended = item.size() == sizeof(watermark.value) + 1;
    if (item.size() != sizeof(watermark.value) && !watermark.ended)
        throw UserError("snapshot.damaged", "the watermark of an OVER aggregation is not 8 bytes long");
    std::memcpy(&watermark.value, item.data(), sizeof(watermark.value));
    return watermark;
}

}  // namespace

// A partition with rows to be sent: of its rows, those from `first_result` to `end`.
struct OverAggregate::Due {
    uint32_t partition;
    size_t first_result;
    size_t end;
};

struct OverAggregate::State final : OperatorState {
    State(OrderedRowsParameters parameters, const OverWindow& window, OperatorContext& context)
        : rows(std::move(parameters), context),
          fresh(window, context),
          late(context.metrics().counter("numLateRecordsDropped")) {}

    OrderedRows rows;
    FreshAccumulators fresh;
    KeyedTable* accumulators = nullptr;  // without a lower bound
    Counter& late;
    std::vector<std::string>* watermark_list = nullptr;
    int64_t watermark = kNoMicro;
    bool ended = false;
    // By event time: the times of rows that wait, or at which rows may be forgotten, with their partitions.
    PartitionTimers timers;
    // In processing time: of each partition that the batch at hand touches, its rows that are new.
    std::vector<uint32_t> touched;
    std::vector<uint32_t> fresh_rows;
    int64_t passed = kNoMicro;  // event time, in microseconds, up to which rows are being sent
};

OverAggregate::OverAggregate(OverAggregateParameters parameters)
    : p_(std::move(parameters)), window_(p_.over) {
    MILLRACE_CHECK(p_.over.order.size() == 1, "{} sort columns", p_.over.order.size());
}

OverAggregate::~OverAggregate() = default;

std::vector<KeptState> OverAggregate::keeps() const {
    const std::string each = ofEach(p_.over.input, p_.over.partition);
    std::string waiting = p_.processing_time ? "" : "rows later than the watermark";
    if (!p_.over.preceding) {
        if (p_.processing_time) waiting = "no row, as each is sent when it comes";
        return {{"over", waiting, "dropped when it is sent"},
                {"over-accumulators", oneRowForEach(p_.over.input, p_.over.partition),
                 untilExpired(p_.over.ttl, TtlFrom::Option)}};
    }
    if (*p_.over.preceding == 0) {
        return {{"over", waiting.empty() ? "no row, as each is sent when it comes" : waiting,
                 "dropped when it is sent"}};
    }
    if (!waiting.empty()) waiting += " and ";
    if (p_.over.rows) {
        return {{"over", fmt::format("{}the last {} rows{}", waiting, *p_.over.preceding, each),
                 "dropped when no frame reaches back to it"}};
    }
    const std::string reach = formatDuration(Duration{*p_.over.preceding / 1000});
    return {{"over", fmt::format("{}those of the last {}{}", waiting, reach, each),
             p_.processing_time ? "dropped when the next row of its partition comes after that"
                                : "dropped when the watermark is that far past it"}};
}

std::unique_ptr<OperatorState> OverAggregate::open(OperatorContext& context) const {
    OrderedRowsParameters rows;
    rows.name = "over";
    rows.columns = p_.over.input;
    rows.partition = p_.over.partition;
    if (!p_.processing_time) rows.order = p_.over.order;
    auto state = std::make_unique<State>(std::move(rows), window_, context);
    if (!p_.over.preceding) {
        KeyedStateDescriptor descriptor;
        descriptor.name = "over-accumulators";
        descriptor.key = Aggregation::keySchema(p_.over.input, p_.over.partition);
        descriptor.value = window_.accumulatorSchema();
        descriptor.ttl = p_.over.ttl;
        state->accumulators = &context.state().table(descriptor);
    }
    if (p_.processing_time) return state;

    state->watermark_list = &context.state().list("watermark", Redistribution::Union);
    std::vector<KeptWatermark::Item> reached;
    for (const std::string& item : *state->watermark_list)
        reached.push_back(decodedOverWatermark(item));
    if (!reached.empty()) state->watermark = KeptWatermark::lowest(reached);
    for (uint32_t partition = 0; partition < state->rows.partitions(); ++partition) {
        for (const OrderedRow& row : state->rows.rows(partition))
            state->timers.insert({row.key.int64(), partition});
    }
    return state;
}

// Without the rows that come too late.
Batch OverAggregate::inTime(State& state, const Batch& batch) const {
    const Column& time = *batch.column(timeColumn());
    if (time.hasNulls()) {
        throw UserError("data.null-rowtime",
                        fmt::format("a row has NULL in '{}', by which a window function orders rows",
                                    p_.over.input[timeColumn()].name),
                        "filter such rows out before the window function");
    }
    return withoutLateRows(batch, timeColumn(), state.watermark, state.late);
}

void OverAggregate::process(OperatorState& operator_state, size_t, const Batch& all, OperatorContext&,
                            Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (all.empty()) return;
    const Batch batch = p_.processing_time ? all : inTime(state, all);
    if (batch.empty()) return;
    state.rows.begin(batch);
    const int64_t* times = p_.processing_time ? nullptr : batch.column(timeColumn())->data<int64_t>();
    state.touched.clear();
    if (state.fresh_rows.size() < state.rows.partitions())
        state.fresh_rows.resize(state.rows.partitions(), 0);
    for (size_t row = 0; row < batch.rows(); ++row) {
        const uint32_t partition = state.rows.partitionOf(row);
        state.rows.keep(*state.rows.rows(partition).insert(state.rows.pending(row)).first);
        if (times) {
            state.timers.insert({times[row], partition});
        } else if (state.fresh_rows[partition]++ == 0) {
            state.touched.push_back(partition);
        }
    }
    state.rows.store(batch);
    if (!p_.processing_time) return;
    std::vector<Due> due;
    for (const uint32_t partition : state.touched) {
        const size_t rows = state.rows.rows(partition).size();
        due.push_back({partition, rows - state.fresh_rows[partition], rows});
        state.fresh_rows[partition] = 0;
    }
    fire(state, due, output);
}

void OverAggregate::onWatermark(OperatorState& operator_state, EventTime watermark, OperatorContext&,
                                Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (!p_.processing_time) {
        const int64_t passed = state.passed = lastMicro(watermark.value());
        const int64_t sent = lastMicro(state.watermark);
        std::vector<Due> due;
        for (const uint32_t partition : takePassed(state.timers, passed)) {
            Due next{partition, 0, 0};
            for (const OrderedRow& row : state.rows.rows(partition)) {
                const int64_t time = row.key.int64();
                if (time > passed) break;
                next.first_result += sent != kNoMicro && time <= sent;
                ++next.end;
            }
            if (next.end > 0) due.push_back(next);
        }
        fire(state, due, output);
        // The watermark that ends all time is not kept: a job restored from a drained savepoint goes on.
        state.ended = watermark == EventTime::max();
        if (!state.ended) state.watermark = std::max(state.watermark, watermark.value());
    }
    output.emitWatermark(watermark);
}

void OverAggregate::fire(State& state, std::span<const Due> due, Output& output) const {
    for (size_t begin = 0; begin < due.size();) {
        size_t end = begin, rows = 0;
        while (end < due.size() && (end == begin || rows + due[end].end <= kFiredRows))
            rows += due[end++].end;
        fireSome(state, due.subspan(begin, end - begin), output);
        begin = end;
    }
}

void OverAggregate::findAccumulators(State& state, OverWindow::Runs& all) const {
    std::vector<OverWindow::Run>& runs = all.runs;
    std::vector<const OrderedRow*> first_rows;
    first_rows.reserve(runs.size());
    for (const OverWindow::Run& run : runs)
        first_rows.push_back(all.rows[run.begin]);
    const std::vector<std::byte*> state_rows =
        state.rows.stateRows(std::span<const OrderedRow* const>(first_rows));
    std::vector<ColumnPtr> keys;
    for (const size_t key : p_.over.partition)
        keys.push_back(state.rows.load(key, state_rows));
    std::vector<uint64_t> hashes;
    hashColumns(keys, runs.size(), hashes);
    std::vector<std::byte*> rows;
    state.accumulators->findOrInsert(0, keys, hashes, {}, rows);
    for (size_t i = 0; i < runs.size(); ++i)
        runs[i].accumulators = rows[i];
}

void OverAggregate::fireSome(State& state, std::span<const Due> due, Output& output) const {
    OverWindow::Runs runs, passed;
    for (const Due& next : due) {
        OverWindow::Runs& into = next.end > next.first_result ? runs : passed;
        into.begin(next.partition);
        into.runs.back().first_result = next.first_result;
        const OrderedRow* before = nullptr;
        for (const OrderedRow& row : state.rows.rows(next.partition)) {
            if (into.runs.back().size == next.end) break;
            into.add(row, before != nullptr && before->key == row.key);
            if (!p_.processing_time) before = &row;  // by arrival, no two rows are equal
        }
    }
    if (!runs.runs.empty()) {
        if (state.accumulators) findAccumulators(state, runs);
        KeyedTable& table = state.accumulators ? *state.accumulators : state.fresh.assign(runs);
        OverWindow::Results results = window_.evaluate(state.rows, runs, table);
        std::vector<ColumnPtr> columns;
        for (size_t column = 0; column < p_.over.input.size(); ++column)
            columns.push_back(state.rows.load(column, results.state_rows));
        std::move(results.columns.begin(), results.columns.end(), std::back_inserter(columns));
        output.emit(Batch(results.numbers.size(), std::move(columns)));
        if (!state.accumulators) state.fresh.release();
    }
    for (const OverWindow::Runs* all : {&runs, &passed}) {
        for (const OverWindow::Run& run : all->runs)
            forget(state, run.partition, {all->rows.data() + run.begin, run.size});
    }
}

// How many of a partition's first rows, all of which have been sent, no later frame reaches.
size_t OverAggregate::forgotten(State& state, uint32_t partition,
                                std::span<const OrderedRow* const> sent) const {
    const size_t all = sent.size();
    const bool ended = !p_.processing_time && state.passed == std::numeric_limits<int64_t>::max();
    if (!p_.over.preceding || ended) return all;
    const int64_t preceding = *p_.over.preceding;
    if (p_.over.rows) return all - std::min(all, static_cast<size_t>(preceding));
    // The next row is later than what was passed, or, in processing time, not earlier than the last one.
    int64_t frame = 0;
    if (p_.processing_time) {
        const ColumnPtr time = state.rows.load(timeColumn(), state.rows.stateRows(sent));
        const int64_t* times = time->data<int64_t>();
        if (__builtin_sub_overflow(times[all - 1], preceding, &frame)) return 0;
        return static_cast<size_t>(std::find_if(times, times + all, [&](int64_t at) { return at >= frame; }) -
                                   times);
    }
    if (__builtin_sub_overflow(state.passed, preceding, &frame)) return 0;
    size_t gone = 0;
    for (const OrderedRow& row : state.rows.rows(partition)) {
        const int64_t time = row.key.int64();
        if (gone == all || time > frame) break;
        ++gone;
    }
    // What is left goes once no row can reach it any more, whether or not its partition has further rows.
    if (gone < all) {
        int64_t until = 0;
        if (!__builtin_add_overflow(sent.back()->key.int64(), preceding, &until))
            state.timers.insert({until, partition});
    }
    return gone;
}

void OverAggregate::forget(State& state, uint32_t partition, std::span<const OrderedRow* const> sent) const {
    const size_t gone = forgotten(state, partition, sent);
    std::vector<int64_t> numbers;
    for (const OrderedRow* row : sent.first(gone))
        numbers.push_back(row->number);
    OrderedRows::Rows& rows = state.rows.rows(partition);
    rows.erase(rows.begin(), std::next(rows.begin(), static_cast<std::ptrdiff_t>(gone)));
    state.rows.erase(numbers);
    state.rows.dropIfEmpty(partition);
}

void OverAggregate::beforeBarrier(OperatorState& operator_state, OperatorContext&, Output&) const {
    auto& state = static_cast<State&>(operator_state);
    if (state.watermark_list) *state.watermark_list = {encoded(state.watermark, state.ended)};
}

}  // namespace millrace

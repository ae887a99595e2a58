#include "operators/rank.h"

#include <algorithm>

#include "operators/append_rank.h"
#include "operators/deduplicate.h"
#include "operators/rank_changes.h"

namespace millrace {

std::shared_ptr<const Operator> makeRank(RankParameters p) {
    p.first = std::max<int64_t>(p.first, 1);
    const bool few = !p.input_retracts && p.last >= p.first && p.last <= AppendRank::kRowsMax;
    if (!few) return std::make_shared<Rank>(std::move(p));
    if (p.last > 1 || p.outputs_number) return std::make_shared<AppendRank>(std::move(p));
    DeduplicateParameters first;
    first.input = std::move(p.input);
    first.keys = std::move(p.partition);
    first.order = std::move(p.order);
    first.generates_update_before = p.generates_update_before;
    first.ttl = p.ttl;
    first.output = std::move(p.output);
    first.kind = "Rank";
    first.text = std::move(p.text);
    return std::make_shared<Deduplicate>(std::move(first));
}

// A partition that the batch at hand changes.
struct Rank::Touched {
    uint32_t partition;
    std::vector<int64_t> before;  // the numbers of the rows in its window
};

struct Rank::State final : OperatorState {
    State(OrderedRowsParameters parameters, OperatorContext& context)
        : rows(std::move(parameters), context) {}

    OrderedRows rows;
    // Of the batch at hand.
    std::vector<Touched> touched;
    std::vector<uint8_t> is_touched;  // of each partition
    std::vector<int64_t> evicted;     // numbers of state rows that are no more
    RankChanges changes;
};

Rank::Rank(RankParameters parameters)
    : p_(std::move(parameters)), by_place_(p_.outputs_number || p_.first == p_.last) {
    p_.first = std::max<int64_t>(p_.first, 1);
    MILLRACE_CHECK(p_.output.size() == p_.input.size() + (p_.outputs_number ? 1 : 0), "{} fields of {}",
                   p_.output.size(), p_.input.size());
}

Rank::~Rank() = default;

std::vector<KeptState> Rank::keeps() const {
    if (p_.input_retracts)
        return {{"rank", "every row of the input", untilTakenBack(p_.ttl, TtlFrom::Option)}};
    return {{"rank", fmt::format("at most {} rows{}", p_.last, ofEach(p_.input, p_.partition)),
             untilExpired(p_.ttl, TtlFrom::Option)}};
}

std::unique_ptr<OperatorState> Rank::open(OperatorContext& context) const {
    OrderedRowsParameters rows;
    rows.name = "rank";
    rows.columns = p_.input;
    rows.partition = p_.partition;
    rows.order = p_.order;
    rows.hashes_rows = p_.input_retracts;
    rows.ttl = p_.ttl;
    rows.looks_at = static_cast<size_t>(std::max<int64_t>(p_.last, 0));
    return std::make_unique<State>(std::move(rows), context);
}

std::vector<int64_t> Rank::window(State& state, uint32_t partition) const {
    std::vector<int64_t> numbers;
    int64_t place = 1;
    for (const OrderedRow& row : state.rows.rows(partition)) {
        if (place > p_.last) break;
        if (place >= p_.first) numbers.push_back(row.number);
        ++place;
    }
    return numbers;
}

void Rank::touch(State& state, uint32_t partition) const {
    if (partition >= state.is_touched.size()) state.is_touched.resize(state.rows.partitions(), 0);
    if (state.is_touched[partition]) return;
    state.is_touched[partition] = 1;
    state.touched.push_back({partition, window(state, partition)});
}

void Rank::insert(State& state, size_t row) const {
    const uint32_t partition = state.rows.partitionOf(row);
    OrderedRows::Rows& rows = state.rows.rows(partition);
    const bool full = !p_.input_retracts && static_cast<int64_t>(rows.size()) >= p_.last;
    // Of equal keys, the later row is the one behind.
    if (full && state.rows.keyOf(row) >= rows.rbegin()->key) return;
    touch(state, partition);
    rows.insert(state.rows.pending(row));
    if (!full) return;
    const auto worst = std::prev(rows.end());
    if (worst->number < OrderedRows::kPending) state.evicted.push_back(worst->number);
    rows.erase(worst);
}

void Rank::retract(State& state, const Batch& batch, size_t row) const {
    const uint32_t partition = state.rows.partitionOf(row);
    touch(state, partition);
    const auto found = state.rows.find(partition, batch, row);
    OrderedRows::Rows& rows = state.rows.rows(partition);
    if (found == rows.end()) return;
    if (found->number < OrderedRows::kPending) state.evicted.push_back(found->number);
    rows.erase(found);
}

void Rank::compare(State& state, const Touched& touched) const {
    const std::vector<int64_t> now = window(state, touched.partition);
    if (by_place_) return state.changes.addPlaces(p_, touched.before, now);
    std::vector<int64_t> before_sorted = touched.before;
    std::vector<int64_t> now_sorted = now;
    std::sort(before_sorted.begin(), before_sorted.end());
    std::sort(now_sorted.begin(), now_sorted.end());
    for (const int64_t number : touched.before) {
        if (!std::binary_search(now_sorted.begin(), now_sorted.end(), number))
            state.changes.add(number, RowKind::Delete);
    }
    for (const int64_t number : now) {
        if (!std::binary_search(before_sorted.begin(), before_sorted.end(), number))
            state.changes.add(number, RowKind::Insert);
    }
}

void Rank::process(OperatorState& operator_state, size_t, const Batch& batch, OperatorContext&,
                   Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (batch.empty() || p_.last < p_.first) return;
    state.rows.begin(batch);
    state.touched.clear();
    state.evicted.clear();
    for (size_t row = 0; row < batch.rows(); ++row) {
        if (p_.input_retracts && isRetraction(batch.kind(row))) {
            retract(state, batch, row);
        } else {
            insert(state, row);
        }
    }
    state.changes.clear();
    for (const Touched& touched : state.touched)
        compare(state, touched);
    emitChanges(state, batch, output);
    settle(state, batch);
}

void Rank::emitChanges(State& state, const Batch& batch, Output& output) const {
    const std::vector<int64_t> numbers = state.changes.ofState();
    std::vector<const std::byte*> found;
    if (!numbers.empty()) {
        const std::vector<std::byte*>& rows = state.rows.stateRows(numbers);
        found.assign(rows.begin(), rows.end());
    }
    const auto load = [&](size_t column, auto... rows) { return state.rows.loadOrGather(column, rows...); };
    state.changes.emit(p_, batch, found, load, output);
}

// Brings the table in line with the order.
void Rank::settle(State& state, const Batch& batch) const {
    state.rows.erase(state.evicted);
    if (p_.input_retracts) {
        // In the order of arrival, so that their numbers ascend in it.
        for (size_t row = 0; row < batch.rows(); ++row) {
            if (isRetraction(batch.kind(row))) continue;
            const OrderedRows::Rows& rows = state.rows.rows(state.rows.partitionOf(row));
            if (const auto found = rows.find(state.rows.pending(row)); found != rows.end())
                state.rows.keep(*found);
        }
    }
    for (const Touched& touched : state.touched) {
        if (!p_.input_retracts) {  // all rows there are: those of one key lie in the order of arrival
            for (const OrderedRow& row : state.rows.rows(touched.partition)) {
                if (row.number >= OrderedRows::kPending) state.rows.keep(row);
            }
        }
        state.rows.dropIfEmpty(touched.partition);
        state.is_touched[touched.partition] = 0;
    }
    state.rows.store(batch);
}

}  // namespace millrace

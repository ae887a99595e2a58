#include "operators/updating_over.h"

#include <algorithm>

#include "operators/row_values.h"

namespace millrace {

namespace {
constexpr uint32_t kHeld = UINT32_MAX;  // a row that was there before the batch
}

// A partition that the batch at hand changes, from one sort key to another.
struct UpdatingOver::Touched {
    uint32_t partition;
    SortKey first_key;
    SortKey last_key;
};

struct UpdatingOver::State final : OperatorState {
    State(OrderedRowsParameters parameters, const OverWindow& window, OperatorContext& context)
        : rows(std::move(parameters), context), accumulators(window, context) {}

    OrderedRows rows;
    FreshAccumulators accumulators;
    // Of the batch at hand.
    std::vector<Touched> touched;
    std::vector<uint32_t> touched_of;  // of each partition: 1 + its place in `touched`, or 0
    std::vector<OrderedRow> removed;   // that were there before it
    std::vector<const OrderedRow*> all_removed;
    OverWindow::Runs runs;

    void touch(uint32_t partition, const SortKey& key) {
        if (partition >= touched_of.size()) touched_of.resize(rows.partitions(), 0);
        uint32_t& place = touched_of[partition];
        if (place == 0) {
            touched.push_back({partition, key, key});
            place = static_cast<uint32_t>(touched.size());
            return;
        }
        Touched& known = touched[place - 1];
        if (key < known.first_key) known.first_key = key;
        if (key > known.last_key) known.last_key = key;
    }
};

UpdatingOver::UpdatingOver(UpdatingOverParameters parameters) : p_(std::move(parameters)), window_(p_.over) {
    // Runs are gone through side by side: one that is much longer than the others would end alone.
    if (p_.over.rows && p_.over.preceding)
        run_results_max_ = std::max<size_t>(16, 2 * static_cast<size_t>(*p_.over.preceding));
}

UpdatingOver::~UpdatingOver() = default;

std::vector<KeptState> UpdatingOver::keeps() const {
    return {{"over", "every row of the input with its results",
             p_.input_retracts ? untilTakenBack(p_.over.ttl, TtlFrom::Option)
                               : untilExpired(p_.over.ttl, TtlFrom::Option)}};
}

std::unique_ptr<OperatorState> UpdatingOver::open(OperatorContext& context) const {
    OrderedRowsParameters rows;
    rows.name = "over";
    rows.columns = p_.over.input;
    std::vector<Field> results;
    for (size_t i = 0; i < p_.over.terms.size(); ++i) {
        const Field& field = p_.over.output[p_.over.input.size() + i];
        results.push_back({fmt::format("result_{}", i), field.type});
    }
    rows.results = Schema(std::move(results));
    rows.partition = p_.over.partition;
    rows.order = p_.over.order;
    rows.hashes_rows = p_.input_retracts;
    rows.by_entry = true;
    rows.ttl = p_.over.ttl;
    return std::make_unique<State>(std::move(rows), window_, context);
}

void UpdatingOver::apply(State& state, const Batch& batch) const {
    for (size_t row = 0; row < batch.rows(); ++row) {
        const uint32_t partition = state.rows.partitionOf(row);
        state.touch(partition, state.rows.keyOf(row));
        OrderedRows::Rows& rows = state.rows.rows(partition);
        if (!p_.input_retracts || !isRetraction(batch.kind(row))) {
            state.rows.keep(*rows.insert(state.rows.pending(row)).first);
            continue;
        }
        const auto found = state.rows.find(partition, batch, row);
        if (found == rows.end()) continue;
        if (state.rows.isFresh(found->number)) {
            state.rows.forget(found->number);
        } else {
            state.removed.push_back(*found);
        }
        rows.erase(found);
    }
    state.rows.store(batch);
    state.all_removed.clear();
    for (const OrderedRow& row : state.removed)
        state.all_removed.push_back(&row);
}

// The rows of a partition that may have other results now, led by those that their frames reach back to.
void UpdatingOver::affected(State& state, const Touched& touched) const {
    OrderedRows::Rows& rows = state.rows.rows(touched.partition);
    state.runs.begin(touched.partition);
    const auto first = rows.lower_bound(OrderedRow::before(touched.first_key));
    auto at = rows.begin();
    auto end = rows.end();
    if (p_.over.rows && p_.over.preceding) {
        at = first;
        for (int64_t n = 0; n < *p_.over.preceding && at != rows.begin(); ++n)
            --at;
        end = rows.upper_bound(OrderedRow::behind(touched.last_key));
        for (int64_t n = 0; n < *p_.over.preceding && end != rows.end(); ++n)
            ++end;
    }
    const OrderedRow* before = nullptr;
    bool reached = false;
    for (; at != end; ++at) {
        reached = reached || at == first;
        if (run_results_max_ && state.runs.runs.back().results() == *run_results_max_) {
            state.runs.beginBehind(static_cast<size_t>(*p_.over.preceding));
        }
        if (!reached) ++state.runs.runs.back().first_result;
        state.runs.add(*at, before != nullptr && before->key == at->key);
        before = &*at;
    }
    if (state.runs.runs.back().results() == 0) state.runs.dropLast();
}

void UpdatingOver::process(OperatorState& operator_state, size_t, const Batch& batch, OperatorContext&,
                           Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (batch.empty()) return;
    state.rows.begin(batch);
    state.touched.clear();
    state.removed.clear();
    state.runs.clear();
    apply(state, batch);
    for (const Touched& touched : state.touched)
        affected(state, touched);
    KeyedTable& accumulators = state.accumulators.assign(state.runs);
    const OverWindow::Results results = window_.evaluate(state.rows, state.runs, accumulators);
    emitChanges(state, batch, results, output);
    state.accumulators.release();

    state.rows.erase(state.all_removed);
    for (const Touched& touched : state.touched) {
        state.rows.dropIfEmpty(touched.partition);
        state.touched_of[touched.partition] = 0;
    }
}

void UpdatingOver::emitChanges(State& state, const Batch& batch, const OverWindow::Results& results,
                               Output& output) const {
    const size_t width = p_.over.input.size();
    std::vector<uint8_t> different(results.numbers.size(), 0);
    for (size_t term = 0; term < results.columns.size(); ++term) {
        markDifferent(*state.rows.load(width + term, results.state_rows), *results.columns[term], different);
    }
    // Rows of the result. The input's columns: rows of `rows` or of the batch. The results: those that rows
    // of `rows` were sent with, or, behind those, new ones.
    std::vector<std::byte*> rows = state.rows.stateRows(state.all_removed);
    std::erase(rows, nullptr);
    const size_t removed = rows.size();
    Selection changed;  // places in `results`
    std::vector<std::byte*> changed_rows;
    std::vector<uint32_t> came_as;  // rows of the batch
    for (size_t i = 0; i < results.numbers.size(); ++i) {
        const int64_t number = results.numbers[i];
        const bool fresh = state.rows.isFresh(number);
        if (!fresh && !different[i]) continue;
        changed.push_back(static_cast<uint32_t>(i));
        changed_rows.push_back(results.state_rows[i]);
        came_as.push_back(fresh ? state.rows.rowOf(number) : kHeld);
        if (!fresh) rows.push_back(results.state_rows[i]);
    }
    if (rows.empty() && changed.empty()) return;

    std::vector<const std::byte*> state_rows;
    Selection of_batch, of_result;
    std::vector<RowKind> kinds;
    const auto held = static_cast<uint32_t>(rows.size());
    const auto add = [&](const std::byte* state_row, uint32_t row, uint32_t result, RowKind kind) {
        state_rows.push_back(state_row);
        of_batch.push_back(row);
        of_result.push_back(result);
        kinds.push_back(kind);
    };
    for (uint32_t row = 0; row < removed; ++row)
        add(rows[row], 0, row, RowKind::Delete);
    auto next = static_cast<uint32_t>(removed);
    for (uint32_t i = 0; i < changed.size(); ++i) {
        if (came_as[i] != kHeld) {
            add(nullptr, came_as[i], held + i, RowKind::Insert);
            continue;
        }
        if (p_.generates_update_before) add(rows[next], 0, next, RowKind::UpdateBefore);
        add(rows[next], 0, held + i, RowKind::UpdateAfter);
        ++next;
    }
    const auto joined = [](const ColumnPtr& first, const ColumnPtr& second) {
        const ColumnPtr both[] = {first, second};
        return Column::concat(both);
    };
    std::vector<ColumnPtr> columns;
    for (size_t column = 0; column < width; ++column) {
        const ColumnPtr all = Column::retyped(batch.column(column), p_.over.output[column].type);
        columns.push_back(rows.empty() ? Column::gather(all, of_batch)
                                       : state.rows.loadOrGather(column, state_rows, all, of_batch));
    }
    std::vector<ColumnPtr> now;
    for (size_t term = 0; term < p_.over.terms.size(); ++term) {
        ColumnPtr all = state.rows.load(width + term, rows);
        if (!changed.empty()) {
            now.push_back(Column::gather(results.columns[term], changed));
            all = joined(all, now.back());
        }
        columns.push_back(Column::gather(all, of_result));
    }
    Batch result(kinds.size(), std::move(columns));
    const bool only_inserts =
        std::all_of(kinds.begin(), kinds.end(), [](RowKind kind) { return kind == RowKind::Insert; });
    if (!only_inserts) result.setKinds(std::move(kinds));
    output.emit(std::move(result));
    state.rows.storeResults(changed_rows, now);
}

}  // namespace millrace

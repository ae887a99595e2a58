#include "operators/over_window.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "operators/scratch_state.h"

namespace millrace {

namespace {

std::vector<AggregateTerm> aggregatesOf(const std::vector<OverTerm>& terms) {
    std::vector<AggregateTerm> result;
    for (const OverTerm& term : terms) {
        if (term.kind == OverTerm::Kind::Aggregate) result.push_back(term.aggregate);
    }
    return result;
}

std::vector<int64_t> distances(const Column& column) {
    std::vector<int64_t> values(column.size());
    for (size_t i = 0; i < column.size(); ++i) {
        values[i] =
            column.physical() == PhysicalType::Int32 ? column.data<int32_t>()[i] : column.data<int64_t>()[i];
    }
    return values;
}

}  // namespace

void OverWindow::Runs::clear() {
    runs.clear();
    rows.clear();
    peer.clear();
}

void OverWindow::Runs::beginBehind(size_t leading) {
    const Run last = runs.back();
    begin(last.partition);
    const size_t end = last.begin + last.size;
    for (size_t row = end - std::min(leading, last.size); row < end; ++row)
        add(*rows[row], peer[row] != 0);
    runs.back().first_result = runs.back().size;
}

void OverWindow::Runs::dropLast() {
    rows.resize(runs.back().begin);
    peer.resize(runs.back().begin);
    runs.pop_back();
}

// The rows of all runs, and where the pass through them is.
struct OverWindow::Work {
    Work(const Runs& all, KeyedTable& accumulator_table, Batch read)
        : runs(all.runs), peer(all.peer), table(accumulator_table), batch(std::move(read)) {}

    const std::vector<Run>& runs;
    const std::vector<uint8_t>& peer;
    KeyedTable& table;
    Batch batch;               // only with the columns that are read
    std::vector<size_t> left;  // of each run: rows before it are not in the frame any more
    // RANGE with a distance: the sort column.
    std::vector<int64_t> sort_values;
    ColumnPtr sort_column;

    std::vector<std::vector<ColumnPtr>> pieces;  // of each aggregate, results as they come ...
    std::vector<std::byte> copies;               // ... or the accumulators they are made of, copied
    std::vector<uint32_t> result_of;             // of each row, its place in them
    uint32_t results = 0;

    Aggregation::Scratch scratch;
    std::vector<uint32_t> active;  // runs that have not ended
    Selection selection;
    std::vector<std::byte*> accumulators;
    std::vector<int8_t> signs;
};

OverWindow::OverWindow(const OverParameters& parameters)
    : p_(parameters), aggregation_(aggregatesOf(parameters.terms), false) {
    size_t next = 0;
    for (const OverTerm& term : p_.terms)
        aggregate_of_.push_back(term.kind == OverTerm::Kind::Aggregate ? next++ : 0);
    MILLRACE_CHECK(p_.output.size() == p_.input.size() + p_.terms.size(), "{} fields for {} and {} terms",
                   p_.output.size(), p_.input.size(), p_.terms.size());
    MILLRACE_CHECK(p_.rows || !p_.preceding || p_.order.size() == 1, "a distance over {} sort columns",
                   p_.order.size());
}

// Takes the rows that the frame of row `at` of each active run does not reach any more out again.
void OverWindow::leave(Work& work, size_t at) const {
    work.selection.clear();
    work.accumulators.clear();
    const bool descending = !p_.rows && p_.order[0].descending;
    for (const uint32_t run : work.active) {
        const size_t begin = work.runs[run].begin;
        size_t& left = work.left[run];
        const auto leaves = [&](size_t row) {
            if (p_.rows) return static_cast<int64_t>(at - row) > *p_.preceding;
            const bool null = work.sort_column->isNull(begin + row);
            if (null || work.sort_column->isNull(begin + at))
                return null != work.sort_column->isNull(begin + at);
            const int64_t from = work.sort_values[begin + row], to = work.sort_values[begin + at];
            int64_t distance = 0;
            const bool overflows = descending ? __builtin_sub_overflow(from, to, &distance)
                                              : __builtin_sub_overflow(to, from, &distance);
            return overflows || distance > *p_.preceding;
        };
        for (; left < at && leaves(left); ++left) {
            work.selection.push_back(static_cast<uint32_t>(begin + left));
            work.accumulators.push_back(work.runs[run].accumulators);
        }
    }
    if (work.selection.empty()) return;
    work.signs.assign(work.selection.size(), -1);
    aggregation_.accumulate(work.batch, work.selection, work.accumulators, work.signs.data(), work.table,
                            work.scratch);
}

void OverWindow::step(Work& work, size_t at) const {
    work.selection.clear();
    work.accumulators.clear();
    std::erase_if(work.active, [&](uint32_t run) { return at >= work.runs[run].size; });
    for (const uint32_t run : work.active) {
        work.selection.push_back(static_cast<uint32_t>(work.runs[run].begin + at));
        work.accumulators.push_back(work.runs[run].accumulators);
    }
    aggregation_.accumulate(work.batch, work.selection, work.accumulators, nullptr, work.table, work.scratch);
    if (p_.preceding) leave(work, at);

    work.accumulators.clear();
    for (const uint32_t active : work.active) {
        const Run& run = work.runs[active];
        const bool last_peer = p_.rows || at + 1 == run.size || work.peer[run.begin + at + 1] == 0;
        if (!last_peer || at < run.first_result) continue;
        work.result_of[run.begin + at] = work.results++;
        work.accumulators.push_back(run.accumulators);
    }
    if (work.accumulators.empty()) return;
    // Where accumulators can be copied, all results are made at once in the end.
    if (!work.table.layout().ownsMemory()) {
        const size_t bytes = work.table.layout().rowBytes();
        size_t at_byte = work.copies.size();
        work.copies.resize(at_byte + bytes * work.accumulators.size());
        for (const std::byte* row : work.accumulators) {
            std::memcpy(work.copies.data() + at_byte, row, bytes);
            at_byte += bytes;
        }
        return;
    }
    for (size_t i = 0; i < aggregation_.size(); ++i)
        work.pieces[i].push_back(aggregation_.result(work.table, i, work.accumulators));
}

std::vector<int64_t> OverWindow::ranks(const Runs& runs, bool dense) const {
    std::vector<int64_t> ranks;
    for (const Run& run : runs.runs) {
        int64_t rank = 0;
        for (size_t i = 0; i < run.size; ++i) {
            if (runs.peer[run.begin + i] == 0) rank = dense ? rank + 1 : static_cast<int64_t>(i) + 1;
            if (i >= run.first_result) ranks.push_back(rank);
        }
    }
    return ranks;
}

std::vector<ColumnPtr> OverWindow::columns(Work& work, const Runs& runs,
                                           std::span<const uint32_t> rows) const {
    if (!work.copies.empty()) {
        std::vector<std::byte*> copies;
        for (size_t at = 0; at < work.copies.size(); at += work.table.layout().rowBytes())
            copies.push_back(work.copies.data() + at);
        for (size_t i = 0; i < aggregation_.size(); ++i)
            work.pieces[i].push_back(aggregation_.result(work.table, i, copies));
    }
    std::vector<ColumnPtr> result;
    for (size_t i = 0; i < p_.terms.size(); ++i) {
        const LogicalType& type = p_.output[p_.input.size() + i].type;
        if (p_.terms[i].kind == OverTerm::Kind::Aggregate) {
            const std::vector<ColumnPtr>& pieces = work.pieces[aggregate_of_[i]];
            const ColumnPtr all = pieces.size() == 1 ? pieces.front() : Column::concat(pieces);
            result.push_back(Column::retyped(Column::gather(all, rows), type));
            continue;
        }
        const std::vector<int64_t> values = ranks(runs, p_.terms[i].kind == OverTerm::Kind::DenseRank);
        auto column = std::make_shared<Column>(type, values.size());
        std::copy(values.begin(), values.end(), column->mutableData<int64_t>());
        result.push_back(std::move(column));
    }
    return result;
}

// Takes rows that are not in state any more out of the runs.
void OverWindow::dropExpired(Runs& all, std::vector<std::byte*>& state_rows) {
    size_t kept = 0;
    for (Run& run : all.runs) {
        const Run before = run;
        run.begin = kept;
        run.first_result = 0;
        bool group_began = false;
        for (size_t i = 0; i < before.size; ++i) {
            const size_t row = before.begin + i;
            if (all.peer[row] == 0) group_began = false;
            if (state_rows[row] == nullptr) continue;
            all.rows[kept] = all.rows[row];
            all.peer[kept++] = group_began ? 1 : 0;
            group_began = true;
            run.first_result += i < before.first_result;
        }
        run.size = kept - run.begin;
    }
    all.rows.resize(kept);
    all.peer.resize(kept);
    std::erase(state_rows, nullptr);
}

OverWindow::Results OverWindow::evaluate(OrderedRows& rows, Runs& all, KeyedTable& accumulators) const {
    Results results;
    if (all.rows.empty()) return results;
    std::vector<std::byte*> state_rows = rows.stateRows(std::span<const OrderedRow* const>(all.rows));
    if (std::find(state_rows.begin(), state_rows.end(), nullptr) != state_rows.end())
        dropExpired(all, state_rows);
    const size_t total = state_rows.size();
    if (total == 0) return results;

    std::vector<ColumnPtr> read(p_.input.size());
    const auto need = [&](size_t column) {
        if (!read[column]) read[column] = rows.load(column, state_rows);
    };
    for (const AggregateTerm& term : aggregation_.terms()) {
        for (const size_t argument : term.arguments)
            need(argument);
        if (term.filter) need(*term.filter);
    }
    const bool by_distance = !p_.rows && p_.preceding;
    if (by_distance) need(p_.order[0].column);

    const std::vector<Run>& runs = all.runs;
    Work work(all, accumulators, Batch(total, read));
    if (by_distance) {
        work.sort_column = read[p_.order[0].column];
        work.sort_values = distances(*work.sort_column);
    }
    work.pieces.resize(aggregation_.size());
    work.result_of.resize(total);
    work.left.assign(runs.size(), 0);
    size_t longest = 0;
    for (const Run& run : runs)
        longest = std::max(longest, run.size);
    if (aggregation_.size() > 0) {
        work.active.resize(runs.size());
        std::iota(work.active.begin(), work.active.end(), uint32_t{0});
        for (size_t at = 0; at < longest; ++at)
            step(work, at);
    }
    Selection places;
    for (const Run& run : runs) {
        const size_t end = run.begin + run.size;
        if (!p_.rows) {
            for (size_t row = end; row-- > run.begin + run.first_result + 1;) {
                if (all.peer[row] != 0) work.result_of[row - 1] = work.result_of[row];
            }
        }
        for (size_t row = run.begin + run.first_result; row < end; ++row) {
            places.push_back(work.result_of[row]);
            results.numbers.push_back(all.rows[row]->number);
            results.state_rows.push_back(state_rows[row]);
        }
    }
    if (!places.empty()) results.columns = columns(work, all, places);
    return results;
}

FreshAccumulators::FreshAccumulators(const OverWindow& window, OperatorContext& context) {
    backend_ = makeScratchState("OverAggregate", context);
    KeyedStateDescriptor descriptor;
    descriptor.name = "accumulators";
    descriptor.key = Schema({{"run", LogicalType::bigint()}});
    descriptor.value = window.accumulatorSchema();
    descriptor.namespaced = true;
    descriptor.in_place = true;
    table_ = &backend_->table(descriptor);
}

KeyedTable& FreshAccumulators::assign(OverWindow::Runs& all) {
    const size_t runs = all.runs.size();
    auto column = std::make_shared<Column>(LogicalType::bigint(), runs);
    std::iota(column->mutableData<int64_t>(), column->mutableData<int64_t>() + runs, int64_t{0});
    const ColumnPtr key = std::move(column);
    hashes_.resize(runs);  // no snapshot asks for their key groups
    selection_.resize(runs);
    std::iota(selection_.begin(), selection_.end(), 0U);
    table_->append(0, {&key, 1}, hashes_, selection_, rows_);
    for (size_t i = 0; i < runs; ++i)
        all.runs[i].accumulators = rows_[i];
    return *table_;
}

}  // namespace millrace

#include "operators/over_window.h"

#include <algorithm>
#include <cstring>

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

// The rows of all runs, one run after the other, and where the pass through them is.
std::vector<int64_t> distances(const Column& column) {
    std::vector<int64_t> values(column.size());
    for (size_t i = 0; i < column.size(); ++i) {
        values[i] =
            column.physical() == PhysicalType::Int32 ? column.data<int32_t>()[i] : column.data<int64_t>()[i];
    }
    return values;
}

}  // namespace

struct OverWindow::Work {
    Work(const std::vector<Run>& all, KeyedTable& accumulator_table, Batch read)
        : runs(all), table(accumulator_table), batch(std::move(read)) {}

    const std::vector<Run>& runs;
    KeyedTable& table;
    Batch batch;                // only with the columns that are read
    std::vector<size_t> begin;  // of each run, in the batch
    std::vector<size_t> left;   // of each run: rows before it are not in the frame any more
    // RANGE with a distance: the sort column.
    std::vector<int64_t> sort_values;
    ColumnPtr sort_column;

    std::vector<std::vector<ColumnPtr>> pieces;  // of each aggregate, results as they come ...
    std::vector<std::byte> copies;               // ... or the accumulators they are made of, copied
    std::vector<uint32_t> result_of;             // of each row, its place in them
    uint32_t results = 0;

    Aggregation::Scratch scratch;
    std::vector<uint32_t> active;
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
        const size_t begin = work.begin[run];
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
    work.active.clear();
    work.selection.clear();
    work.accumulators.clear();
    for (size_t run = 0; run < work.runs.size(); ++run) {
        if (at >= work.runs[run].numbers.size()) continue;
        work.active.push_back(static_cast<uint32_t>(run));
        work.selection.push_back(static_cast<uint32_t>(work.begin[run] + at));
        work.accumulators.push_back(work.runs[run].accumulators);
    }
    aggregation_.accumulate(work.batch, work.selection, work.accumulators, nullptr, work.table, work.scratch);
    if (p_.preceding) leave(work, at);

    work.accumulators.clear();
    for (const uint32_t active : work.active) {
        const Run& run = work.runs[active];
        const bool last_peer = p_.rows || at + 1 == run.numbers.size() || !run.peer[at + 1];
        if (!last_peer || at < run.first_result) continue;
        work.result_of[work.begin[active] + at] = work.results++;
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

std::vector<int64_t> OverWindow::ranks(const std::vector<Run>& runs, bool dense) const {
    std::vector<int64_t> ranks;
    for (const Run& run : runs) {
        int64_t rank = 0;
        for (size_t i = 0; i < run.numbers.size(); ++i) {
            if (!run.peer[i]) rank = dense ? rank + 1 : static_cast<int64_t>(i) + 1;
            if (i >= run.first_result) ranks.push_back(rank);
        }
    }
    return ranks;
}

std::vector<ColumnPtr> OverWindow::columns(Work& work, std::span<const uint32_t> rows) const {
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
        const std::vector<int64_t> values = ranks(work.runs, p_.terms[i].kind == OverTerm::Kind::DenseRank);
        auto column = std::make_shared<Column>(type, values.size());
        std::copy(values.begin(), values.end(), column->mutableData<int64_t>());
        result.push_back(std::move(column));
    }
    return result;
}

OverWindow::Results OverWindow::evaluate(OrderedRows& rows, std::vector<Run>& runs,
                                         KeyedTable& accumulators) const {
    std::vector<int64_t> numbers;
    for (const Run& run : runs)
        numbers.insert(numbers.end(), run.numbers.begin(), run.numbers.end());
    Results results;
    if (numbers.empty()) return results;
    std::vector<std::byte*> state_rows = rows.stateRows(numbers);
    if (std::find(state_rows.begin(), state_rows.end(), nullptr) != state_rows.end()) {
        size_t row = 0;
        for (Run& run : runs) {
            Run left{run.partition, {}, {}, 0, run.accumulators};
            bool group_began = false;
            for (size_t i = 0; i < run.numbers.size(); ++i) {
                if (!run.peer[i]) group_began = false;
                if (!state_rows[row++]) continue;
                left.numbers.push_back(run.numbers[i]);
                left.peer.push_back(group_began);
                group_began = true;
                left.first_result += i < run.first_result;
            }
            run = std::move(left);
        }
        std::erase(state_rows, nullptr);
    }
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

    Work work(runs, accumulators, Batch(total, read));
    if (by_distance) {
        work.sort_column = read[p_.order[0].column];
        work.sort_values = distances(*work.sort_column);
    }
    work.pieces.resize(aggregation_.size());
    work.result_of.resize(total);
    work.left.assign(runs.size(), 0);
    size_t longest = 0, next = 0;
    for (const Run& run : runs) {
        work.begin.push_back(next);
        next += run.numbers.size();
        longest = std::max(longest, run.numbers.size());
    }
    if (aggregation_.size() > 0) {
        for (size_t at = 0; at < longest; ++at)
            step(work, at);
    }
    Selection places;
    for (size_t r = 0; r < runs.size(); ++r) {
        const Run& run = runs[r];
        const size_t begin = work.begin[r];
        if (!p_.rows) {
            for (size_t i = run.numbers.size(); i-- > run.first_result + 1;) {
                if (run.peer[i]) work.result_of[begin + i - 1] = work.result_of[begin + i];
            }
        }
        for (size_t i = run.first_result; i < run.numbers.size(); ++i) {
            places.push_back(work.result_of[begin + i]);
            results.numbers.push_back(run.numbers[i]);
            results.state_rows.push_back(state_rows[begin + i]);
        }
    }
    if (!places.empty()) results.columns = columns(work, places);
    return results;
}

FreshAccumulators::FreshAccumulators(const OverWindow& window, OperatorContext& context) {
    backend_ = makeScratchState("OverAggregate", context);
    KeyedStateDescriptor descriptor;
    descriptor.name = "accumulators";
    descriptor.key = Schema({{"run", LogicalType::bigint()}});
    descriptor.value = window.accumulatorSchema();
    descriptor.namespaced = true;
    table_ = &backend_->table(descriptor);
}

KeyedTable& FreshAccumulators::assign(std::vector<OverWindow::Run>& runs) {
    auto column = std::make_shared<Column>(LogicalType::bigint(), runs.size());
    for (size_t i = 0; i < runs.size(); ++i)
        column->mutableData<int64_t>()[i] = static_cast<int64_t>(i);
    const ColumnPtr key = std::move(column);
    std::vector<uint64_t> hashes;
    hashColumns({&key, 1}, runs.size(), hashes);
    std::vector<std::byte*> rows;
    table_->findOrInsert(0, {&key, 1}, hashes, {}, rows);
    for (size_t i = 0; i < runs.size(); ++i)
        runs[i].accumulators = rows[i];
    return *table_;
}

}  // namespace millrace

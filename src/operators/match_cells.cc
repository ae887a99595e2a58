#include "operators/match_cells.h"

#include "operators/scratch_state.h"

namespace millrace {

namespace {

std::vector<AggregateTerm> aggregatesOfCells(const std::vector<MatchCell>& cells) {
    std::vector<AggregateTerm> terms;
    for (const MatchCell& cell : cells) {
        if (cell.kind == MatchCell::Kind::Aggregate) terms.push_back(cell.aggregate);
    }
    return terms;
}

}  // namespace

MatchCells::MatchCells(std::vector<MatchCell> cells, const OperatorContext& context)
    : cells_(std::move(cells)), aggregation_(aggregatesOfCells(cells_), false) {
    size_t next = 0;
    for (const MatchCell& cell : cells_)
        term_of_.push_back(cell.kind == MatchCell::Kind::Aggregate ? next++ : 0);
    if (aggregation_.size() == 0) return;
    scratch_ = makeScratchState("Match", context);
    KeyedStateDescriptor descriptor;
    descriptor.name = "accumulators";
    descriptor.key = Schema({{"match", LogicalType::bigint()}});
    descriptor.value = aggregation_.valueSchema();
    descriptor.namespaced = true;
    accumulators_ = &scratch_->table(descriptor);
}

MatchCells::~MatchCells() = default;

ColumnPtr MatchCells::compute(size_t index, const Batch& batch, std::span<const MatchedRows> matches) {
    const MatchCell& cell = cells_[index];
    const auto wanted = [&](const MatchedRows& match, size_t i) {
        return !cell.variable || match.variables[i] == *cell.variable;
    };
    if (cell.kind != MatchCell::Kind::Aggregate) {
        const auto none = static_cast<uint32_t>(batch.rows());
        Selection places;
        for (const MatchedRows& match : matches) {
            uint32_t place = none;
            int64_t left = cell.offset;
            const size_t size = match.rows.size();
            for (size_t n = 0; n < size && place == none; ++n) {
                const size_t i = cell.kind == MatchCell::Kind::First ? n : size - 1 - n;
                if (wanted(match, i) && left-- == 0) place = match.rows[i];
            }
            places.push_back(place);
        }
        const ColumnPtr parts[] = {Column::retyped(batch.column(cell.column), cell.type),
                                   Column::constant(cell.type, Value::null(), 1)};
        return Column::gather(Column::concat(parts), places);
    }
    auto numbers = std::make_shared<Column>(LogicalType::bigint(), matches.size());
    for (size_t i = 0; i < matches.size(); ++i)
        numbers->mutableData<int64_t>()[i] = static_cast<int64_t>(i);
    const ColumnPtr key = std::move(numbers);
    std::vector<uint64_t> hashes;
    hashColumns({&key, 1}, matches.size(), hashes);
    std::vector<std::byte*> accumulators;
    accumulators_->findOrInsert(0, {&key, 1}, hashes, {}, accumulators);
    Selection selection;
    std::vector<std::byte*> rows;
    for (size_t m = 0; m < matches.size(); ++m) {
        for (size_t i = 0; i < matches[m].rows.size(); ++i) {
            if (!wanted(matches[m], i)) continue;
            selection.push_back(matches[m].rows[i]);
            rows.push_back(accumulators[m]);
        }
    }
    if (!selection.empty())
        aggregation_.accumulateTerm(term_of_[index], batch, selection, rows, nullptr, *accumulators_);
    ColumnPtr result = aggregation_.result(*accumulators_, term_of_[index], accumulators);
    accumulators_->dropNamespace(0);
    return Column::retyped(result, cell.type);
}

}  // namespace millrace

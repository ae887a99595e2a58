#include "operators/aggregation.h"

namespace millrace {

bool risesWithRows(const AggregateTerm& term) {
    return term.rises_with_rows ||
           (term.name == "count" && term.arguments.empty() && !term.filter && !term.distinct);
}

Aggregation::Aggregation(std::vector<AggregateTerm> terms, bool counts_rows,
                         std::optional<size_t> rows_column)
    : terms_(std::move(terms)), counts_rows_(counts_rows), rows_column_(rows_column) {
    uint32_t field = counts_rows_ ? 1 : 0;
    for (const AggregateTerm& term : terms_) {
        first_fields_.push_back(field);
        field += static_cast<uint32_t>(term.function->accumulatorTypes().size());
    }
}

Schema Aggregation::valueSchema() const {
    std::vector<Field> fields;
    if (counts_rows_) fields.push_back({"count", LogicalType::bigint()});
    for (size_t i = 0; i < terms_.size(); ++i) {
        const std::vector<LogicalType>& types = terms_[i].function->accumulatorTypes();
        for (size_t k = 0; k < types.size(); ++k) {
            std::string name = fmt::format("{}_{}", terms_[i].name, i);
            if (types.size() > 1) name += fmt::format("_{}", k);
            fields.push_back({std::move(name), types[k].withNullable(true)});
        }
    }
    return Schema(std::move(fields));
}

Schema Aggregation::keySchema(const Schema& input, std::span<const size_t> keys) {
    std::vector<Field> fields;
    for (const size_t key : keys)
        fields.push_back({input[key].name, input[key].type.withNullable(true)});
    return Schema(std::move(fields));
}

void Aggregation::accumulate(const Batch& batch, std::span<const uint32_t> selection,
                             std::span<std::byte* const> rows, const int8_t* signs,
                             const AccumulatorRows& accumulators, Scratch& scratch) const {
    if (counts_rows_) {
        const uint32_t first_value = accumulators.first_field;
        const uint32_t offset = accumulators.layout.offset(first_value);
        const int64_t* const counts = rows_column_ ? batch.column(*rows_column_)->data<int64_t>() : nullptr;
        for (size_t i = 0; i < rows.size(); ++i) {
            RowLayout::setNull(rows[i], first_value, false);
            const int64_t count = counts ? counts[selection.empty() ? i : selection[i]] : 1;
            RowLayout::at<int64_t>(rows[i], offset) += signs ? signs[i] * count : count;
        }
    }
    std::vector<ColumnPtr> arguments;
    for (size_t t = 0; t < terms_.size(); ++t) {
        const AggregateTerm& term = terms_[t];
        if (term.distinct) continue;
        AggregateInput input = inputOf(t, batch, accumulators, arguments);
        if (!term.filter) {
            input.accumulators = rows;
            input.selection = selection;
            input.signs = signs;
        } else {
            const Column& filter = *batch.column(*term.filter);
            const uint8_t* const passes = filter.data<uint8_t>();
            const uint8_t* const valid = filter.validity();
            choose(
                selection, rows, signs,
                [&](uint32_t row) { return passes[row] != 0 && (!valid || valid[row] != 0); }, scratch);
            if (scratch.rows.empty()) continue;
            input.accumulators = scratch.rows;
            input.selection = scratch.selection;
            input.signs = signs ? scratch.signs.data() : nullptr;
        }
        term.function->accumulate(input);
    }
}

void Aggregation::accumulateTerm(size_t term, const Batch& batch, std::span<const uint32_t> selection,
                                 std::span<std::byte* const> rows, const int8_t* signs,
                                 const AccumulatorRows& accumulators) const {
    if (rows.empty()) return;
    std::vector<ColumnPtr> arguments;
    AggregateInput input = inputOf(term, batch, accumulators, arguments);
    input.accumulators = rows;
    input.selection = selection;
    input.signs = signs;
    terms_[term].function->accumulate(input);
}

std::optional<uint32_t> Aggregation::countField(size_t term) const {
    if (terms_[term].name != "count") return std::nullopt;
    return first_fields_[term];
}

AggregateInput Aggregation::inputOf(size_t term, const Batch& batch, const AccumulatorRows& accumulators,
                                    std::vector<ColumnPtr>& arguments) const {
    arguments.clear();
    for (const size_t argument : terms_[term].arguments)
        arguments.push_back(batch.column(argument));
    AggregateInput input;
    input.arguments = arguments;
    input.layout = &accumulators.layout;
    input.first_field = accumulators.first_field + first_fields_[term];
    input.heap = &accumulators.heap;
    return input;
}

void Aggregation::merge(const KeyedTable& table, std::byte* into, const std::byte* from,
                        RowHeap& heap) const {
    const RowLayout& layout = table.layout();
    const auto first_value = static_cast<uint32_t>(table.firstValueField());
    if (counts_rows_) {
        const uint32_t offset = layout.offset(first_value);
        RowLayout::setNull(into, first_value, false);
        RowLayout::at<int64_t>(into, offset) += RowLayout::at<int64_t>(from, offset);
    }
    for (size_t t = 0; t < terms_.size(); ++t) {
        terms_[t].function->merge(layout, first_value + first_fields_[t], into, from, heap);
    }
}

ColumnPtr Aggregation::result(const KeyedTable& table, size_t term, std::span<std::byte* const> rows) const {
    ColumnBuilder builder(terms_[term].function->resultType(), rows.size());
    const auto first_value = static_cast<uint32_t>(table.firstValueField());
    terms_[term].function->result(table.layout(), first_value + first_fields_[term], rows, builder);
    return builder.finish();
}

int64_t Aggregation::count(const KeyedTable& table, const std::byte* row) const {
    return RowLayout::at<int64_t>(row, table.layout().offset(table.firstValueField()));
}

bool signsOf(const Batch& batch, std::vector<int8_t>& signs) {
    const RowKind* kinds = batch.kinds();
    if (!kinds) return false;
    signs.resize(batch.rows());
    bool any = false;
    for (size_t i = 0; i < batch.rows(); ++i) {
        const bool retraction = isRetraction(kinds[i]);
        signs[i] = retraction ? -1 : 1;
        any |= retraction;
    }
    return any;
}

}  // namespace millrace

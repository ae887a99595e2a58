#include "connectors/nexmark/nexmark_generator.h"

#include <algorithm>

namespace millrace {

Batch NexmarkGenerator::generate(uint64_t begin, uint64_t end) {
    rows_.assign(timeline_.options(), output_->kinds, timeline_.firstId() + static_cast<int64_t>(begin),
                 timeline_.firstId() + static_cast<int64_t>(end));
    std::vector<ColumnPtr> columns;
    columns.reserve(output_->columns.size());
    for (const NexmarkColumn& column : output_->columns)
        columns.push_back(makeColumn(column));
    return {rows_.rows, std::move(columns)};
}

ColumnPtr NexmarkGenerator::makeColumn(const NexmarkColumn& column) const {
    const KindRows& rows = rows_.of(column.kind);
    switch (column.what) {
        case NexmarkColumn::What::EventType: {
            auto made = std::make_shared<Column>(column.type, rows_.rows);
            auto* out = made->mutableData<int32_t>();
            for (size_t kind = 0; kind < kNexmarkKinds; ++kind) {
                for (const EventRun& run : rows_.kinds[kind].runs)
                    std::fill_n(out + run.row, run.rows, static_cast<int32_t>(kind));
            }
            return made;
        }
        case NexmarkColumn::What::Field:
            return makeField(*column.fields.front(), column.kind, column.type);
        case NexmarkColumn::What::Row: {
            auto made = std::make_shared<Column>(column.type, rows_.rows);
            std::vector<ColumnPtr> children;
            for (size_t i = 0; i < column.fields.size(); ++i)
                children.push_back(makeField(*column.fields[i], column.kind, column.type.fields()[i].type));
            made->setChildren(std::move(children));
            if (!fills(rows)) {
                uint8_t* const valid = made->mutableValidity();
                std::memset(valid, 0, rows_.rows);
                for (const EventRun& run : rows.runs)
                    std::memset(valid + run.row, 1, run.rows);
            }
            return made;
        }
    }
    throw InternalError("a nexmark column of no sort");
}

ColumnPtr NexmarkGenerator::makeField(const NexmarkField& field, NexmarkKind kind,
                                      const LogicalType& type) const {
    const KindRows& rows = rows_.of(kind);
    if (rows.rows == 0) return Column::constant(type, Value::null(), rows_.rows);
    ColumnPtr dense = field.make(timeline_, rows, type);
    return fills(rows) ? dense : spread(dense, rows);
}

// The values in the rows of their events, NULL in all others.
ColumnPtr NexmarkGenerator::spread(const ColumnPtr& dense, const KindRows& rows) const {
    auto made = std::make_shared<Column>(dense->type(), rows_.rows);
    const auto width = static_cast<size_t>(sizeOf(dense->physical()));
    auto* const to = made->mutableData<std::byte>();
    const auto* const from = dense->data<std::byte>();
    std::memset(to, 0, rows_.rows * width);
    uint8_t* const valid = made->mutableValidity();
    std::memset(valid, 0, rows_.rows);
    for (const EventRun& run : rows.runs) {
        std::memcpy(to + run.row * width, from + run.kind_row * width, run.rows * width);
        std::memset(valid + run.row, 1, run.rows);
    }
    made->keepAllOf(*dense);
    return made;
}

}  // namespace millrace

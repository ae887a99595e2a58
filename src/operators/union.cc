#include "operators/union.h"

namespace millrace {

std::unique_ptr<OperatorState> Union::open(OperatorContext&) const {
    return std::make_unique<OperatorState>();
}

void Union::process(OperatorState&, size_t, const Batch& batch, OperatorContext&, Output& output) const {
    std::vector<ColumnPtr> columns;
    columns.reserve(schema_.size());
    for (size_t i = 0; i < schema_.size(); ++i) {
        columns.push_back(Column::retyped(batch.column(i), schema_[i].type));
    }
    output.emit(batch.withColumns(std::move(columns)));
}

}  // namespace millrace

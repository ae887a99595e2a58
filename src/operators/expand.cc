#include "operators/expand.h"

namespace millrace {

std::unique_ptr<OperatorState> Expand::open(OperatorContext&) const {
    return std::make_unique<OperatorState>();
}

void Expand::process(OperatorState&, size_t, const Batch& batch, OperatorContext&, Output& output) const {
    if (batch.empty()) return;
    const size_t width = p_.columns.size();
    std::vector<ColumnPtr> values(width);
    std::vector<ColumnPtr> nulls(width);
    for (size_t i = 0; i < width; ++i) {
        const ExpandColumn& column = p_.columns[i];
        if (!column.source) continue;
        values[i] = Column::retyped(batch.column(*column.source), p_.output[i].type);
        if (!column.kept.empty()) nulls[i] = Column::constant(p_.output[i].type, Value::null(), batch.rows());
    }
    for (size_t set = 0; set < p_.sets; ++set) {
        std::vector<ColumnPtr> columns(width);
        for (size_t i = 0; i < width; ++i) {
            const ExpandColumn& column = p_.columns[i];
            if (!column.source) {
                columns[i] = Column::constant(p_.output[i].type, Value::int64(static_cast<int64_t>(set)),
                                              batch.rows());
            } else {
                columns[i] = column.kept.empty() || column.kept[set] ? values[i] : nulls[i];
            }
        }
        output.emit(batch.withColumns(std::move(columns)));
    }
}

}  // namespace millrace

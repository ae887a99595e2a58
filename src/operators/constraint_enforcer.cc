#include "operators/constraint_enforcer.h"

#include "base/error.h"

namespace millrace {

struct ConstraintEnforcer::State final : OperatorState {
    explicit State(OperatorContext& context) : dropped(context.metrics().counter("numNullRecordsDropped")) {}
    Counter& dropped;
    Selection kept;
};

ConstraintEnforcer::ConstraintEnforcer(Schema schema, std::vector<size_t> columns, NotNullEnforcer mode)
    : schema_(std::move(schema)), columns_(std::move(columns)), mode_(mode) {}

std::string ConstraintEnforcer::name() const {
    std::string names;
    for (const size_t column : columns_)
        names += (names.empty() ? "" : ", ") + schema_[column].name;
    return fmt::format("ConstraintEnforcer[NotNullEnforcer(fields=[{}])]", names);
}

std::unique_ptr<OperatorState> ConstraintEnforcer::open(OperatorContext& context) const {
    return std::make_unique<State>(context);
}

void ConstraintEnforcer::process(OperatorState& operator_state, size_t, const Batch& batch, OperatorContext&,
                                 Output& output) const {
    bool nulls = false;
    for (const size_t column : columns_) {
        if (!batch.column(column)->hasNulls()) continue;
        nulls = true;
        if (mode_ == NotNullEnforcer::Drop) continue;
        throw UserError(
            "data.null-in-not-null",
            fmt::format("column '{}' is NOT NULL, and a NULL is being written into it", schema_[column].name),
            "filter such rows out, give them a value with COALESCE, or drop and count them: "
            "SET 'table.exec.sink.not-null-enforcer' = 'DROP'");
    }
    if (!nulls) {
        output.emit(batch);
        return;
    }
    auto& state = static_cast<State&>(operator_state);
    state.kept.clear();
    for (size_t row = 0; row < batch.rows(); ++row) {
        bool whole = true;
        for (const size_t column : columns_)
            whole = whole && !batch.column(column)->isNull(row);
        if (whole) state.kept.push_back(static_cast<uint32_t>(row));
    }
    state.dropped.add(static_cast<int64_t>(batch.rows() - state.kept.size()));
    if (!state.kept.empty()) output.emit(batch.gather(state.kept));
}

}  // namespace millrace

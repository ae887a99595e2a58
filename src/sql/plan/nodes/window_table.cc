#include "sql/plan/nodes/window_table.h"

#include "operators/session_assigner.h"
#include "operators/window_assigner.h"
#include "sql/plan/physical_builder.h"

namespace millrace::sql {

Windows windowsOf(const WindowSpec& spec) {
    Windows windows;
    switch (spec.kind) {
        case WindowKind::Tumble:
        case WindowKind::Session:
            windows.shape = WindowShape::Tumble;
            break;
        case WindowKind::Hop:
            windows.shape = WindowShape::Hop;
            break;
        case WindowKind::Cumulate:
            windows.shape = WindowShape::Cumulate;
            break;
    }
    windows.size_ms = spec.size / 1000;
    windows.step_ms = spec.step / 1000;
    windows.offset_ms = spec.offset / 1000;
    return windows;
}

std::optional<std::string> WindowTableRel::digest() const {
    return fmt::format("window {} {} {}", window->toString(), time_column, digestOf(partition_keys));
}

void WindowTableRel::demand(const Rel&, const UsedColumns& used, std::span<UsedColumns* const> inputs) const {
    demandPassed(used, *inputs[0]);
    if (!inProcessingTime(*window)) (*inputs[0])[time_column] = true;
    for (const size_t key : partition_keys)
        (*inputs[0])[key] = true;
}

MovedColumns WindowTableRel::prune(Rel& rel, const UsedColumns&,
                                   std::span<const MovedColumns* const> inputs) {
    time_column = (*inputs[0])[time_column].value_or(0);
    for (size_t& key : partition_keys)
        key = *(*inputs[0])[key];
    return prunePassed(rel, *inputs[0]);
}

size_t WindowTableRel::place(PhysicalBuilder& builder, const Rel& rel,
                             const std::vector<size_t>& inputs) const {
    if (window->kind == WindowKind::Session) return placeSession(builder, rel, inputs[0]);
    std::optional<size_t> column;
    if (!inProcessingTime(*window)) column = time_column;
    auto op = std::make_shared<WindowAssigner>(windowsOf(*window), column, overInstants(*window), rel.schema,
                                               "window=[" + window->toString() + "]");
    return builder.addOperator(rel, builder.uidOf("window-table-function", rel), std::move(op),
                               {{inputs[0]}});
}

// Sessions whose rows are wanted as such.
size_t WindowTableRel::placeSession(PhysicalBuilder& builder, const Rel& rel, size_t input) const {
    SessionAssignerParameters parameters;
    parameters.changes = !builder.changelog(*rel.input()).insertOnly();
    if (parameters.changes && inProcessingTime(*window)) {
        throw UserError(
            {"sql.not-supported",
             "SESSION in processing time over rows that change, without an aggregation by its windows and "
             "its "
             "PARTITION BY, is not supported: what takes a row back would be of a later session than the row",
             "GROUP BY window_start, window_end and the columns of PARTITION BY, and filter rows in "
             "the query that SESSION reads",
             rel.origin->where()});
    }
    parameters.input = rel.input()->schema;
    if (!inProcessingTime(*window)) parameters.time_column = time_column;
    parameters.gap_ms = window->size / 1000;
    parameters.instants = overInstants(*window);
    parameters.keys = partition_keys;
    parameters.output = rel.schema;
    parameters.text = "window=[" + window->toString() + "]";
    const PhysicalInput from = PhysicalInput::byKey(input, partition_keys);
    return builder.addOperator(rel, builder.uidOf("session-assigner", rel),
                               std::make_shared<SessionAssigner>(std::move(parameters)), {from});
}

RelTranslation describePlanNodesWindowTable() {
    return translationOf<LogicalWindowTable>([](const LogicalWindowTable& table) {
        return std::make_shared<WindowTableRel>(table.window(), table.timeColumn(), table.partitionKeys());
    });
}

}  // namespace millrace::sql

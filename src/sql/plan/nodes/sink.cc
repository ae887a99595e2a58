#include "sql/plan/nodes/sink.h"

#include <algorithm>

#include "operators/calc.h"
#include "operators/constraint_enforcer.h"
#include "operators/drop_update_before.h"
#include "sql/plan/connectors.h"
#include "sql/plan/physical_builder.h"

namespace millrace::sql {

namespace {

// Whether the two rows of an update may be torn apart between the sink and the node that updates its result.
bool tearsUpdates(const Rel& rel) {
    if (rel.what->startsUpdates()) return false;
    if (rel.what->splitsUpdates()) return true;
    return std::any_of(rel.inputs.begin(), rel.inputs.end(),
                       [](const RelPtr& input) { return tearsUpdates(*input); });
}

const ConfigOption<std::string> kNotNullEnforcer{
    "table.exec.sink.not-null-enforcer", "ERROR",
    "What becomes of a row with a NULL for a NOT NULL column: ERROR fails the job, DROP leaves it out."};

NotNullEnforcer notNullEnforcer(const Configuration& configuration) {
    const std::string mode = configuration.get(kNotNullEnforcer);
    if (mode == "ERROR") return NotNullEnforcer::Error;
    if (mode == "DROP") return NotNullEnforcer::Drop;
    throw UserError("config.bad-value", fmt::format("'{}' is '{}'", kNotNullEnforcer.key, mode),
                    "it is one of ERROR, DROP");
}

// The columns that must not be NULL, and may be.
std::vector<size_t> mayViolate(const LogicalSink& sink, const Schema& input) {
    std::vector<size_t> columns;
    if (!sink.table()) return columns;
    const Schema written = sink.table()->writtenSchema();
    for (size_t i = 0; i < written.size(); ++i) {
        if (!written[i].type.nullable() && input[i].type.nullable()) columns.push_back(i);
    }
    return columns;
}

[[noreturn]] void refuse(const PhysicalBuilder& builder, const Rel& rel, const LogicalSink& logical) {
    // The node where the updates start is the one to change.
    const Rel* cause = rel.input().get();
    while (!cause->what->startsUpdates() && !cause->inputs.empty()) {
        const auto next = std::find_if(cause->inputs.begin(), cause->inputs.end(), [&](const RelPtr& input) {
            return !builder.changelog(*input).insertOnly();
        });
        if (next == cause->inputs.end()) break;
        cause = next->get();
    }
    throw UserError(
        {"sql.sink-needs-inserts",
         fmt::format("sink '{}' accepts only inserts, but the query updates its result: {}",
                     logical.table() ? logical.table()->path.object : "the caller",
                     cause->what->describe(*cause)),
         "group by the windows of TUMBLE, HOP or CUMULATE (window_start and window_end), whose "
         "results are "
         "final, or write to a table whose connector takes updates, such as 'print' or 'blackhole'",
         cause->origin->where().known() ? cause->origin->where() : logical.where()});
}

}  // namespace

void SinkRel::demand(const Rel&, const UsedColumns&, std::span<UsedColumns* const> inputs) const {
    inputs[0]->assign(inputs[0]->size(), true);
}

MovedColumns SinkRel::prune(Rel& rel, const UsedColumns&, std::span<const MovedColumns* const> inputs) {
    rel.inputs = {narrowed(rel.input(), UsedColumns(inputs[0]->size(), true), *inputs[0])};
    return unmoved(rel.schema.size());
}

size_t SinkRel::place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const {
    const std::string table = sink->table() ? sink->table()->path.toString() : "";
    const ChangelogMode accepts = builder.accepts(rel);
    if (accepts == ChangelogMode::InsertOnly && !builder.changelog(rel).insertOnly())
        refuse(builder, rel, *sink);

    const std::string uid = builder.unique(sink->table() ? "sink-" + table : "sink-collect");
    PhysicalInput input{inputs[0]};
    Changelog written = builder.node(input.from).changelog;
    if (std::vector<size_t> columns = mayViolate(*sink, rel.input()->schema); !columns.empty()) {
        auto enforcer = std::make_shared<ConstraintEnforcer>(
            rel.input()->schema, std::move(columns), notNullEnforcer(builder.options().configuration));
        input.from = builder.addOperator(builder.unique("constraint-enforcer-" + table), std::move(enforcer),
                                         {input}, written);
    }
    if (accepts == ChangelogMode::Upsert && written.update_before) {
        const auto mode =
            tearsUpdates(*rel.input()) ? DropUpdateBefore::Mode::AsDelete : DropUpdateBefore::Mode::Drop;
        written.update_before = false;
        written.deletes |= mode == DropUpdateBefore::Mode::AsDelete;
        input.from = builder.addOperator(builder.unique("drop-update-before-" + table),
                                         std::make_shared<DropUpdateBefore>(rel.input()->schema, mode),
                                         {input}, written);
    }
    if (const Sink* const target = sink->table() ? builder.sink(rel) : nullptr) {
        const Schema& stored = target->inputSchema();
        std::vector<ExpressionPtr> casts = metadataCasts(*sink->table(), rel.input()->schema, stored);
        if (!casts.empty())
            input.from = builder.addOperator(builder.unique("metadata-" + table),
                                             std::make_shared<Calc>(nullptr, std::move(casts), stored),
                                             {input}, written);
    }
    // Changes of a key stay in order: they go to one writer.
    if (accepts == ChangelogMode::Upsert && sink->table() && !written.insertOnly() &&
        !sink->table()->primary_key.empty()) {
        std::vector<size_t> keys;
        for (const std::string& name : sink->table()->primary_key)
            keys.push_back(static_cast<size_t>(sink->table()->writtenSchema().find(name)));
        input = PhysicalInput::byKey(input.from, std::move(keys));
    }
    return builder.addSink(rel, uid, written, input);
}

RelTranslation describePlanNodesSink() {
    return translationOf<LogicalSink>(
        [](const LogicalSink& sink) { return std::make_shared<SinkRel>(sink); });
}

}  // namespace millrace::sql

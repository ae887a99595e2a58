#include "sql/plan/nodes/watermark.h"

#include "operators/watermark_assigner.h"
#include "sql/plan/physical_builder.h"

namespace millrace::sql {

namespace {

const ConfigOption<Duration> kIdleTimeout{
    "table.exec.source.idle-timeout", Duration{0},
    "After how long without rows a source stops holding back the watermark."};

}  // namespace

std::optional<std::string> WatermarkRel::digest() const {
    return fmt::format("watermark {} {} {}", fmt::ptr(table.get()), column, expression->canonical());
}

void WatermarkRel::demand(const Rel&, const UsedColumns& used, std::span<UsedColumns* const> inputs) const {
    demandPassed(used, *inputs[0]);
    (*inputs[0])[column] = true;
    markRead(expression, *inputs[0]);
}

MovedColumns WatermarkRel::prune(Rel& rel, const UsedColumns&, std::span<const MovedColumns* const> inputs) {
    column = *(*inputs[0])[column];
    expression = moved(expression, *inputs[0], rel.input()->schema);
    return prunePassed(rel, *inputs[0]);
}

size_t WatermarkRel::place(PhysicalBuilder& builder, const Rel& rel,
                           const std::vector<size_t>& inputs) const {
    Duration idle_timeout = builder.options().configuration.get(kIdleTimeout);
    constexpr const char* kTableOption = "scan.watermark.idle-timeout";
    if (const auto option = table->options.find(kTableOption); option != table->options.end()) {
        idle_timeout = parseConfigValue<Duration>(kTableOption, option->second);
    }
    auto op = std::make_shared<WatermarkAssigner>(rel.schema, column, expression,
                                                  table->watermark->delay_micros, idle_timeout);
    return builder.addOperator(rel, builder.uidOf("watermark", rel), std::move(op), {{inputs[0]}});
}

RelTranslation describePlanNodesWatermark() {
    return translationOf<LogicalWatermark>([](const LogicalWatermark& watermark) {
        return std::make_shared<WatermarkRel>(watermark.table(), watermark.column(),
                                              Expression::fold(watermark.definition().expression));
    });
}

}  // namespace millrace::sql

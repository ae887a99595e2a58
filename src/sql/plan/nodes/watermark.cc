// WATERMARK FOR: a table's rowtime attribute.
#include "operators/watermark_assigner.h"
#include "sql/plan/physical_builder.h"

namespace millrace::sql {

namespace {

const ConfigOption<Duration> kIdleTimeout{
    "table.exec.source.idle-timeout", Duration{0},
    "After how long without rows a source stops holding back the watermark."};

class WatermarkRel final : public RelNodeOf<WatermarkRel> {
  public:
    WatermarkRel(TablePtr table, size_t column, ExpressionPtr expression)
        : table_(std::move(table)), column_(column), expression_(std::move(expression)) {}

    std::optional<std::string> digest() const override {
        return fmt::format("watermark {} {} {}", fmt::ptr(table_.get()), column_, expression_->canonical());
    }

    void demand(const Rel&, const UsedColumns& used, std::span<UsedColumns* const> inputs) const override {
        demandPassed(used, *inputs[0]);
        (*inputs[0])[column_] = true;
        markRead(expression_, *inputs[0]);
    }

    MovedColumns prune(Rel& rel, const UsedColumns&, std::span<const MovedColumns* const> inputs) override {
        column_ = *(*inputs[0])[column_];
        expression_ = moved(expression_, *inputs[0], rel.input()->schema);
        return prunePassed(rel, *inputs[0]);
    }

    size_t place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const override {
        Duration idle_timeout = builder.options().configuration.get(kIdleTimeout);
        constexpr const char* kTableOption = "scan.watermark.idle-timeout";
        if (const auto option = table_->options.find(kTableOption); option != table_->options.end()) {
            idle_timeout = parseConfigValue<Duration>(kTableOption, option->second);
        }
        auto op = std::make_shared<WatermarkAssigner>(rel.schema, column_, expression_,
                                                      table_->watermark->delay_micros, idle_timeout);
        return builder.addOperator(rel, builder.uidOf("watermark", rel), std::move(op), {{inputs[0]}});
    }

  private:
    TablePtr table_;
    size_t column_;
    ExpressionPtr expression_;
};

}  // namespace

RelTranslation describePlanNodesWatermark() {
    return translationOf<LogicalWatermark>([](const LogicalWatermark& watermark) {
        return std::make_shared<WatermarkRel>(watermark.table(), watermark.column(),
                                              Expression::fold(watermark.definition().expression));
    });
}

}  // namespace millrace::sql

#include "sql/plan/nodes/watermark.h"

#include <fmt/ranges.h>

#include "operators/watermark_assigner.h"
#include "sql/plan/physical_builder.h"

namespace millrace::sql {

namespace {

const ConfigOption<Duration> kIdleTimeout{
    "table.exec.source.idle-timeout", Duration{0},
    "After how long without rows a source, or a split of it, stops holding back the watermark."};

struct WatermarkOptions {
    Duration idle_timeout;
    WatermarkAlignment alignment;
    WatermarkEmit emit = WatermarkEmit::Periodic;
};

// A table's scan.watermark.* (Flink docs, "Connectors > Table > Overview", and the CREATE TABLE statement).
WatermarkOptions watermarkOptions(const TableDefinition& table, const Configuration& configuration) {
    constexpr std::string_view kPrefix = "scan.watermark.";
    const std::vector<std::string> known = {"idle-timeout", "emit.strategy", "alignment.group",
                                            "alignment.max-drift", "alignment.update-interval"};
    WatermarkOptions out;
    out.idle_timeout = configuration.get(kIdleTimeout);
    const auto bad = [&](const std::string& key, const std::string& why, const std::string& hint) {
        throw UserError("config.bad-value", fmt::format("table '{}': '{}' {}", table.path.object, key, why),
                        hint);
    };
    bool drift = false;
    for (const auto& [key, value] : table.options) {
        if (!key.starts_with(kPrefix)) continue;
        const std::string option = key.substr(kPrefix.size());
        if (option == "idle-timeout") {
            out.idle_timeout = parseConfigValue<Duration>(key, value);
        } else if (option == "emit.strategy") {
            if (value != "on-periodic" && value != "on-event")
                bad(key, fmt::format("is '{}'", value), "it is one of on-periodic, on-event");
            if (value == "on-event") out.emit = WatermarkEmit::OnEvent;
        } else if (option == "alignment.group") {
            out.alignment.group = value;
        } else if (option == "alignment.max-drift") {
            out.alignment.max_drift = parseConfigValue<Duration>(key, value);
            drift = true;
        } else if (option == "alignment.update-interval") {
            out.alignment.update_interval = parseConfigValue<Duration>(key, value);
            if (out.alignment.update_interval.ms <= 0)
                bad(key, "must be longer than nothing", "such as '1 s'");
        } else {
            const std::string nearest = nearestName(option, known);
            throw UserError("config.unknown-option",
                            fmt::format("table '{}': there is no option '{}'", table.path.object, key),
                            nearest.empty()
                                ? fmt::format("options are scan.watermark.{{{}}}", fmt::join(known, ", "))
                                : fmt::format("did you mean '{}{}'?", kPrefix, nearest));
        }
    }
    if (drift == out.alignment.group.empty())
        throw UserError("config.missing-option",
                        fmt::format("table '{}' needs the option 'scan.watermark.alignment.{}'",
                                    table.path.object, drift ? "group" : "max-drift"),
                        "'scan.watermark.alignment.group' and 'scan.watermark.alignment.max-drift' come "
                        "together");
    return out;
}

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
    const WatermarkOptions options = watermarkOptions(*table, builder.options().configuration);
    auto op =
        std::make_shared<WatermarkAssigner>(rel.schema, column, expression, table->watermark->delay_micros,
                                            options.idle_timeout, options.alignment, options.emit);
    return builder.addOperator(rel, builder.uidOf("watermark", rel), std::move(op), {{inputs[0]}});
}

RelTranslation describePlanNodesWatermark() {
    return translationOf<LogicalWatermark>([](const LogicalWatermark& watermark) {
        return std::make_shared<WatermarkRel>(watermark.table(), watermark.column(),
                                              Expression::fold(watermark.definition().expression));
    });
}

}  // namespace millrace::sql

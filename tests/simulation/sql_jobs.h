// Jobs of the simulations from SQL text.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "connectors/connectors.h"
#include "formats/format.h"
#include "sql/plan/planner.h"
#include "sql/session.h"

namespace millrace {

inline const std::shared_ptr<const sql::ConnectorRegistry>& registry() {
    static const auto all = [] {
        auto made = std::make_shared<sql::ConnectorRegistry>();
        made->connectors = connectorDescriptors();
        for (const FormatDescriptor& format : formatDescriptors()) {
            made->formats[format.name] = format.options;
            if (format.infer_schema) made->format_columns[format.name] = format.infer_schema;
        }
        return std::shared_ptr<const sql::ConnectorRegistry>(made);
    }();
    return all;
}

// Planned once a text: operators are immutable, so every start can share them.
inline std::shared_ptr<const JobGraph> planned(const char* text) {
    static std::map<const char*, std::shared_ptr<const JobGraph>> all;
    std::shared_ptr<const JobGraph>& graph = all[text];
    if (!graph) {
        sql::Session session({registry(), {}, {}, "application.sql"});
        const sql::LogicalPlan plan = session.compileApplication(text);
        graph = sql::planJob(plan, {registry(), session.configuration(), nullptr}).graph;
    }
    return graph;
}

// Checkpoints often, starts again soon, hands rows over in small batches.
inline void configureSimulated(Configuration& configuration) {
    for (const auto& [key, value] : std::map<std::string, std::string>{
             {"execution.checkpointing.interval", "15 ms"},
             {"execution.checkpointing.dir", "/checkpoints"},
             {"restart-strategy.type", "fixed-delay"},
             // A start whose checkpoints cannot be done in time fails again and again; the next is configured
             // otherwise.
             {"restart-strategy.fixed-delay.attempts", "20"},
             {"restart-strategy.fixed-delay.delay", "5 ms"},
             {"millrace.batch.rows-max", "5"},
             {"millrace.checker", "true"},
         }) {
        configuration.set(key, value);
    }
}

inline std::shared_ptr<JobGraph> application(const char* text) {
    auto graph = std::make_shared<JobGraph>(*planned(text));
    configureSimulated(graph->configuration);
    return graph;
}

}  // namespace millrace

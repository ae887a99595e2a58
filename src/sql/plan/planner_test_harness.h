// What tests of plans share: tables whose sources and sinks are planned and never run, and a fixture that
// plans statements over them.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "sql/plan/planner.h"
#include "sql/session.h"

namespace millrace::sql::testing {

class PlannedSource final : public Source {
  public:
    explicit PlannedSource(const TableSpec& spec) : table_(spec.name) {
        schema_ = spec.projectedSchema();
        bounded_ = spec.options.contains("bounded");
        for (const ColumnFilter& filter : spec.filters) {
            filters_ += ", " + spec.schema[filter.column].name + " in";
            for (const Value& value : filter.values)
                filters_ += fmt::format(" {}", value.asInt64());
        }
    }
    std::string name() const override {
        std::string columns;
        for (const Field& field : schema_)
            columns += (columns.empty() ? "" : ", ") + field.name;
        return "TableSourceScan(table=[" + table_ + "]" + filters_ + ", fields=[" + columns + "])";
    }
    const Schema& outputSchema() const override { return schema_; }
    Boundedness boundedness() const override {
        return bounded_ ? Boundedness::Bounded : Boundedness::Unbounded;
    }
    std::unique_ptr<SplitEnumerator> createEnumerator(const std::optional<std::string>&) const override {
        throw InternalError("not to be run");
    }
    std::unique_ptr<SourceReader> createReader(SourceReaderContext&) const override {
        throw InternalError("not to be run");
    }

  private:
    std::string table_;
    Schema schema_;
    std::string filters_;
    bool bounded_ = false;
};

class PlannedSink final : public Sink {
  public:
    PlannedSink(std::string table, Schema schema, ChangelogMode mode)
        : table_(std::move(table)), schema_(std::move(schema)), mode_(mode) {}
    std::string name() const override { return "Sink(table=[" + table_ + "])"; }
    const Schema& inputSchema() const override { return schema_; }
    ChangelogMode accepts() const override { return mode_; }
    std::unique_ptr<SinkWriter> createWriter(SinkWriterContext&, std::vector<std::string>) const override {
        throw InternalError("not to be run");
    }

  private:
    std::string table_;
    Schema schema_;
    ChangelogMode mode_;
};

inline ConnectorDescriptor connector(const std::string& name, ChangelogMode mode) {
    ConnectorDescriptor descriptor;
    descriptor.name = name;
    descriptor.options = {{"bounded", "boolean", "false", "whether it ends"}};
    descriptor.make_source = [](const TableSpec& spec) { return std::make_shared<PlannedSource>(spec); };
    descriptor.make_sink = [mode](const TableSpec& spec) {
        return std::make_shared<PlannedSink>(spec.name, spec.schema, mode);
    };
    return descriptor;
}

// One that takes fields of ROWs and filters on its column `kind`.
inline ConnectorDescriptor generator() {
    ConnectorDescriptor descriptor = connector("generator", ChangelogMode::All);
    descriptor.nested_projection = [](const TableSpec&) { return true; };
    descriptor.accepts_filter = [](const TableSpec& spec, const ColumnFilter& filter) {
        return spec.schema[filter.column].name == "kind";
    };
    return descriptor;
}

inline constexpr const char* kTables = R"sql(
CREATE TABLE events (kind INT, a ROW<id BIGINT, at TIMESTAMP(3), more ROW<x INT, y INT>>,
                     b ROW<id BIGINT, at TIMESTAMP(3)>,
                     ts AS CASE WHEN kind = 0 THEN a.at ELSE b.at END,
                     WATERMARK FOR ts AS ts - INTERVAL '4' SECOND) WITH ('connector' = 'generator');
CREATE VIEW as_a AS SELECT a.id, a.more.x, ts FROM events WHERE kind = 0;
CREATE VIEW as_b AS SELECT b.id, ts FROM events WHERE kind = 1;
CREATE TABLE bid (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, ts TIMESTAMP(3), extra STRING,
                  WATERMARK FOR ts AS ts - INTERVAL '4' SECOND) WITH ('connector' = 'all');
CREATE TABLE ended (a BIGINT, b STRING, c BIGINT) WITH ('connector' = 'all', 'bounded' = 'true');
CREATE TABLE out_all (k BIGINT, n BIGINT) WITH ('connector' = 'all');
CREATE TABLE out_inserts (k BIGINT, n BIGINT) WITH ('connector' = 'inserts');
CREATE TABLE out_upserts (k BIGINT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'upserts');
)sql";

class Planner : public ::testing::Test {
  protected:
    static PlanOptions options() {
        auto registry = std::make_shared<ConnectorRegistry>();
        registry->connectors = {connector("all", ChangelogMode::All),
                                connector("inserts", ChangelogMode::InsertOnly),
                                connector("upserts", ChangelogMode::Upsert), generator()};
        PlanOptions options;
        options.registry = registry;
        return options;
    }
    static PlannedJob plan(const std::string& statements) {
        SessionOptions session_options;
        session_options.registry = options().registry;
        Session session(session_options);
        const auto logical = session.compileApplication(kTables + statements);
        PlanOptions plan_options = options();
        plan_options.configuration = session.configuration();
        return planJob(logical, plan_options);
    }
    static std::string text(const std::string& statements) { return plan(statements).physical_plan; }
    // The uids of the operators that keep state.
    static std::set<std::string> stateful(const std::string& statements) {
        std::set<std::string> uids;
        const PlannedJob job = plan(statements);
        for (const JobNode& node : job.graph->nodes()) {
            if (node.uid.find("aggregate") != std::string::npos) uids.insert(node.uid);
        }
        return uids;
    }
    static Problem problem(const std::string& statements) {
        try {
            plan(statements);
        } catch (const UserError& error) {
            return error.problem();
        }
        ADD_FAILURE() << "planned: " << statements;
        return {};
    }
};

}  // namespace millrace::sql::testing

#include "sql/plan/connectors.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "runtime/dead_letters.h"

namespace millrace::sql {

namespace {

const ConnectorDescriptor* findConnector(const TableDefinition& table, const PlanOptions& options) {
    if (!options.registry) return nullptr;
    for (const ConnectorDescriptor& descriptor : options.registry->connectors) {
        if (descriptor.name == table.connector()) return &descriptor;
    }
    return nullptr;
}

const ConnectorDescriptor& connectorOf(const TableDefinition& table, const PlanOptions& options,
                                       const TextSpan& where) {
    MILLRACE_CHECK(options.registry != nullptr, "a plan without connectors");
    if (const ConnectorDescriptor* const found = findConnector(table, options)) return *found;
    const std::string connector = table.connector();
    std::vector<std::string> names;
    for (const ConnectorDescriptor& descriptor : options.registry->connectors)
        names.push_back(descriptor.name);
    std::sort(names.begin(), names.end());
    if (connector.empty()) {
        throw UserError(
            {"sql.no-connector",
             fmt::format("table '{}' has no connector, so it cannot be read or written", table.path.object),
             fmt::format("give it one: WITH ('connector' = ...), one of: {}", fmt::join(names, ", ")),
             where});
    }
    const std::string nearest = nearestName(connector, names);
    throw UserError({"sql.unknown-connector",
                     fmt::format("table '{}': there is no connector '{}'", table.path.object, connector),
                     nearest.empty() ? fmt::format("connectors are: {}", fmt::join(names, ", "))
                                     : fmt::format("did you mean '{}'?", nearest),
                     where});
}

TableSpec specOf(const TableDefinition& table, Schema schema) {
    TableSpec spec;
    spec.name = table.path.object;
    spec.schema = std::move(schema);
    spec.primary_key = table.primary_key;
    spec.partition_keys = table.partition_keys;
    spec.options = table.options;
    return spec;
}

[[noreturn]] void cannot(const TableDefinition& table, const char* what, const TextSpan& where) {
    throw UserError({"sql.connector-cannot",
                     fmt::format("table '{}' cannot be {}: its connector '{}' does not do that",
                                 table.path.object, what, table.connector()),
                     "", where});
}

// Runs `make`; a connector's complaint gets the place of the table's use.
template <class Make>
auto placed(const TextSpan& where, Make make) {
    try {
        return make();
    } catch (const UserError& error) {
        if (error.problem().where.known()) throw;
        Problem problem = error.problem();
        problem.where = where;
        throw UserError(std::move(problem));
    }
}

}  // namespace

std::shared_ptr<const Source> makeTableSource(const Rel& rel, const ScanRel& scan,
                                              const PlanOptions& options) {
    const TextSpan& where = rel.origin->where();
    const ConnectorDescriptor& connector = connectorOf(*scan.table, options, where);
    if (!connector.make_source) cannot(*scan.table, "read", where);
    TableSpec spec = specOf(*scan.table, scan.table->storedSchema());
    spec.projection = scan.paths;
    spec.filters = scan.filters;
    if (scan.dead_letters) setDeadLetterColumns(spec.options, scan.dead_letters->writtenSchema());
    std::shared_ptr<const Source> source = placed(where, [&] { return connector.make_source(spec); });
    if (!scan.dead_letters) return source;
    const auto* const described = dynamic_cast<const DescribedSource*>(source.get());
    if (described == nullptr || !described->keepsDeadLetters())
        cannot(*scan.table, "read with a table of dead letters", where);
    const TableDefinition& letters = *scan.dead_letters;
    const ConnectorDescriptor& takes = connectorOf(letters, options, where);
    if (!takes.make_sink) cannot(letters, "written", where);
    auto sink = std::make_shared<DeadLetterSink>(
        placed(where, [&] { return takes.make_sink(specOf(letters, letters.writtenSchema())); }));
    return std::make_shared<SourceWithDeadLetters>(std::move(source), std::move(sink),
                                                   letters.path.toString());
}

bool takesFields(const TableDefinition& table, const PlanOptions& options) {
    const ConnectorDescriptor* const connector = findConnector(table, options);
    if (connector == nullptr || !connector->nested_projection) return false;
    try {
        return connector->nested_projection(specOf(table, table.storedSchema()));
    } catch (const UserError&) {
        return false;  // what is wrong with the table is said when its source is made
    }
}

bool acceptsFilter(const TableDefinition& table, const ColumnFilter& filter, const PlanOptions& options) {
    const ConnectorDescriptor* const connector = findConnector(table, options);
    if (connector == nullptr || !connector->accepts_filter) return false;
    try {
        return connector->accepts_filter(specOf(table, table.storedSchema()), filter);
    } catch (const UserError&) {
        return false;  // what is wrong with the table is said when its source is made
    }
}

bool readsChanges(const TableDefinition& table, const PlanOptions& options) {
    const ConnectorDescriptor* const connector = findConnector(table, options);
    if (connector == nullptr || !connector->uses_format || !connector->make_source) return false;
    try {
        TableSpec spec = specOf(table, table.storedSchema());
        spec.projectAll();
        const std::shared_ptr<const Source> source = connector->make_source(spec);
        const auto* const described = dynamic_cast<const DescribedSource*>(source.get());
        return described != nullptr && described->readsChanges();
    } catch (const UserError&) {
        return false;  // what is wrong with the table is said when its source is made
    }
}

std::shared_ptr<const Sink> makeTableSink(const LogicalSink& sink, const PlanOptions& options) {
    const TableDefinition& table = *sink.table();
    const ConnectorDescriptor& connector = connectorOf(table, options, sink.where());
    if (!connector.make_sink) cannot(table, "written", sink.where());
    if (sink.overwrite()) cannot(table, "overwritten", sink.where());
    return placed(sink.where(), [&] { return connector.make_sink(specOf(table, table.writtenSchema())); });
}

}  // namespace millrace::sql

#include "sql/plan/connectors.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "runtime/dead_letters.h"
#include "sql/plan/physical.h"
#include "types/coercion.h"

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

enum class Direction : uint8_t { Read, Write };

std::string keyNames(const std::vector<MetadataKey>& keys, Direction direction) {
    std::string names;
    for (const MetadataKey& key : keys) {
        if (direction == Direction::Read || key.writable) names += (names.empty() ? "" : ", ") + key.name;
    }
    return names;
}

// The key that `column` names. UserError "sql.unknown-metadata" or "sql.bad-metadata".
const MetadataKey& metadataKeyOf(const TableDefinition& table, const TableColumn& column,
                                 const std::vector<MetadataKey>& keys, Direction direction) {
    const std::string what =
        fmt::format("table '{}': the metadata column '{}'", table.path.object, column.name);
    const auto found = std::find_if(keys.begin(), keys.end(),
                                    [&](const MetadataKey& key) { return key.name == column.metadata_key; });
    if (found == keys.end()) {
        if (keys.empty())
            throw UserError("sql.unknown-metadata",
                            fmt::format("{} has nothing to read: the connector '{}' has no metadata", what,
                                        table.connector()),
                            "leave METADATA out for a column of the records themselves");
        std::vector<std::string> names;
        names.reserve(keys.size());
        for (const MetadataKey& key : keys)
            names.push_back(key.name);
        const std::string nearest = nearestName(column.metadata_key, names);
        throw UserError(
            "sql.unknown-metadata",
            fmt::format("{} names the key '{}', which the connector '{}' does not have", what,
                        column.metadata_key, table.connector()),
            fmt::format("{}keys are: {}", nearest.empty() ? "" : "did you mean '" + nearest + "'? ",
                        keyNames(keys, Direction::Read)));
    }
    const bool write = direction == Direction::Write;
    if (write && !found->writable) {
        const std::string writable = keyNames(keys, Direction::Write);
        throw UserError("sql.bad-metadata",
                        fmt::format("{} cannot be written: its key '{}' can only be read", what, found->name),
                        "declare it VIRTUAL, and it is left out of what is written; " +
                            (writable.empty() ? "no key can be written" : "can be written: " + writable));
    }
    const LogicalType& from = write ? column.type : found->type;
    const LogicalType& to = write ? found->type : column.type;
    if (!canCastExplicitly(from, to) || (!write && from.nullable() && !to.nullable()))
        throw UserError("sql.bad-metadata",
                        fmt::format("{} is {}, and its key '{}' is {}", what, column.type.toString(),
                                    found->name, found->type.toString()),
                        "one cannot be cast to the other; declare it as " + found->type.toString());
    return *found;
}

// No format reads or writes one, and nothing makes one up.
void refuseVariant(const TableDefinition& table, const TableColumn& column) {
    if (!column.type.holds(TypeKind::Variant)) return;
    throw UserError("sql.not-supported",
                    fmt::format("table '{}': the column '{}' is {}, which the connector '{}' cannot read or "
                                "write",
                                table.path.object, column.name, column.type.toString(), table.connector()),
                    "declare it as STRING: PARSE_JSON(column) reads it, JSON_STRING(value) is what to write");
}

TableSpec specOf(const TableDefinition& table, const ConnectorDescriptor& connector, Direction direction) {
    TableSpec spec;
    spec.name = table.path.object;
    std::vector<Field> fields;
    std::vector<const TableColumn*> columns;
    for (const TableColumn* const column : storedColumns(table)) {
        if (direction == Direction::Read || connector.uses_format) refuseVariant(table, *column);
        const bool metadata = column->kind == ColumnKind::Metadata;
        if (metadata && column->is_virtual && direction == Direction::Write) continue;
        if (metadata) spec.metadata.push_back({fields.size(), column->metadata_key});
        fields.push_back({column->name, column->type});
        columns.push_back(column);
    }
    spec.schema = Schema(fields);
    spec.primary_key = table.primary_key;
    spec.partition_keys = table.partition_keys;
    spec.options = table.options;
    if (spec.metadata.empty()) return spec;
    const std::vector<MetadataKey> keys =
        connector.metadata ? connector.metadata(spec) : std::vector<MetadataKey>();
    for (const MetadataColumn& column : spec.metadata) {
        const MetadataKey& key = metadataKeyOf(table, *columns[column.column], keys, direction);
        LogicalType& type = fields[column.column].type;
        if (!type.sameIgnoringNullable(key.type)) type = key.type.withNullable(type.nullable());
    }
    spec.schema = Schema(std::move(fields));
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

std::vector<const TableColumn*> storedColumns(const TableDefinition& table) {
    std::vector<const TableColumn*> stored;
    for (const TableColumn& column : table.columns) {
        if (column.kind != ColumnKind::Computed) stored.push_back(&column);
    }
    return stored;
}

std::shared_ptr<const Source> makeTableSource(const Rel& rel, const ScanRel& scan,
                                              const PlanOptions& options) {
    const TextSpan& where = rel.origin->where();
    const ConnectorDescriptor& connector = connectorOf(*scan.table, options, where);
    if (!connector.make_source) cannot(*scan.table, "read", where);
    std::shared_ptr<const Source> source = placed(where, [&] {
        TableSpec spec = specOf(*scan.table, connector, Direction::Read);
        spec.projection = scan.paths;
        spec.filters = scan.filters;
        if (scan.dead_letters) spec.dead_letters = scan.dead_letters->writtenSchema();
        return connector.make_source(spec);
    });
    if (!scan.dead_letters) return source;
    if (!connector.keeps_dead_letters) cannot(*scan.table, "read with a table of dead letters", where);
    const TableDefinition& letters = *scan.dead_letters;
    const ConnectorDescriptor& takes = connectorOf(letters, options, where);
    if (!takes.make_sink) cannot(letters, "written", where);
    auto sink = std::make_shared<DeadLetterSink>(
        placed(where, [&] { return takes.make_sink(specOf(letters, takes, Direction::Write)); }));
    return std::make_shared<SourceWithDeadLetters>(std::move(source), std::move(sink),
                                                   letters.path.toString());
}

bool takesFields(const TableDefinition& table, const PlanOptions& options) {
    const ConnectorDescriptor* const connector = findConnector(table, options);
    if (connector == nullptr || !connector->nested_projection) return false;
    try {
        return connector->nested_projection(specOf(table, *connector, Direction::Read));
    } catch (const UserError&) {
        return false;  // what is wrong with the table is said when its source is made
    }
}

bool acceptsFilter(const TableDefinition& table, const ColumnFilter& filter, const PlanOptions& options) {
    const ConnectorDescriptor* const connector = findConnector(table, options);
    if (connector == nullptr || !connector->accepts_filter) return false;
    try {
        const TableSpec spec = specOf(table, *connector, Direction::Read);
        return !spec.isMetadata(filter.column) && connector->accepts_filter(spec, filter);
    } catch (const UserError&) {
        return false;  // what is wrong with the table is said when its source is made
    }
}

bool readsChanges(const TableDefinition& table, const PlanOptions& options) {
    const ConnectorDescriptor* const connector = findConnector(table, options);
    if (connector == nullptr || !connector->reads_changes) return false;
    try {
        return connector->reads_changes(specOf(table, *connector, Direction::Read));
    } catch (const UserError&) {
        return false;  // what is wrong with the table is said when its source is made
    }
}

bool readsUpserts(const TableDefinition& table, const PlanOptions& options) {
    const ConnectorDescriptor* const connector = findConnector(table, options);
    return connector != nullptr && connector->reads_upserts;
}

std::vector<std::vector<std::string>> partitionsOf(const TableDefinition& table, const PlanOptions& options,
                                                   const TextSpan& where) {
    const ConnectorDescriptor& connector = connectorOf(table, options, where);
    if (!connector.partitions) cannot(table, "asked for its partitions", where);
    return placed(where, [&] { return connector.partitions(specOf(table, connector, Direction::Read)); });
}

std::shared_ptr<const Sink> makeTableSink(const LogicalSink& sink, const PlanOptions& options) {
    const TableDefinition& table = *sink.table();
    const ConnectorDescriptor& connector = connectorOf(table, options, sink.where());
    if (!connector.make_sink) cannot(table, "written", sink.where());
    TableSpec spec = placed(sink.where(), [&] { return specOf(table, connector, Direction::Write); });
    if (sink.overwrite()) {
        if (!connector.can_overwrite) cannot(table, "overwritten", sink.where());
        if (!runsInBatch(options.configuration)) {
            throw UserError(
                {"sql.not-supported",
                 fmt::format("INSERT OVERWRITE of '{}' needs batch mode, as a stream has no end at "
                             "which to take the place of what was there",
                             table.path.object),
                 "SET 'execution.runtime-mode' = 'batch'", sink.where()});
        }
        spec.overwrite = Overwrite{sink.partition()};
    }
    return placed(sink.where(), [&] { return connector.make_sink(spec); });
}

std::vector<ExpressionPtr> metadataCasts(const TableDefinition& table, const Schema& from, const Schema& to) {
    std::vector<ExpressionPtr> columns;
    const auto is_metadata = [](const TableColumn& column) { return column.kind == ColumnKind::Metadata; };
    if (std::none_of(table.columns.begin(), table.columns.end(), is_metadata)) return columns;
    bool any = false;
    for (size_t i = 0; i < from.size(); ++i) {
        ExpressionPtr column = Expression::column(i, from[i].type, from[i].name);
        const bool cast = !from[i].type.sameIgnoringNullable(to[i].type);
        columns.push_back(cast ? Expression::cast(std::move(column), to[i].type) : std::move(column));
        any = any || cast;
    }
    if (!any) columns.clear();
    return columns;
}

}  // namespace millrace::sql

#include "connectors/nexmark/nexmark_table.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"

namespace millrace {
namespace {

constexpr const char* kEventType = "event_type";
constexpr std::array<const char*, kNexmarkKinds> kRowNames{"person", "auction", "bid"};

std::vector<std::string> fieldNames(NexmarkKind kind) {
    std::vector<std::string> names;
    for (const NexmarkField& field : nexmarkFields(kind))
        names.emplace_back(field.name);
    return names;
}

[[noreturn]] void refuse(const TableSpec& spec, const std::string& why, std::string hint = "") {
    throw UserError("config.bad-schema", fmt::format("table '{}': {}", spec.name, why), std::move(hint));
}

const NexmarkField& fieldOf(const TableSpec& spec, NexmarkKind kind, const Field& column) {
    const std::span<const NexmarkField> fields = nexmarkFields(kind);
    const auto found = std::find_if(fields.begin(), fields.end(), [&](const NexmarkField& field) {
        return column.name == field.name || (field.alias != nullptr && column.name == field.alias);
    });
    const char* const row = kRowNames[static_cast<size_t>(kind)];
    if (found == fields.end()) {
        refuse(spec, fmt::format("the nexmark connector has no field '{}' in '{}'", column.name, row),
               fmt::format("its fields are: {}", fmt::join(fieldNames(kind), ", ")));
    }
    if (!column.type.sameIgnoringNullable(found->type)) {
        refuse(spec, fmt::format("the field '{}.{}' has the type {}, and must be {}", row, column.name,
                                 column.type.toString(), found->type.toString()));
    }
    return *found;
}

NexmarkColumn columnOf(const TableSpec& spec, const Field& column) {
    NexmarkColumn result;
    result.type = column.type;
    if (column.name == kEventType) {
        if (column.type.kind() != TypeKind::Integer)
            refuse(spec, fmt::format("the column '{}' must be INT", kEventType));
        return result;
    }
    const auto found = std::find(kRowNames.begin(), kRowNames.end(), column.name);
    if (found == kRowNames.end()) {
        refuse(spec, fmt::format("the nexmark connector has no column '{}'", column.name),
               fmt::format("its columns are: {}, {}", kEventType, fmt::join(kRowNames, ", ")));
    }
    if (column.type.kind() != TypeKind::Row)
        refuse(spec, fmt::format("the column '{}' must be a ROW", *found));
    if (!column.type.nullable())
        refuse(spec, fmt::format("the column '{}' must be nullable: other events have none", *found));
    result.what = NexmarkColumn::What::Row;
    result.kind = static_cast<NexmarkKind>(found - kRowNames.begin());
    for (const Field& field : column.type.fields())
        result.fields.push_back(&fieldOf(spec, result.kind, field));
    return result;
}

std::array<bool, kNexmarkKinds> kindsOf(const ColumnFilter& filter) {
    std::array<bool, kNexmarkKinds> kinds{};
    for (const Value& value : filter.values) {
        if (value.asInt64() >= 0 && value.asInt64() < static_cast<int64_t>(kNexmarkKinds))
            kinds[static_cast<size_t>(value.asInt64())] = true;
    }
    return kinds;
}

}  // namespace

Schema nexmarkSchema() {
    std::vector<Field> columns{{kEventType, LogicalType::integer()}};
    for (size_t kind = 0; kind < kNexmarkKinds; ++kind) {
        std::vector<Field> fields;
        for (const NexmarkField& field : nexmarkFields(static_cast<NexmarkKind>(kind)))
            fields.push_back({field.name, field.type});
        columns.push_back({kRowNames[kind], LogicalType::row(std::move(fields))});
    }
    return Schema(std::move(columns));
}

NexmarkOutput nexmarkOutput(const TableSpec& spec) {
    std::vector<NexmarkColumn> all;
    for (const Field& column : spec.schema)
        all.push_back(columnOf(spec, column));
    NexmarkOutput output;
    const Schema projected = spec.projectedSchema();
    for (size_t i = 0; i < spec.projection.size(); ++i) {
        const ColumnPath& path = spec.projection[i];
        NexmarkColumn column = all[path.front()];
        if (path.size() > 1) {
            column.what = NexmarkColumn::What::Field;
            column.fields = {column.fields[path[1]]};
            column.type = projected[i].type;
        }
        output.columns.push_back(std::move(column));
    }
    for (const ColumnFilter& filter : spec.filters) {
        const std::array<bool, kNexmarkKinds> named = kindsOf(filter);
        for (size_t kind = 0; kind < kNexmarkKinds; ++kind)
            output.kinds[kind] = output.kinds[kind] && named[kind];
    }
    return output;
}

bool nexmarkAccepts(const TableSpec& spec, const ColumnFilter& filter) {
    if (spec.schema[filter.column].name != kEventType) return false;
    const NexmarkOptions options = NexmarkOptions::from(spec.options);
    const std::array<bool, kNexmarkKinds> named = kindsOf(filter);
    for (size_t kind = 0; kind < kNexmarkKinds; ++kind) {
        if (named[kind] && options.proportions[kind] > 0) return true;
    }
    return false;
}

}  // namespace millrace

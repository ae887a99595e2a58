#include "batch/column_path.h"

#include "batch/batch.h"

namespace millrace {

Field fieldAt(const Schema& schema, const ColumnPath& path) {
    Field field = schema[path.front()];
    for (size_t i = 1; i < path.size(); ++i) {
        const bool nullable = field.type.nullable();
        const Field& inner = field.type.fields()[path[i]];
        field = {field.name + "_" + inner.name, inner.type.withNullable(nullable || inner.type.nullable())};
    }
    return field;
}

Schema schemaOf(const Schema& schema, const std::vector<ColumnPath>& paths) {
    std::vector<Field> fields;
    fields.reserve(paths.size());
    for (const ColumnPath& path : paths)
        fields.push_back(fieldAt(schema, path));
    return Schema(std::move(fields));
}

std::vector<ColumnPath> wholeColumns(const Schema& schema) {
    std::vector<ColumnPath> paths;
    paths.reserve(schema.size());
    for (size_t column = 0; column < schema.size(); ++column)
        paths.push_back({column});
    return paths;
}

}  // namespace millrace

#include "runtime/connector.h"

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

Schema TableSpec::projectedSchema() const {
    std::vector<Field> fields;
    for (const ColumnPath& path : projection)
        fields.push_back(fieldAt(schema, path));
    return Schema(std::move(fields));
}

void TableSpec::projectAll() {
    projection.clear();
    for (size_t i = 0; i < schema.size(); ++i)
        projection.push_back({i});
}

}  // namespace millrace

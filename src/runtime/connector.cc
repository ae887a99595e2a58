#include "runtime/connector.h"

#include <algorithm>

namespace millrace {

const std::string* TableSpec::metadataKey(size_t column) const {
    const auto found = std::find_if(metadata.begin(), metadata.end(),
                                    [&](const MetadataColumn& one) { return one.column == column; });
    return found == metadata.end() ? nullptr : &found->key;
}

Schema TableSpec::physicalSchema() const {
    std::vector<Field> fields;
    for (size_t i = 0; i < schema.size(); ++i)
        if (!isMetadata(i)) fields.push_back(schema[i]);
    return Schema(std::move(fields));
}

Schema TableSpec::projectedSchema() const { return schemaOf(schema, projection); }

void TableSpec::projectAll() { projection = wholeColumns(schema); }

}  // namespace millrace

#include "runtime/connector.h"

namespace millrace {

Schema TableSpec::projectedSchema() const { return schemaOf(schema, projection); }

void TableSpec::projectAll() { projection = wholeColumns(schema); }

}  // namespace millrace

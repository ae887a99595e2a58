#include "cluster/registry.h"

#include "connectors/connectors.h"
#include "formats/format.h"

namespace millrace {

std::shared_ptr<const sql::ConnectorRegistry> linkedConnectors() {
    static const std::shared_ptr<const sql::ConnectorRegistry> registry = [] {
        auto made = std::make_shared<sql::ConnectorRegistry>();
        made->connectors = connectorDescriptors();
        for (const FormatDescriptor& format : formatDescriptors()) {
            made->formats[format.name] = format.options;
            if (format.infer_schema) made->format_columns[format.name] = format.infer_schema;
        }
        return made;
    }();
    return registry;
}

}  // namespace millrace

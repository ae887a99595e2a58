#include "cluster/registry.h"

#include "connectors/connectors.h"
#include "formats/format.h"
#include "sql/bind/format_columns.h"

namespace millrace {

std::shared_ptr<const sql::ConnectorRegistry> linkedConnectors() {
    static const std::shared_ptr<const sql::ConnectorRegistry> registry = [] {
        auto made = std::make_shared<sql::ConnectorRegistry>();
        made->connectors = connectorDescriptors();
        for (const FormatDescriptor& format : formatDescriptors()) {
            made->formats[format.name] = format.options;
        }
        std::map<std::string, sql::FormatColumns> columns;
        for (const FormatDescriptor& format : formatDescriptors())
            if (format.infer_schema) columns[format.name] = format.infer_schema;
        sql::setFormatColumns(std::move(columns));
        return made;
    }();
    return registry;
}

}  // namespace millrace

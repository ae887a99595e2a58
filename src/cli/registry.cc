#include "cli/registry.h"

#include "connectors/connectors.h"
#include "formats/format.h"

namespace millrace::cli {

std::shared_ptr<const sql::ConnectorRegistry> connectorRegistry() {
    auto registry = std::make_shared<sql::ConnectorRegistry>();
    registry->connectors = connectorDescriptors();
    for (const FormatDescriptor& format : formatDescriptors())
        registry->formats[format.name] = format.options;
    return registry;
}

}  // namespace millrace::cli

// Every connector of the tree, collected by the build.
#pragma once

#include <vector>

#include "runtime/connector.h"

namespace millrace {

const std::vector<ConnectorDescriptor>& connectorDescriptors();

}  // namespace millrace

// What the package says of a cluster's log and of its metrics.
#pragma once

#include "base/configuration.h"
#include "cluster/application_package.h"
#include "cluster/rest/rest.h"

namespace millrace {

// CloudWatch-shaped lines into the package's file (or standard error), with the application's name in them.
// Read from the package's configuration: `env.log.size-max` (a size; 10 mb) and `env.log.max` (old files that
// are kept; 10). UserError "config.bad-value".
LogConfiguration logConfigurationOf(const ApplicationPackage& package);

// UserError "package.malformed" for a metrics level that there is not.
RestIdentity restIdentityOf(const ApplicationPackage& package);

}  // namespace millrace

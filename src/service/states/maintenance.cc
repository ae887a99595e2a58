// MAINTENANCE: the same version goes on in a new cluster, which is that of the service's present release.
#include "service/redeployment.h"

namespace millrace {

OperationDescription describeStatesMaintenance() { return describeChange("ApplicationMaintenance"); }

}  // namespace millrace

// AUTOSCALING: the same version goes on at another parallelism, with its state.
#include "service/redeployment.h"

namespace millrace {

OperationDescription describeStatesAutoscale() { return describeChange("AutoscaleApplication"); }

}  // namespace millrace

// UPDATING: another version takes over from the one that runs, with its state.
#include "service/redeployment.h"

namespace millrace {

OperationDescription describeStatesUpdate() { return describeChange("UpdateApplication"); }

}  // namespace millrace

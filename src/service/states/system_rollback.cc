// ROLLING_BACK, because a change failed: the version before takes over, from the snapshot it left.
#include "service/redeployment.h"

namespace millrace {

OperationDescription describeStatesSystemRollback() { return describeRollback("SystemRollbackApplication"); }

}  // namespace millrace

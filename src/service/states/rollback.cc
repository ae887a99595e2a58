// ROLLING_BACK, because its owner asked for it: the version before takes over, from the snapshot it left.
#include "service/redeployment.h"

namespace millrace {

OperationDescription describeStatesRollback() { return describeRollback("RollbackApplication"); }

}  // namespace millrace

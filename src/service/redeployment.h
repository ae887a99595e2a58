// Replacing a running application's cluster by another one: for an update, a rollback, scaling, maintenance.
//
// The new cluster is prepared first: its code is loaded and planned, and its job checked against the states
// it will have to go on from, while the old one works on. Only then is the old job stopped with a savepoint
// (a rollback discards its state instead), the old cluster ended and the new one activated. What fails before
// the old job was stopped leaves it running as it was.
//
// The operation's state says what is asked for:
//   deployment                     the new cluster's deployment
//   fromVersion, targetVersion     of the application
//   parallelism                    instead of the target version's, if not 0
//   snapshot                       the name of the savepoint that the old job is stopped with, if it is to be
//   restoreType, snapshotName, allowNonRestoredState      as in StartApplication
// and what came of it: location (of that savepoint), restore, switched, jobEnded, downtimeMs.
#pragma once

#include "service/operation.h"

namespace millrace {

// A change of an application that is UPDATING, AUTOSCALING or in MAINTENANCE; and the way back, for one that
// is ROLLING_BACK.
OperationDescription describeChange(std::string kind);
OperationDescription describeRollback(std::string kind);

// A SystemRollbackApplication operation from the application's version to `to`, not stored yet.
Operation newSystemRollback(ServiceContext& context, const Application& application, int64_t from, int64_t to,
                            int64_t parallelism);

}  // namespace millrace

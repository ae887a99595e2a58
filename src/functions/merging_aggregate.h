// The second phase of an aggregate whose first phase ran elsewhere: its arguments are the fields of an
// accumulator, one column a field, NULL where the field is, and it merges what comes in. Accumulator and
// result are those of `inner`, so that state written by either can be read by the other. For aggregates
// whose accumulator fields are flat.
#pragma once

#include <memory>

#include "functions/function.h"

namespace millrace {

std::shared_ptr<const BoundAggregate> mergingAggregate(std::shared_ptr<const BoundAggregate> inner);

}  // namespace millrace

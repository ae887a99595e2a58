// State of an operator's own beside the job's: in memory, in no snapshot.
#pragma once

#include <memory>
#include <string>

#include "runtime/operator.h"

namespace millrace {

// Of the subtask of `context`; `operator_name` is for error messages.
std::unique_ptr<StateBackend> makeScratchState(const std::string& operator_name,
                                               const OperatorContext& context);

}  // namespace millrace

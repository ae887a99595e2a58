#include "operators/scratch_state.h"

namespace millrace {

std::unique_ptr<StateBackend> makeScratchState(const std::string& operator_name,
                                               const OperatorContext& context) {
    StateBackendParameters parameters;
    parameters.operator_name = operator_name;
    parameters.subtask = context.subtask();
    parameters.parallelism = context.parallelism();
    parameters.max_parallelism = context.maxParallelism();
    return makeHashMapStateBackend(parameters);
}

}  // namespace millrace

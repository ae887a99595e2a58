// execution.runtime-mode = batch: how a result changed on its way is not told, only what it is in the end.
// The operators are those of streaming; what comes of them is gathered before the sink.
#include "sql/plan/physical.h"

namespace millrace::sql {

void answerAtTheEnd(RelRoots& roots, const PlanOptions& options) {
    if (!runsInBatch(options.configuration)) return;
    const ChangelogModes modes = inferChangelogModes(roots, {});
    for (const RelPtr& root : roots) {
        for (RelPtr& input : root->inputs) {
            if (modes.at(input.get()).insertOnly()) continue;
            const LogicalPtr origin = std::make_shared<LogicalSort>(input->origin, std::vector<SortKey>{}, 0,
                                                                    std::nullopt, input->origin->where());
            const Schema schema = input->schema;
            input = makeRel(relNodeOf(*origin), {input}, schema, origin);
        }
    }
}

}  // namespace millrace::sql

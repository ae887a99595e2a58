// The physical plan: operators with what flows between them. Made from optimised relational nodes; the job
// graph and EXPLAIN's text are read off it. Private to plan/.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "runtime/job_graph.h"
#include "sql/plan/planner.h"
#include "sql/plan/rel.h"

namespace millrace::sql {

struct PhysicalInput {
    size_t from = 0;  // of PhysicalPlan::nodes
    Exchange exchange = Exchange::Forward;
    std::vector<size_t> key;

    // Rows of equal key meet in one subtask; without keys, all rows do.
    static PhysicalInput byKey(size_t from, std::vector<size_t> keys) {
        const Exchange exchange = keys.empty() ? Exchange::Singleton : Exchange::Hash;
        return {from, exchange, std::move(keys)};
    }
};

struct PhysicalNode {
    // A sink may be nullptr, in a plan that is only explained.
    std::variant<std::shared_ptr<const Source>, std::shared_ptr<const Operator>, std::shared_ptr<const Sink>>
        what;
    std::string name;
    std::string uid;
    Schema schema;
    Changelog changelog;
    bool bounded = true;
    std::vector<PhysicalInput> inputs;
};

struct PhysicalPlan {
    std::vector<PhysicalNode> nodes;  // inputs come before those they feed
    // `notes`, if given, has lines for each node and for the exchanges behind it, which stand below theirs.
    struct Notes {
        std::string node;
        std::string exchange;
    };
    std::string explain(const std::vector<Notes>& notes = {}) const;
    // What the stateful operators keep, in the plan's order: each operator's name with a line for each of its
    // states. Empty if there are none.
    std::string explainState(const Configuration& configuration) const;
};

// How each node's result changes. A node that starts updates makes -U only if someone above needs it.
using ChangelogModes = std::map<const Rel*, Changelog>;
ChangelogModes inferChangelogModes(const RelRoots& roots, const std::map<const Rel*, ChangelogMode>& sinks);

// execution.runtime-mode. UserError "config.bad-value".
bool runsInBatch(const Configuration& configuration);

PhysicalPlan makePhysicalPlan(const RelRoots& roots, const PlanOptions& options);

}  // namespace millrace::sql

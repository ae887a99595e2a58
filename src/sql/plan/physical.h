// The physical plan: operators with what flows between them. Made from optimised relational nodes; the job
// graph and EXPLAIN's text are read off it. Private to plan/.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "runtime/job_graph.h"
#include "sql/plan/planner.h"
#include "sql/plan/rel.h"

namespace millrace::sql {

// What a stream holds besides +I.
struct Changelog {
    bool updates = false;        // +U
    bool update_before = false;  // each after its -U
    bool deletes = false;        // -D
    bool insertOnly() const { return !updates && !deletes; }
    std::string toString() const;  // "I,UB,UA,D"
};

struct PhysicalInput {
    size_t from = 0;  // of PhysicalPlan::nodes
    Exchange exchange = Exchange::Forward;
    std::vector<size_t> key;
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
    std::string explain() const;
};

// How each node's result changes: by node, what it produces if -U is wanted wherever it can be, and whether
// it is.
struct ChangelogModes {
    std::map<const Rel*, Changelog> produced;
    std::map<const Rel*, bool> wants_update_before;  // by some parent
};
ChangelogModes inferChangelogModes(const RelRoots& roots, const std::map<const Rel*, ChangelogMode>& sinks);

PhysicalPlan makePhysicalPlan(const RelRoots& roots, const PlanOptions& options);

}  // namespace millrace::sql

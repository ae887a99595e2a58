// What a relational node needs to place its operators: the plan that is being made, and what is known of it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sql/plan/physical.h"

namespace millrace::sql {

class PhysicalBuilder {
  public:
    PhysicalBuilder(const RelRoots& roots, const PlanOptions& options);
    PhysicalPlan build();

    const PlanOptions& options() const { return options_; }
    Duration stateTtl() const;  // table.exec.state.ttl
    // table.optimizer.agg-phase-strategy. UserError "config.bad-value".
    bool aggregatesInTwoPhases() const;
    // Likewise where results are updated, by groups of which `few`, or many, get rows at a time, and with
    // DISTINCT or not: what is sent from the first phase to the second costs more than a row.
    bool aggregatesGroupsInTwoPhases(bool few, bool distinct) const;
    const Changelog& changelog(const Rel& rel) const { return modes_.at(&rel); }
    ChangelogMode accepts(const Rel& sink) const { return accepts_.at(&sink); }
    const Sink* sink(const Rel& rel) const { return sinks_.at(&rel).get(); }  // nullptr: only explained
    const PhysicalNode& node(size_t index) const { return plan_.nodes[index]; }

    // A name that stays with what the node computes: the kind of its operator and its logical sub-plan.
    std::string uidOf(const std::string& kind, const Rel& rel);
    // `uid` if it is new, else with a number.
    std::string unique(const std::string& uid);

    // Each gives the new node's index.
    size_t addSource(const Rel& rel, std::string uid, std::shared_ptr<const Source> source);
    size_t addOperator(const Rel& rel, std::string uid, std::shared_ptr<const Operator> op,
                       std::vector<PhysicalInput> inputs);  // with the changelog of `rel`
    size_t addOperator(std::string uid, std::shared_ptr<const Operator> op, std::vector<PhysicalInput> inputs,
                       const Changelog& changelog);
    size_t addSink(const Rel& rel, std::string uid, const Changelog& changelog, PhysicalInput input);

  private:
    enum class AggregatePhases : uint8_t { Auto, One, Two };
    AggregatePhases aggregatePhases() const;
    size_t add(const Rel& rel);
    size_t push(PhysicalNode node);

    const RelRoots& roots_;
    const PlanOptions& options_;
    PhysicalPlan plan_;
    std::map<const Rel*, std::shared_ptr<const Sink>> sinks_;
    std::map<const Rel*, ChangelogMode> accepts_;
    ChangelogModes modes_;
    std::map<const Rel*, size_t> done_;
    std::map<std::string, size_t> uids_;
};

}  // namespace millrace::sql

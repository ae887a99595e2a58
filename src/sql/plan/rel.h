// The planner's own form of a query, between the logical plan and the job: relational nodes that rules
// rewrite. Private to plan/. A node may have several parents once equal sub-plans are shared.
//
// What a node is, is a RelNode: one file a kind in nodes/, which says everything about the kind: how it comes
// from the logical plan, what it reads, what changelog it produces and with which operator it runs. Nothing
// else has to be told of a new kind; rules name only the kinds they rewrite. Kinds that only a rule makes are
// in nodes/recognised/.
//
// A node remembers the logical node whose result it computes (`origin`): the uid of a stateful operator comes
// from its canonical text, so that no rewrite here changes under which name state is kept.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <typeindex>
#include <vector>

#include "expr/expression.h"
#include "sql/bind/logical_plan.h"

namespace millrace::sql {

struct Rel;
class PhysicalBuilder;
using RelPtr = std::shared_ptr<Rel>;

// What a stream holds besides +I.
struct Changelog {
    bool updates = false;        // +U
    bool update_before = false;  // each after its -U
    bool deletes = false;        // -D
    bool insertOnly() const { return !updates && !deletes; }
    std::string toString() const;  // "I,UB,UA,D"
};

using UsedColumns = std::vector<bool>;                    // one a column of a node
using MovedColumns = std::vector<std::optional<size_t>>;  // of a pruned node: where former columns are now

class RelNode {
  public:
    virtual ~RelNode() = default;
    virtual std::shared_ptr<RelNode> clone() const = 0;

    // What the node does apart from its inputs and names, as text that is the same for the same doing;
    // nothing if it must not be shared (rules/share_subplans.cc).
    virtual std::optional<std::string> digest() const = 0;

    // Pruning (rules/prune_columns.cc). demand() sets what the node reads of each input, given which of its
    // own columns are used; prune() then takes the moved columns of the inputs in, changes rel.schema and
    // says where the node's own columns are now.
    virtual void demand(const Rel& rel, const UsedColumns& used,
                        std::span<UsedColumns* const> inputs) const = 0;
    virtual MovedColumns prune(Rel& rel, const UsedColumns& used,
                               std::span<const MovedColumns* const> inputs) = 0;
    // Produces exactly the columns that are used, and so at least one for rows to be counted by.
    virtual bool producesOnlyUsed() const { return false; }
    // How dear column `column` is to produce, for choosing that one.
    virtual int cost(const Rel& rel, size_t column) const;

    // The changelog it produces of its inputs', -U aside: by default theirs together.
    virtual Changelog changelog(std::span<const Changelog> inputs) const;
    // Updates start here: whether they come with -U is for the nodes above to say. Other nodes pass on what
    // their inputs do.
    virtual bool startsUpdates() const { return false; }
    // Whether it needs -U from input `input`, given whether -U is needed from it.
    virtual bool needsUpdateBefore(size_t input, bool wanted) const;

    // Whether of an update's two rows it may let one pass alone, or each in another form.
    virtual bool splitsUpdates() const { return false; }

    // As EXPLAIN names it in messages; by default as the logical plan does.
    virtual std::string describe(const Rel& rel) const;
    // Adds the operators that compute it; `inputs` are the physical nodes of its inputs. Gives the last one's
    // index.
    virtual size_t place(PhysicalBuilder& builder, const Rel& rel,
                         const std::vector<size_t>& inputs) const = 0;
};

// class JoinRel : public RelNodeOf<JoinRel> { ... };
template <class Self>
class RelNodeOf : public RelNode {
  public:
    std::shared_ptr<RelNode> clone() const final {
        return std::make_shared<Self>(static_cast<const Self&>(*this));
    }
};

struct Rel : std::enable_shared_from_this<Rel> {
    std::shared_ptr<RelNode> what;  // its own: never shared between nodes
    std::vector<RelPtr> inputs;
    Schema schema;
    LogicalPtr origin;

    template <class T>
    T* get() {
        return dynamic_cast<T*>(what.get());
    }
    template <class T>
    const T* get() const {
        return dynamic_cast<const T*>(what.get());
    }
    const RelPtr& input() const { return inputs.front(); }
};

RelPtr makeRel(std::shared_ptr<RelNode> what, std::vector<RelPtr> inputs, Schema schema, LogicalPtr origin);
template <class Node>
RelPtr makeRel(Node what, std::vector<RelPtr> inputs, Schema schema, LogicalPtr origin) {
    return makeRel(std::static_pointer_cast<RelNode>(std::make_shared<Node>(std::move(what))),
                   std::move(inputs), std::move(schema), std::move(origin));
}
RelPtr copyOf(const Rel& rel);  // over the same inputs

// How a kind of logical node becomes a relational one; `describePlanNodes...()` of each file in nodes/ gives
// it.
struct RelTranslation {
    std::type_index logical;
    std::function<std::shared_ptr<RelNode>(const LogicalNode&)> translate;
};
template <class Logical, class Translate>
RelTranslation translationOf(Translate translate) {
    return {typeid(Logical), [translate](const LogicalNode& node) -> std::shared_ptr<RelNode> {
                return translate(as<Logical>(node));
            }};
}
const std::vector<RelTranslation>& relTranslations();

// The statement's sinks as relational nodes, in their order.
using RelRoots = std::vector<RelPtr>;
RelRoots translate(const LogicalPlan& plan);
std::shared_ptr<RelNode> relNodeOf(const LogicalNode& node);

// Every node once, inputs before those they feed.
std::vector<Rel*> inOrder(const RelRoots& roots);

// Column references $0, $1, ... of a schema.
std::vector<ExpressionPtr> columnsOf(const Schema& schema);
// The conjuncts of a condition, and back (nullptr for none).
std::vector<ExpressionPtr> conjunctsOf(const ExpressionPtr& condition);
ExpressionPtr conjunctionOf(std::vector<ExpressionPtr> conjuncts);

// For digests: "[1,2]", "[$0;(a > 3);]".
std::string digestOf(const std::vector<size_t>& columns);
std::string digestOf(const std::vector<ExpressionPtr>& expressions);

// For pruning.
void markRead(const ExpressionPtr& expression, UsedColumns& used);  // nullptr reads nothing
// `expression` over the columns as they lie after pruning, whose schema is `now`.
ExpressionPtr moved(const ExpressionPtr& expression, const MovedColumns& to, const Schema& now);
// The fields of `schema` that are kept, and where they go.
Schema kept(const Schema& schema, const UsedColumns& used, MovedColumns& to);
// Takes exactly the columns `used` of `input`, whatever it still produces.
RelPtr narrowed(const RelPtr& input, const UsedColumns& used, const MovedColumns& to);
MovedColumns unmoved(size_t columns);
// Of a node whose rows are its input's and columns of its own behind: the latter's demand, and where all are
// now.
void demandPassed(const UsedColumns& used, UsedColumns& below);
MovedColumns prunePassed(Rel& rel, const MovedColumns& below);

struct PlanOptions;

// The rules, in the order in which they are applied (optimise()). Each is a file of its name in rules/.
void timeOfBatches(RelRoots& roots,
                   const PlanOptions& options);  // in batch mode nothing waits for a watermark
void mergeCalcs(RelRoots& roots);                // adjacent projections and filters become one
void recogniseRank(RelRoots& roots);             // filters on ROW_NUMBER() become Top-N
void pushFilters(RelRoots& roots);               // filters go below UNION ALL, window functions and joins
void findJoinKeys(RelRoots& roots);              // equalities in a join's condition become its keys
void recogniseWindowJoins(RelRoots& roots);      // joins by equal windows drop their state with the window
void recogniseIntervalJoins(RelRoots& roots);    // likewise joins within a distance of time
void fuseWindows(RelRoots& roots);               // window function and aggregation by its windows become one
void removeIdentities(RelRoots& roots);          // projections of all columns as they are
void pushFiltersIntoSources(RelRoots& roots,
                            const PlanOptions& options);  // sources leave out rows that nobody wants
void shareSubplans(RelRoots& roots);                      // equal sub-plans become one
void dropBelowWindowExtremes(RelRoots& roots);            // rows that a window's MAX keeps from joining go
void pushFieldsIntoSources(RelRoots& roots,
                           const PlanOptions& options);  // sources produce fields instead of ROWs
void pruneColumns(RelRoots& roots);                      // columns that nobody reads are not produced
void filterByRunningExtremes(RelRoots& roots);           // rows that cannot be a window's largest go early
void keepBestPairs(RelRoots& roots);                     // joins leave out what a Top-1 of them would
void answerAtTheEnd(RelRoots& roots,
                    const PlanOptions& options);  // in batch mode, results come when they are final
void optimise(RelRoots& roots, const PlanOptions& options);

}  // namespace millrace::sql

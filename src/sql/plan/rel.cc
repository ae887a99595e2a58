#include "sql/plan/rel.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "sql/plan/nodes/recognised/changelog_normalize.h"

namespace millrace::sql {

int RelNode::cost(const Rel& rel, size_t column) const {
    const LogicalType& type = rel.schema[column].type;
    return type.isNested() ? 2 : type.isCharacter() || type.isBinary() ? 1 : 0;
}

Changelog RelNode::changelog(std::span<const Changelog> inputs) const {
    Changelog all;
    for (const Changelog& one : inputs) {
        all.updates |= one.updates;
        all.deletes |= one.deletes;
    }
    return all;
}

bool RelNode::needsUpdateBefore(size_t, bool wanted) const { return wanted; }

std::string RelNode::describe(const Rel& rel) const { return rel.origin->describe(); }

RelPtr makeRel(std::shared_ptr<RelNode> what, std::vector<RelPtr> inputs, Schema schema, LogicalPtr origin) {
    auto rel = std::make_shared<Rel>();
    rel->what = std::move(what);
    rel->inputs = std::move(inputs);
    rel->schema = std::move(schema);
    rel->origin = std::move(origin);
    return rel;
}

RelPtr copyOf(const Rel& rel) { return makeRel(rel.what->clone(), rel.inputs, rel.schema, rel.origin); }

namespace {

void visit(Rel* rel, std::set<const Rel*>& seen, std::vector<Rel*>& order) {
    if (!seen.insert(rel).second) return;
    for (const RelPtr& input : rel->inputs)
        visit(input.get(), seen, order);
    order.push_back(rel);
}

}  // namespace

std::vector<Rel*> inOrder(const RelRoots& roots) {
    std::set<const Rel*> seen;
    std::vector<Rel*> order;
    for (const RelPtr& root : roots)
        visit(root.get(), seen, order);
    return order;
}

std::vector<ExpressionPtr> columnsOf(const Schema& schema) {
    std::vector<ExpressionPtr> columns;
    for (size_t i = 0; i < schema.size(); ++i) {
        columns.push_back(Expression::column(i, schema[i].type, schema[i].name));
    }
    return columns;
}

std::vector<ExpressionPtr> conjunctsOf(const ExpressionPtr& condition) {
    if (!condition) return {};
    if (condition->kind() != ExpressionKind::And) return {condition};
    std::vector<ExpressionPtr> all;
    for (const ExpressionPtr& argument : condition->arguments()) {
        for (ExpressionPtr& conjunct : conjunctsOf(argument))
            all.push_back(std::move(conjunct));
    }
    return all;
}

ExpressionPtr conjunctionOf(std::vector<ExpressionPtr> conjuncts) {
    if (conjuncts.empty()) return nullptr;
    if (conjuncts.size() == 1) return conjuncts.front();
    return Expression::logicalAnd(std::move(conjuncts));
}

std::string digestOf(const std::vector<size_t>& columns) {
    return fmt::format("[{}]", fmt::join(columns, ","));
}

std::string digestOf(const std::vector<ExpressionPtr>& expressions) {
    std::string result = "[";
    for (const ExpressionPtr& expression : expressions)
        result += expression->canonical() + ";";
    return result + "]";
}

void markRead(const ExpressionPtr& expression, UsedColumns& used) {
    if (expression) expression->collectColumns(used);
}

ExpressionPtr moved(const ExpressionPtr& expression, const MovedColumns& to, const Schema& now) {
    if (!expression) return nullptr;
    std::vector<ExpressionPtr> replacements(to.size());
    for (size_t i = 0; i < to.size(); ++i) {
        if (to[i]) replacements[i] = Expression::column(*to[i], now[*to[i]].type, now[*to[i]].name);
    }
    return Expression::rewriteColumns(expression, replacements);
}

Schema kept(const Schema& schema, const UsedColumns& used, MovedColumns& to) {
    std::vector<Field> fields;
    to.assign(schema.size(), std::nullopt);
    for (size_t i = 0; i < schema.size(); ++i) {
        if (!used[i]) continue;
        to[i] = fields.size();
        fields.push_back(schema[i]);
    }
    return Schema(std::move(fields));
}

MovedColumns unmoved(size_t columns) {
    MovedColumns to(columns);
    for (size_t i = 0; i < columns; ++i)
        to[i] = i;
    return to;
}

void demandPassed(const UsedColumns& used, UsedColumns& below) {
    for (size_t i = 0; i < below.size(); ++i)
        below[i] = below[i] || used[i];
}

MovedColumns prunePassed(Rel& rel, const MovedColumns& below) {
    MovedColumns to = below;
    std::vector<Field> fields = rel.input()->schema.fields();
    for (size_t i = below.size(); i < rel.schema.size(); ++i) {
        to.emplace_back(fields.size());
        fields.push_back(rel.schema[i]);
    }
    rel.schema = Schema(std::move(fields));
    return to;
}

namespace {

struct Rewrite {
    const char* name;  // its file in rules/
    const char* what;
    std::function<void(RelRoots&, const PlanOptions&)> apply;
};

Rewrite rewrite(const char* name, const char* what, void (*apply)(RelRoots&)) {
    return {name, what, [apply](RelRoots& roots, const PlanOptions&) { apply(roots); }};
}

// In the order in which they are applied.
const std::vector<Rewrite>& rewrites() {
    static const std::vector<Rewrite> all = [] {
        const Rewrite merge = rewrite(
            "merge_calcs", "projections and filters that follow on each other become one", mergeCalcs);
        const Rewrite remove =
            rewrite("remove_identities", "projections that change nothing are left out", removeIdentities);
        return std::vector<Rewrite>{
            {"time_of_batches", "in batch mode no row is late: watermarks are left out", timeOfBatches},
            {"normalise_upserts", "a source's upserts become a changelog with whole rows", normaliseUpserts},
            merge,
            rewrite("recognise_rank", "filters on ROW_NUMBER() become Top-N", recogniseRank),
            rewrite("push_filters", "filters go below UNION ALL, window functions and joins", pushFilters),
            merge,
            rewrite("find_join_keys", "equalities of a join's condition become its keys", findJoinKeys),
            rewrite("recognise_window_joins", "joins by equal windows keep rows until the window is complete",
                    recogniseWindowJoins),
            rewrite("recognise_interval_joins", "joins within a distance of time keep rows for that distance",
                    recogniseIntervalJoins),
            merge,
            rewrite("fuse_windows", "an aggregation by windows finds the windows itself", fuseWindows),
            merge,
            remove,
            {"push_filters_into_sources", "sources leave out rows that nobody wants", pushFiltersIntoSources},
            rewrite("share_subplans", "what occurs more than once is computed once", shareSubplans),
            rewrite("drop_below_window_extremes",
                    "rows that the MAX or MIN of their window keeps from joining are dropped before the join",
                    dropBelowWindowExtremes),
            {"push_fields_into_sources", "sources produce fields instead of ROWs", pushFieldsIntoSources},
            rewrite("prune_columns", "columns that nobody reads are not produced", pruneColumns),
            merge,
            remove,
            rewrite("filter_by_running_extremes",
                    "rows that cannot be their window's largest or smallest do not reach the join with it",
                    filterByRunningExtremes),
            rewrite("keep_best_pairs",
                    "a join leaves out pairs that a Top-1, MAX or MIN of them would not look at",
                    keepBestPairs),
            {"answer_at_the_end", "in batch mode, results come when they are final", answerAtTheEnd},
        };
    }();
    return all;
}

// Text that changes when the plan does.
std::string fingerprint(const RelRoots& roots) {
    std::map<const Rel*, size_t> numbers;
    std::string text;
    for (const Rel* rel : inOrder(roots)) {
        numbers.emplace(rel, numbers.size());
        text += rel->what->digest().value_or(rel->what->describe(*rel)) + " " + rel->schema.toString();
        for (const RelPtr& input : rel->inputs)
            text += fmt::format(" {}", numbers.at(input.get()));
        text += "\n";
    }
    return text;
}

}  // namespace

void optimise(RelRoots& roots, const PlanOptions& options) {
    for (const Rewrite& rule : rewrites())
        rule.apply(roots, options);
}

std::vector<std::string> optimiseTelling(RelRoots& roots, const PlanOptions& options) {
    std::vector<std::string> told;
    std::string before = fingerprint(roots);
    for (const Rewrite& rule : rewrites()) {
        rule.apply(roots, options);
        std::string after = fingerprint(roots);
        std::string line = fmt::format("{}: {}", rule.name, rule.what);
        if (after != before && std::find(told.begin(), told.end(), line) == told.end())
            told.push_back(std::move(line));
        before = std::move(after);
    }
    return told;
}

}  // namespace millrace::sql

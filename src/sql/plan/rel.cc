#include "sql/plan/rel.h"

#include <set>

namespace millrace::sql {

RelPtr makeRel(decltype(Rel::what) what, std::vector<RelPtr> inputs, Schema schema, LogicalPtr origin) {
    auto rel = std::make_shared<Rel>();
    rel->what = std::move(what);
    rel->inputs = std::move(inputs);
    rel->schema = std::move(schema);
    rel->origin = std::move(origin);
    return rel;
}

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

void optimise(RelRoots& roots) {
    mergeCalcs(roots);
    pushFilters(roots);
    mergeCalcs(roots);
    fuseWindows(roots);
    mergeCalcs(roots);
    removeIdentities(roots);
    shareSubplans(roots);
    pruneColumns(roots);
    mergeCalcs(roots);
    removeIdentities(roots);
}

}  // namespace millrace::sql

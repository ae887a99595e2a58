#include "sql/plan/rel.h"

#include <fmt/ranges.h>

#include <set>

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

void optimise(RelRoots& roots, const PlanOptions& options) {
    mergeCalcs(roots);
    recogniseRank(roots);
    pushFilters(roots);
    mergeCalcs(roots);
    findJoinKeys(roots);
    recogniseWindowJoins(roots);
    recogniseIntervalJoins(roots);
    mergeCalcs(roots);
    fuseWindows(roots);
    mergeCalcs(roots);
    removeIdentities(roots);
    pushFiltersIntoSources(roots, options);
    shareSubplans(roots);
    pushFieldsIntoSources(roots, options);
    pruneColumns(roots);
    mergeCalcs(roots);
    removeIdentities(roots);
}

}  // namespace millrace::sql

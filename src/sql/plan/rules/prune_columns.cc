// Columns that nobody reads are not produced, down to the scans: what a query does not use is not even
// decoded. What a node reads, and how it takes the change in, is for its kind to say.
#include <algorithm>
#include <map>

#include "sql/plan/nodes/calc.h"

namespace millrace::sql {

namespace {

// A node must produce something for its rows to be counted by: what is cheapest.
void keepSomething(const Rel& rel, UsedColumns& used) {
    if (used.empty() || std::find(used.begin(), used.end(), true) != used.end()) return;
    size_t best = 0;
    for (size_t i = 1; i < used.size(); ++i) {
        if (rel.what->cost(rel, i) < rel.what->cost(rel, best)) best = i;
    }
    used[best] = true;
}

}  // namespace

RelPtr narrowed(const RelPtr& input, const UsedColumns& used, const MovedColumns& to) {
    std::vector<Field> fields;
    CalcRel calc;
    for (size_t i = 0; i < used.size(); ++i) {
        if (!used[i]) continue;
        const Field& field = input->schema[*to[i]];
        calc.projection.push_back(Expression::column(*to[i], field.type, field.name));
        fields.push_back(field);
    }
    if (fields.size() == input->schema.size()) return input;
    return makeRel(std::move(calc), {input}, Schema(std::move(fields)), input->origin);
}

void pruneColumns(RelRoots& roots) {
    const std::vector<Rel*> order = inOrder(roots);
    std::map<const Rel*, UsedColumns> demanded;
    for (const Rel* rel : order)
        demanded[rel].assign(rel->schema.size(), false);
    for (const RelPtr& root : roots)
        demanded[root.get()].assign(root->schema.size(), true);
    for (auto at = order.rbegin(); at != order.rend(); ++at) {
        const Rel& rel = **at;
        UsedColumns& used = demanded[&rel];
        if (rel.what->producesOnlyUsed()) keepSomething(rel, used);
        std::vector<UsedColumns*> inputs;
        for (const RelPtr& input : rel.inputs)
            inputs.push_back(&demanded[input.get()]);
        rel.what->demand(rel, used, inputs);
    }
    std::map<const Rel*, MovedColumns> moves;
    for (Rel* rel : order) {
        std::vector<const MovedColumns*> inputs;
        for (const RelPtr& input : rel->inputs)
            inputs.push_back(&moves.at(input.get()));
        moves[rel] = rel->what->prune(*rel, demanded[rel], inputs);
    }
}

}  // namespace millrace::sql

#include "sql/plan/nodes/calc.h"

#include "operators/calc.h"
#include "sql/plan/physical_builder.h"

namespace millrace::sql {

std::optional<std::string> CalcRel::digest() const {
    for (const ExpressionPtr& expression : projection) {
        if (!expression->deterministic()) return std::nullopt;
    }
    if (condition && !condition->deterministic()) return std::nullopt;
    return "calc " + (condition ? condition->canonical() : "") + digestOf(projection);
}

void CalcRel::demand(const Rel&, const UsedColumns& used, std::span<UsedColumns* const> inputs) const {
    markRead(condition, *inputs[0]);
    for (size_t i = 0; i < used.size(); ++i) {
        if (used[i]) markRead(projection[i], *inputs[0]);
    }
}

MovedColumns CalcRel::prune(Rel& rel, const UsedColumns& used, std::span<const MovedColumns* const> inputs) {
    const Schema& now = rel.input()->schema;
    condition = moved(condition, *inputs[0], now);
    std::vector<ExpressionPtr> left;
    for (size_t i = 0; i < used.size(); ++i) {
        if (used[i]) left.push_back(moved(projection[i], *inputs[0], now));
    }
    projection = std::move(left);
    MovedColumns to;
    rel.schema = kept(rel.schema, used, to);
    return to;
}

int CalcRel::cost(const Rel& rel, size_t column) const {
    const bool computed = projection[column]->kind() != ExpressionKind::Column;
    return RelNode::cost(rel, column) + (computed ? 3 : 0);
}

// A filter may let only one of the two rows pass: the other then has to take the former row back.
bool CalcRel::needsUpdateBefore(size_t, bool wanted) const { return wanted || condition != nullptr; }

size_t CalcRel::place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const {
    return builder.addOperator(rel, builder.uidOf("calc", rel),
                               std::make_shared<Calc>(condition, projection, rel.schema), {{inputs[0]}});
}

RelTranslation describePlanNodesCalc() {
    return translationOf<LogicalProject>([](const LogicalProject& project) {
        auto calc = std::make_shared<CalcRel>();
        for (const ExpressionPtr& expression : project.expressions())
            calc->projection.push_back(Expression::fold(expression));
        return calc;
    });
}

}  // namespace millrace::sql

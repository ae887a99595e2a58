#include "sql/plan/join_condition.h"

namespace millrace::sql {

namespace {

// Values of the two types are equal exactly if they are kept as equal bytes.
bool comparable(const LogicalType& a, const LogicalType& b) {
    if (a.isNested() || b.isNested() || a.physical() != b.physical()) return false;
    return a.sameIgnoringNullable(b) || (a.isCharacter() && b.isCharacter()) ||
           (a.isBinary() && b.isBinary()) || (a.isInteger() && b.isInteger());
}

// The side whose columns alone are read, or -1.
int sideOf(const Expression& expression, size_t left, size_t all) {
    UsedColumns used(all, false);
    expression.collectColumns(used);
    bool of[2] = {false, false};
    for (size_t i = 0; i < all; ++i)
        of[i < left ? 0 : 1] |= used[i];
    return of[0] == of[1] ? -1 : of[1] ? 1 : 0;
}

}  // namespace

ExpressionPtr shifted(const ExpressionPtr& expression, const Schema& pairs, size_t from, std::ptrdiff_t by) {
    std::vector<ExpressionPtr> replacements = columnsOf(pairs);
    for (size_t i = from; i < pairs.size(); ++i) {
        replacements[i] = Expression::column(static_cast<size_t>(static_cast<std::ptrdiff_t>(i) + by),
                                             pairs[i].type, pairs[i].name);
    }
    return Expression::rewriteColumns(expression, replacements);
}

JoinCondition splitJoinCondition(const ExpressionPtr& condition, const Schema& pairs, size_t left) {
    JoinCondition split;
    for (const ExpressionPtr& conjunct : conjunctsOf(condition)) {
        const bool equality =
            conjunct->kind() == ExpressionKind::Call && conjunct->name() == "=" && conjunct->deterministic();
        const int first = equality ? sideOf(*conjunct->arguments()[0], left, pairs.size()) : -1;
        const int second = equality ? sideOf(*conjunct->arguments()[1], left, pairs.size()) : -1;
        if (first < 0 || second < 0 || first == second ||
            !comparable(conjunct->arguments()[0]->type(), conjunct->arguments()[1]->type())) {
            split.rest.push_back(conjunct);
            continue;
        }
        split.keys[0].push_back(conjunct->arguments()[first == 0 ? 0 : 1]);
        split.keys[1].push_back(shifted(conjunct->arguments()[first == 0 ? 1 : 0], pairs, left,
                                        -static_cast<std::ptrdiff_t>(left)));
    }
    return split;
}

size_t WidenedInput::columnOf(const ExpressionPtr& expression) {
    if (expression->kind() == ExpressionKind::Column) return expression->index();
    for (size_t i = width_; i < columns_.size(); ++i) {
        if (columns_[i]->canonical() == expression->canonical()) return i;
    }
    columns_.push_back(expression);
    fields_.push_back({expression->toString(), expression->type()});
    return columns_.size() - 1;
}

}  // namespace millrace::sql

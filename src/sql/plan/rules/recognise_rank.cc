// A filter on ROW_NUMBER() that leaves the first rows of each partition is Top-N: only those rows need be
// found, and, of input that only inserts, kept. Where one row number alone is left, its column is a constant.
#include <limits>
#include <map>

#include "sql/plan/nodes/calc.h"
#include "sql/plan/nodes/recognised/rank.h"

namespace millrace::sql {

namespace {

struct Range {
    int64_t first = 1;
    int64_t last = std::numeric_limits<int64_t>::max();
};

// Whether `conjunct` compares the column `number` with a constant; then it is taken into the range.
bool narrow(const Expression& conjunct, size_t number, Range& range) {
    if (conjunct.kind() != ExpressionKind::Call || conjunct.arguments().size() != 2) return false;
    const auto is_number = [&](const Expression& side) {
        return side.kind() == ExpressionKind::Column && side.index() == number;
    };
    const Expression* left = conjunct.arguments()[0].get();
    const Expression* right = conjunct.arguments()[1].get();
    const bool turned = is_number(*right);
    if (turned) std::swap(left, right);
    if (!is_number(*left) || right->kind() != ExpressionKind::Literal || !right->type().isInteger() ||
        right->value().isNull()) {
        return false;
    }
    const int64_t bound = right->value().asInt64();
    const std::string& name = conjunct.name();
    const auto at_most = [&](int64_t last) { range.last = std::min(range.last, last); };
    const auto at_least = [&](int64_t first) { range.first = std::max(range.first, first); };
    if (name == "=") {
        at_most(bound);
        at_least(bound);
    } else if (name == (turned ? ">=" : "<=")) {
        at_most(bound);
    } else if (name == (turned ? ">" : "<")) {
        at_most(bound == std::numeric_limits<int64_t>::min() ? bound : bound - 1);
    } else if (name == (turned ? "<=" : ">=")) {
        at_least(bound);
    } else if (name == (turned ? "<" : ">")) {
        at_least(bound == std::numeric_limits<int64_t>::max() ? bound : bound + 1);
    } else {
        return false;
    }
    return true;
}

void recogniseRankIn(Rel& rel) {
    const auto* calc = rel.get<CalcRel>();
    if (!calc || !calc->condition) return;
    // Projections in between stay only where others read them too; this node looks through them.
    std::vector<ExpressionPtr> conjuncts = conjunctsOf(calc->condition);
    std::vector<ExpressionPtr> projection = calc->projection;
    RelPtr below = rel.input();
    while (const auto* between = below->get<CalcRel>()) {
        if (between->condition) return;
        for (const ExpressionPtr& expression : between->projection) {
            if (!expression->deterministic()) return;
        }
        for (ExpressionPtr& expression : conjuncts)
            expression = Expression::fold(Expression::rewriteColumns(expression, between->projection));
        for (ExpressionPtr& expression : projection)
            expression = Expression::fold(Expression::rewriteColumns(expression, between->projection));
        below = RelPtr(below->input());
    }
    const auto* over = below->get<OverRel>();
    if (!over || over->calls.size() != 1 || over->calls.front().rank != RankFunction::RowNumber) return;

    const size_t number = below->schema.size() - 1;
    Range range;
    std::vector<ExpressionPtr> left;
    for (ExpressionPtr& conjunct : conjuncts) {
        if (!narrow(*conjunct, number, range)) left.push_back(std::move(conjunct));
    }
    if (range.last == std::numeric_limits<int64_t>::max()) return;

    if (range.first == range.last) {
        std::vector<ExpressionPtr> columns = columnsOf(below->schema);
        columns[number] = Expression::literal(Value::int64(range.first), below->schema[number].type);
        for (ExpressionPtr& expression : left)
            expression = Expression::fold(Expression::rewriteColumns(expression, columns));
        for (ExpressionPtr& expression : projection)
            expression = Expression::fold(Expression::rewriteColumns(expression, columns));
    }
    const RelPtr rank =
        makeRel(RankRel(*over, range.first, range.last), {below->input()}, below->schema, below->origin);
    rel.what = std::make_shared<CalcRel>(CalcRel(conjunctionOf(std::move(left)), std::move(projection)));
    rel.inputs = {rank};
}

}  // namespace

void recogniseRank(RelRoots& roots) {
    for (Rel* rel : inOrder(roots))
        recogniseRankIn(*rel);
}

}  // namespace millrace::sql

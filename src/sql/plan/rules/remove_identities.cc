// A Calc that neither filters nor changes anything but names is taken out.
#include "sql/plan/nodes/calc.h"

namespace millrace::sql {

namespace {

bool isIdentity(const Rel& rel) {
    const auto* calc = rel.get<CalcRel>();
    if (!calc || calc->condition || calc->projection.size() != rel.input()->schema.size()) return false;
    for (size_t i = 0; i < calc->projection.size(); ++i) {
        const Expression& expression = *calc->projection[i];
        if (expression.kind() != ExpressionKind::Column || expression.index() != i ||
            expression.type() != rel.input()->schema[i].type) {
            return false;
        }
    }
    return true;
}

}  // namespace

void removeIdentities(RelRoots& roots) {
    for (Rel* rel : inOrder(roots)) {
        for (RelPtr& input : rel->inputs) {
            while (isIdentity(*input))
                input = RelPtr(input->input());
        }
    }
}

}  // namespace millrace::sql

// WHERE and HAVING: a Calc of all columns.
#include "sql/plan/nodes/calc.h"

namespace millrace::sql {

RelTranslation describePlanNodesFilter() {
    return translationOf<LogicalFilter>([](const LogicalFilter& filter) {
        return std::make_shared<CalcRel>(Expression::fold(filter.condition()), columnsOf(filter.schema()));
    });
}

}  // namespace millrace::sql

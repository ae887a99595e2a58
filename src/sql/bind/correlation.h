// What sub-queries share: conditions taken apart, and names of the query around them.
#pragma once

#include <vector>

#include "sql/bind/expression_binder.h"

namespace millrace::sql {

void flattenAnd(const Expr& expr, std::vector<const Expr*>& conjuncts);
// nullptr for none.
ExpressionPtr conjunction(std::vector<ExpressionPtr> conjuncts);
// Whether the expression, over `all` columns, reads one before `outer`, and one from there on.
bool readsBelow(const Expression& expression, size_t outer, size_t all);
bool readsFrom(const Expression& expression, size_t outer, size_t all);

// Names of the sub-query come first, then those around it. Bound columns are the outer ones, then the inner
// ones.
class CorrelatedBinder final : public ExpressionBinder {
  public:
    CorrelatedBinder(const Scope& inner, const Scope& outer, std::string clause)
        : ExpressionBinder(inner, std::move(clause)), outer_(outer) {}

    ExpressionPtr innerColumn(size_t column) const;

  protected:
    ExpressionPtr bindColumn(const ColumnRef& column, const TextSpan& span) override;

  private:
    const Scope& outer_;
};

}  // namespace millrace::sql

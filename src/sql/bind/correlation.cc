#include "sql/bind/correlation.h"

#include <algorithm>

namespace millrace::sql {

void flattenAnd(const Expr& expr, std::vector<const Expr*>& conjuncts) {
    const auto* call = std::get_if<Call>(&expr.node);
    if (call == nullptr || call->name != "AND") return conjuncts.push_back(&expr);
    for (const ExprPtr& argument : call->arguments)
        flattenAnd(*argument, conjuncts);
}

ExpressionPtr conjunction(std::vector<ExpressionPtr> conjuncts) {
    if (conjuncts.empty()) return nullptr;
    return conjuncts.size() == 1 ? conjuncts.front() : Expression::logicalAnd(std::move(conjuncts));
}

bool readsBelow(const Expression& expression, size_t outer, size_t all) {
    std::vector<bool> used(all, false);
    expression.collectColumns(used);
    const auto end = used.begin() + static_cast<std::ptrdiff_t>(outer);
    return std::find(used.begin(), end, true) != end;
}

bool readsFrom(const Expression& expression, size_t outer, size_t all) {
    std::vector<bool> used(all, false);
    expression.collectColumns(used);
    return std::find(used.begin() + static_cast<std::ptrdiff_t>(outer), used.end(), true) != used.end();
}

ExpressionPtr CorrelatedBinder::innerColumn(size_t column) const {
    const Field& field = scope().field(column);
    return Expression::column(outer_.size() + column, field.type, field.name);
}

namespace {

bool hasTable(const Scope& scope, const std::string& name) {
    const std::vector<std::string> tables = scope.tables();
    return std::find(tables.begin(), tables.end(), name) != tables.end();
}

}  // namespace

ExpressionPtr CorrelatedBinder::bindColumn(const ColumnRef& column, const TextSpan&) {
    Scope::Resolved found;
    // What stands before a dot is a table, of either query, before it is a column with fields.
    const std::string& first = column.path.front().name;
    if (column.path.size() > 1 && !hasTable(scope(), first) && hasTable(outer_, first)) {
        found = outer_.resolve(column.path);
        const Field& field = outer_.field(found.column);
        return fields(Expression::column(found.column, field.type, field.name), column.path, found.parts);
    }
    try {
        found = scope().resolve(column.path);
    } catch (const UserError& error) {
        if (error.code() != "sql.unknown-column") throw;
        try {
            found = outer_.resolve(column.path);
        } catch (const UserError& outer_error) {
            if (outer_error.code() == "sql.unknown-column") throw error;
            throw;
        }
        const Field& field = outer_.field(found.column);
        return fields(Expression::column(found.column, field.type, field.name), column.path, found.parts);
    }
    return fields(innerColumn(found.column), column.path, found.parts);
}

}  // namespace millrace::sql

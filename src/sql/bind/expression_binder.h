// Expressions as written to bound expressions over one scope: names resolved, operators and functions chosen,
// special forms rewritten into plain ones. Problems carry the place of the innermost expression they are
// about.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "expr/expression.h"
#include "sql/bind/scope.h"
#include "sql/parse/ast.h"

namespace millrace::sql {

struct FunctionDefinition;
class OverCalls;
class ScalarQueries;

class ExpressionBinder {
  public:
    // `clause` names what is being bound, for messages: "WHERE", "a computed column".
    ExpressionBinder(const Scope& scope, std::string clause) : scope_(scope), clause_(std::move(clause)) {}
    virtual ~ExpressionBinder() = default;

    // Bound and folded.
    ExpressionPtr bindRoot(const Expr& expr);
    // Also checked to be BOOLEAN.
    ExpressionPtr bindCondition(const Expr& expr);
    virtual ExpressionPtr bind(const Expr& expr);

    const Scope& scope() const { return scope_; }
    // Where window functions may stand; nowhere, unless they are collected.
    void collectOver(OverCalls* over) { over_ = over; }
    // Likewise sub-queries that stand for a value.
    void collectScalars(ScalarQueries* scalars) { scalars_ = scalars; }
    // Names for expressions that are bound already: SELECT's aliases, where they can be used.
    void useAliases(const std::map<std::string, ExpressionPtr>* aliases) { aliases_ = aliases; }

  protected:
    virtual ExpressionPtr bindColumn(const ColumnRef& column, const TextSpan& span);
    virtual ExpressionPtr bindAggregate(const Call& call, const TextSpan& span);
    ExpressionPtr fields(ExpressionPtr value, const std::vector<Identifier>& path, size_t from);
    ExpressionPtr columnExpression(size_t column) const;
    const std::string& clause() const { return clause_; }

  private:
    friend struct NodeBinder;
    ExpressionPtr bindCall(const Call& call, const TextSpan& span);
    // What CREATE FUNCTION made of the name, where that comes before a built-in function; nullptr if nothing.
    const FunctionDefinition* createdFunction(const Call& call) const;
    void checkScalarCall(const Call& call, const TextSpan& span) const;
    ExpressionPtr bindCase(const CaseExpr& node, const TextSpan& span);
    ExpressionPtr bindInList(const InList& node, const TextSpan& span);
    ExpressionPtr bindBetween(const Call& call, const TextSpan& span);
    ExpressionPtr bindOverlaps(const Call& call, const TextSpan& span);
    ExpressionPtr bindLogical(const Call& call);
    // A function that a special syntax stands for.
    ExpressionPtr special(std::string_view function, const char* what, std::vector<ExpressionPtr> arguments,
                          const TextSpan& span);

    const Scope& scope_;
    std::string clause_;
    OverCalls* over_ = nullptr;
    ScalarQueries* scalars_ = nullptr;
    const std::map<std::string, ExpressionPtr>* aliases_ = nullptr;
};

// Adds `span` to a UserError without a place.
template <class F>
auto located(const TextSpan& span, F f) {
    try {
        return f();
    } catch (const UserError& error) {
        if (error.problem().where.known()) throw;
        Problem problem = error.problem();
        problem.where = span;
        throw UserError(std::move(problem));
    }
}

[[noreturn]] void failAt(const TextSpan& span, std::string code, std::string message, std::string hint = "");
[[noreturn]] void failNotSupported(const TextSpan& span, std::string_view what, std::string hint = "");

// Converts to `type`, also an untyped NULL; no node where nothing changes but nullability.
ExpressionPtr convert(const ExpressionPtr& expression, const LogicalType& type);

// Whether an aggregate function is called anywhere in `expr`, sub-queries aside.
bool containsAggregate(const Expr& expr);
// Whether a sub-query stands for a value anywhere in `expr`, further sub-queries aside.
bool containsScalarQuery(const Expr& expr);

// The value of an expression without columns; UserError at `span` if it has some or cannot be computed.
Value constantValue(const ExpressionPtr& expression, const TextSpan& span, const char* what);

}  // namespace millrace::sql

// Bound expressions: names resolved, types known, functions chosen. Immutable trees, shared.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "functions/function.h"
#include "types/logical_type.h"
#include "types/value.h"

namespace millrace {

class Expression;
using ExpressionPtr = std::shared_ptr<const Expression>;

enum class ExpressionKind : uint8_t {
    Column,   // the input's column `index`
    Literal,  // `value`
    Call,     // `function` over `arguments`
    And,      // three-valued, the right side only where the left one does not decide
    Or,
    Case,  // arguments: when, then, when, then, ..., else (searched CASE); branches only where they are taken
};

class Expression {
  public:
    static ExpressionPtr column(size_t index, LogicalType type, std::string name);
    static ExpressionPtr literal(Value value, LogicalType type);
    static ExpressionPtr logicalAnd(std::vector<ExpressionPtr> arguments);
    static ExpressionPtr logicalOr(std::vector<ExpressionPtr> arguments);
    static ExpressionPtr caseWhen(std::vector<ExpressionPtr> arguments, LogicalType type);
    // Binds `function` over the arguments (findScalarFunction), inserting casts where the chosen overload
    // wants other types. UserError "sql.unknown-function" (with the nearest name) or "sql.bad-argument".
    static ExpressionPtr call(std::string_view function, std::vector<ExpressionPtr> arguments);
    static ExpressionPtr cast(ExpressionPtr argument,
                              const LogicalType& to);  // no-op if the type is the same
    static ExpressionPtr tryCast(ExpressionPtr argument, const LogicalType& to);  // NULL where the cast fails

    ExpressionKind kind() const { return kind_; }
    const LogicalType& type() const { return type_; }
    size_t index() const { return index_; }
    const std::string& name() const { return name_; }  // of a column; of a call, the function's name
    const Value& value() const { return value_; }
    const std::vector<ExpressionPtr>& arguments() const { return arguments_; }
    const BoundScalar& bound() const { return *bound_; }
    bool deterministic() const { return deterministic_; }

    // Canonical text, the same for the same meaning: operators' uids are built from it. Columns appear as
    // $index.
    std::string canonical() const;
    std::string toString() const;                        // for EXPLAIN, columns by name
    void collectColumns(std::vector<bool>& used) const;  // sets used[index]
    // The same tree over other inputs: column i becomes replacements[i] (pushing through a projection,
    // pruning).
    static ExpressionPtr rewriteColumns(const ExpressionPtr& expression,
                                        std::span<const ExpressionPtr> replacements);
    // The same node over other arguments, of the same types.
    static ExpressionPtr withArguments(const ExpressionPtr& expression, std::vector<ExpressionPtr> arguments);
    // Deterministic sub-trees without columns become literals; errors in them are left for run time.
    static ExpressionPtr fold(const ExpressionPtr& expression);
    // Folded, and without the branches of CASE that are never taken and the operands of AND and OR that
    // decide nothing. For plans alone: canonical texts are those of expressions as they were written.
    static ExpressionPtr simplify(const ExpressionPtr& expression);

  private:
    Expression() = default;
    static std::shared_ptr<Expression> combination(ExpressionKind kind, std::vector<ExpressionPtr> arguments,
                                                   LogicalType type);
    static ExpressionPtr logical(ExpressionKind kind, std::vector<ExpressionPtr> arguments);
    static ExpressionPtr caseForm(CaseForm form, std::vector<ExpressionPtr> arguments,
                                  const BoundScalar& bound);
    static ExpressionPtr castTo(ExpressionPtr argument, const LogicalType& to, bool or_null);
    bool foldable() const;

    ExpressionKind kind_ = ExpressionKind::Literal;
    LogicalType type_;
    size_t index_ = 0;
    std::string name_;
    Value value_;
    std::vector<ExpressionPtr> arguments_;
    std::shared_ptr<const BoundScalar> bound_;
    bool deterministic_ = true;
};

}  // namespace millrace

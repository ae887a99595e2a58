// Types and literals as written to types and values.
#pragma once

#include "expr/expression.h"
#include "sql/parse/ast.h"
#include "types/logical_type.h"

namespace millrace::sql {

// UserError "sql.bad-type" for a precision out of range, "sql.not-supported".
LogicalType bindType(const TypeSpec& spec);

// UserError "sql.bad-literal".
ExpressionPtr bindLiteral(const Literal& literal, const TextSpan& span);

}  // namespace millrace::sql

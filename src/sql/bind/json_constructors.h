// What the functions that make JSON are told besides their values.
#pragma once

#include <vector>

#include "expr/expression.h"
#include "sql/parse/ast.h"

namespace millrace::sql {

// JSON_OBJECT, JSON_ARRAY and their aggregates.
bool isJsonConstructor(const Call& call);

// Puts the literal that such a function ends in (functions/json_writer.h) behind its bound arguments, in
// place of the keyword ON NULL if that was written. A value is JSON already if it is written as a call of a
// constructor.
void finishJsonConstructor(const Call& call, std::vector<ExpressionPtr>& arguments);

}  // namespace millrace::sql

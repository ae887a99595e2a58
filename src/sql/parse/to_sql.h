// Syntax trees back to text: what is stored of views and computed columns, and what the parser's tests
// compare.
#pragma once

#include <string>

#include "sql/parse/ast.h"

namespace millrace::sql {

// Parses back to the same tree; operators are in parentheses where they are operands.
std::string toSql(const Expr& expr);
std::string toSql(const Query& query);
std::string toSql(const TypeSpec& type);
std::string quoteName(const std::string& name);  // `a``b`
std::string quoteText(const std::string& text);  // 'it''s'

}  // namespace millrace::sql

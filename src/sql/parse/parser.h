// Text to syntax trees. Errors do not end the parse: it goes on behind the next ';', so that every
// statement's error is found in one pass.
#pragma once

#include <vector>

#include "base/error.h"
#include "sql/parse/ast.h"
#include "sql/parse/source_text.h"

namespace millrace::sql {

// How deep parentheses, sub-queries and types may nest, and how high any tree may grow (a chain of + is as
// high as it is long). Whoever walks a tree recursively relies on these.
inline constexpr int kNestingMax = 256;
inline constexpr int kHeightMax = 500;

struct ParseResult {
    std::vector<Statement> statements;  // those without errors
    std::vector<Problem> problems;      // in order of place
    // Tables and views whose CREATE could not be read: that they are missing later is no problem of its own.
    std::vector<std::string> failed_definitions;
};

ParseResult parseStatements(const SourceText& source);

// A single expression or query, nothing behind it. UserError with the place.
ExprPtr parseExpression(const SourceText& source);
QueryPtr parseQuery(const SourceText& source);

}  // namespace millrace::sql

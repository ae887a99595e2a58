// Windows in GROUP BY: TUMBLE(ts, size), HOP(ts, slide, size) and SESSION(ts, gap), with TUMBLE_START and its
// kin in SELECT, HAVING and ORDER BY. They mean what the window functions of FROM mean, and are bound to the
// same nodes; a session is one of the rows that are equal in all other keys.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sql/bind/expression_binder.h"
#include "sql/bind/logical_plan.h"
#include "sql/parse/ast.h"

namespace millrace::sql {

class GroupWindow {
  public:
    // The window that SELECT groups by, if it does. UserError if there are two, if its time is no time
    // attribute, or if its lengths are not constant intervals.
    static std::optional<GroupWindow> find(const Select& select, const Scope& scope);
    // Whether a GROUP BY item is one.
    static bool is(const Expr& expr);

    // The window function over `input`, the scope's node. For SESSION, `keys` that are no columns are
    // projected below it and then replaced by their columns: they part the sessions.
    LogicalPtr table(const LogicalPtr& input, std::vector<ExpressionPtr>& keys) const;

    // What TUMBLE_START(ts, size) and its kin are of it. UserError if they are of another window.
    enum class Part : uint8_t { Start, End, Rowtime, Proctime };
    Part part(const Call& call, const TextSpan& span, const Scope& scope) const;

  private:
    static std::vector<std::string> argumentTexts(const Call& call, const Scope& scope);

    std::shared_ptr<const WindowSpec> window_;
    size_t time_column_ = 0;
    std::vector<std::string> arguments_;  // canonical
    std::string text_;                    // as written
    TextSpan where_;
};

// TUMBLE, TUMBLE_START, ...
bool isGroupWindowFunction(std::string_view name);
// Positive unless `may_be_negative`, whole milliseconds; in microseconds.
int64_t windowLength(const Expr& expr, std::string_view parameter, bool may_be_negative);
// An attribute of time, or a TIMESTAMP that may do in batch mode: which it is, the plan knows.
bool mayBeWindowed(const Scope& scope, size_t column);
[[noreturn]] void failNoTimeAttribute(const TextSpan& span, const std::string& column);

}  // namespace millrace::sql

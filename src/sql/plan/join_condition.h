// What a join's condition says of its keys.
#pragma once

#include "sql/plan/rel.h"

namespace millrace::sql {

struct JoinCondition {
    std::vector<ExpressionPtr> keys[2];  // equal pair by pair; each over the columns of its side
    std::vector<ExpressionPtr> rest;     // over the left columns and then the right ones
};

// Takes the equalities between the two sides out of `condition` (nullptr is TRUE) over `pairs`, the first
// `left` columns of which are the left ones.
JoinCondition splitJoinCondition(const ExpressionPtr& condition, const Schema& pairs, size_t left);

// An input with computed columns behind its own.
class WidenedInput {
  public:
    explicit WidenedInput(const Schema& input)
        : width_(input.size()), columns_(columnsOf(input)), fields_(input.fields()) {}
    size_t columnOf(const ExpressionPtr& expression);
    size_t added() const { return columns_.size() - width_; }
    std::vector<ExpressionPtr> computed() const {
        return {columns_.begin() + static_cast<std::ptrdiff_t>(width_), columns_.end()};
    }
    const std::vector<ExpressionPtr>& columns() const { return columns_; }
    Schema schema() const { return Schema(fields_); }

  private:
    size_t width_;
    std::vector<ExpressionPtr> columns_;
    std::vector<Field> fields_;
};

// `expression` with the columns from `from` on moved by `by`.
ExpressionPtr shifted(const ExpressionPtr& expression, const Schema& pairs, size_t from, std::ptrdiff_t by);

}  // namespace millrace::sql

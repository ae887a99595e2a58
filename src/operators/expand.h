// Expand: each row once for every grouping set of a GROUP BY, with NULL for the keys that are not in the set
// and the set's number behind them, so that one aggregation by all of them answers all sets (Flink: Expand).
// Columns are shared between the copies.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/operator.h"

namespace millrace {

struct ExpandColumn {
    std::optional<size_t> source;  // the input's column; nothing: the set's number from 0, BIGINT
    std::vector<bool> kept;        // by set: whether the value is there, else NULL; empty: in every set
    bool operator==(const ExpandColumn&) const = default;
};

struct ExpandParameters {
    std::vector<ExpandColumn> columns;
    size_t sets = 1;
    Schema output;
    std::string text;
};

class Expand final : public Operator {
  public:
    explicit Expand(ExpandParameters parameters) : p_(std::move(parameters)) {}
    std::string name() const override { return "Expand(" + p_.text + ")"; }
    const Schema& outputSchema() const override { return p_.output; }
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;

  private:
    ExpandParameters p_;
};

}  // namespace millrace

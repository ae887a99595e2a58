// Window functions: f(...) OVER (PARTITION BY ... ORDER BY ... frame).
#pragma once

#include "sql/bind/logical_plan.h"

namespace millrace::sql {

// Which rows a call looks at, among those of its partition.
struct OverFrame {
    // false: RANGE, by the value of the sort key, with all rows equal to the current one.
    bool rows = false;
    // How far back: rows, or the distance of the sort key (microseconds for times). Absent: to the first row.
    // Negative: it begins that far behind the current row.
    std::optional<int64_t> preceding;
    // How far it goes on behind the current row; negative: it ends that far before it. Absent: to the last
    // row.
    std::optional<int64_t> following = 0;
    bool operator==(const OverFrame&) const = default;
    bool endsAtCurrentRow() const { return following && *following == 0; }
    std::string toString() const;  // "ROWS BETWEEN 10 PRECEDING AND CURRENT ROW"
};

// What only exists with OVER; everything else is an aggregate function. Those from PercentRank on need the
// whole partition.
enum class RankFunction : uint8_t {
    None,
    RowNumber,
    Rank,
    DenseRank,
    PercentRank,
    CumeDist,
    Ntile,
    Lead,
    Lag,         // with IGNORE NULLS; else it is an aggregate of its frame (functions/lag.h)
    FirstValue,  // with RESPECT NULLS; else they are aggregate functions
    LastValue,
};
const char* rankFunctionName(RankFunction function);  // "ROW_NUMBER"

struct OverCall {
    RankFunction rank = RankFunction::None;
    // Its type and text in any case; the rest if `rank` is None, of others the arguments.
    AggregateCall aggregate;
    int64_t offset = 0;  // Lead, Lag: rows on, negative for Lag; Ntile: how many buckets
    bool ignores_nulls = false;

    bool needsPartition() const { return rank >= RankFunction::PercentRank; }
    std::string rankText() const;  // the same for the same call, if `rank` is not None
};

// Every row with the calls' results behind it, each over the rows of its partition in the order of the sort
// keys (rows of equal keys: as they arrive), as far as the frame reaches.
class LogicalOver final : public LogicalNode {
  public:
    LogicalOver(LogicalPtr input, std::vector<size_t> partition, std::vector<SortKey> order, OverFrame frame,
                std::vector<OverCall> calls, TextSpan where);
    const std::vector<size_t>& partition() const { return partition_; }
    const std::vector<SortKey>& order() const { return order_; }
    const OverFrame& frame() const { return frame_; }
    const std::vector<OverCall>& calls() const { return calls_; }
    // A row's results depend on rows behind it: they are known when the input has ended.
    static bool needsPartition(const OverFrame& frame, const std::vector<OverCall>& calls);
    std::string describe() const override;

  private:
    std::vector<size_t> partition_;
    std::vector<SortKey> order_;
    OverFrame frame_;
    std::vector<OverCall> calls_;
};

// "a ASC, b DESC NULLS FIRST" over a schema's names; NULLS only where it is not what is usual.
std::string orderText(const std::vector<SortKey>& keys, const Schema& schema);

}  // namespace millrace::sql

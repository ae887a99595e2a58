// The logical plan: what a query means, before anything is decided about how it runs. Immutable nodes with
// bound expressions, made by the binder and read by plan/. It says nothing about changelogs, parallelism or
// state: a node's result is a table that changes over time.
//
// Column references inside a node's expressions are indexes into the schema of its (only) input.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/configuration.h"
#include "base/error.h"
#include "expr/expression.h"
#include "functions/function.h"
#include "sql/bind/table_definition.h"
#include "types/logical_type.h"

namespace millrace::sql {

enum class WindowKind : uint8_t { Tumble, Hop, Cumulate, Session };
const char* windowKindName(WindowKind kind);  // "TUMBLE"

// A window table-valued function's windows. All lengths in microseconds; they are whole milliseconds.
struct WindowSpec {
    WindowKind kind = WindowKind::Tumble;
    TimeAttribute time = TimeAttribute::Rowtime;  // None: a plain TIMESTAMP, in batch mode
    // The time attribute's type: of TIMESTAMP_LTZ, windows are aligned to local time of the session's zone.
    LogicalType time_type;
    int64_t size = 0;    // TUMBLE: size; HOP: size; CUMULATE: the largest; SESSION: the gap
    int64_t step = 0;    // HOP: slide; CUMULATE: step; else equal to size
    int64_t offset = 0;  // TUMBLE, HOP, CUMULATE
    bool operator==(const WindowSpec&) const = default;
    std::string toString() const;  // "HOP(size=[1 min], slide=[10 s])"
};

// What a column is beyond its type, as far as Flink's planner carries it from node to node.
enum class WindowBound : uint8_t { None, Start, End, Time };
struct ColumnTraits {
    TimeAttribute time = TimeAttribute::None;
    WindowBound bound = WindowBound::None;     // this column is window_start, window_end or window_time ...
    std::shared_ptr<const WindowSpec> window;  // ... of this window function call (compare pointers)
};

class LogicalNode;
using LogicalPtr = std::shared_ptr<const LogicalNode>;

class LogicalNode {
  public:
    virtual ~LogicalNode() = default;
    LogicalNode(const LogicalNode&) = delete;
    LogicalNode& operator=(const LogicalNode&) = delete;

    const Schema& schema() const { return schema_; }
    const std::vector<ColumnTraits>& traits() const { return traits_; }  // one a column
    const std::vector<LogicalPtr>& inputs() const { return inputs_; }
    const LogicalPtr& input() const { return inputs_.front(); }
    const TextSpan& where() const { return where_; }  // in the statement's text, for messages
    // The first column with this time attribute, or -1.
    int timeColumn(TimeAttribute time) const;

    // Canonical text of the sub-plan, the same for the same meaning, whatever the columns' or sub-queries'
    // names: uids of stateful operators come from it (kCanonicalVersion says by which rules).
    const std::string& canonical() const { return canonical_; }
    size_t size() const { return size_; }      // nodes of the plan written out as a tree
    size_t height() const { return height_; }  // of that tree
    // One line for EXPLAIN: "Filter(condition=[(a > 3)])".
    virtual std::string describe() const = 0;

  protected:
    LogicalNode(Schema schema, std::vector<ColumnTraits> traits, std::vector<LogicalPtr> inputs,
                TextSpan where, std::string own_canonical);

  private:
    Schema schema_;
    std::vector<ColumnTraits> traits_;
    std::vector<LogicalPtr> inputs_;
    TextSpan where_;
    std::string canonical_;
    size_t size_ = 1;
    size_t height_ = 1;
};

inline constexpr int kCanonicalVersion = 1;

// A table's stored columns (TableDefinition::storedSchema()), as its connector's source produces them.
// Computed columns are a Project above it, the watermark a Watermark node above that.
class LogicalScan final : public LogicalNode {
  public:
    LogicalScan(TablePtr table, TextSpan where);
    const TablePtr& table() const { return table_; }
    std::string describe() const override;

  private:
    TablePtr table_;
};

// Rows of constant expressions, cast to the schema's types.
class LogicalValues final : public LogicalNode {
  public:
    LogicalValues(Schema schema, std::vector<std::vector<ExpressionPtr>> rows, TextSpan where);
    const std::vector<std::vector<ExpressionPtr>>& rows() const { return rows_; }
    std::string describe() const override;

  private:
    std::vector<std::vector<ExpressionPtr>> rows_;
};

// Makes column `column` a rowtime attribute: watermarks follow `expression`; rows pass unchanged.
class LogicalWatermark final : public LogicalNode {
  public:
    LogicalWatermark(LogicalPtr input, TablePtr table, size_t column, TextSpan where);
    const TablePtr& table() const { return table_; }  // whose options may carry scan.watermark.*
    size_t column() const { return column_; }
    const WatermarkDefinition& definition() const {
        return *table_->watermark;
    }  // its expression is over this schema
    std::string describe() const override;

  private:
    TablePtr table_;
    size_t column_;
};

class LogicalProject final : public LogicalNode {
  public:
    LogicalProject(LogicalPtr input, std::vector<ExpressionPtr> expressions, std::vector<std::string> names,
                   std::vector<ColumnTraits> traits, TextSpan where);
    const std::vector<ExpressionPtr>& expressions() const { return expressions_; }
    std::string describe() const override;

  private:
    std::vector<ExpressionPtr> expressions_;
};

class LogicalFilter final : public LogicalNode {
  public:
    LogicalFilter(LogicalPtr input, ExpressionPtr condition, TextSpan where);
    const ExpressionPtr& condition() const { return condition_; }
    std::string describe() const override;

  private:
    ExpressionPtr condition_;
};

// TABLE(TUMBLE(...)) and its kin: every row, once for each of its windows, with window_start, window_end
// (TIMESTAMP(3) NOT NULL) and window_time (a time attribute of the input's type) appended.
class LogicalWindowTable final : public LogicalNode {
  public:
    LogicalWindowTable(LogicalPtr input, std::shared_ptr<const WindowSpec> window, size_t time_column,
                       std::vector<size_t> partition_keys, TextSpan where);
    const std::shared_ptr<const WindowSpec>& window() const { return window_; }
    size_t timeColumn() const { return time_column_; }
    const std::vector<size_t>& partitionKeys() const { return partition_keys_; }  // SESSION only
    std::string describe() const override;

  private:
    std::shared_ptr<const WindowSpec> window_;
    size_t time_column_;
    std::vector<size_t> partition_keys_;
};

struct AggregateCall {
    const AggregateFunction* function = nullptr;
    std::vector<size_t> arguments;    // input columns; empty for COUNT(*)
    std::vector<ArgumentInfo> infos;  // what function->bind takes
    bool distinct = false;
    std::optional<size_t> filter;  // input column, BOOLEAN: only rows where it is TRUE count
    LogicalType type;
    std::string text;  // "SUM(DISTINCT price)"
};

// GROUP BY: one row for each distinct combination of the key columns (NULLs are one group); without keys, one
// row in all. Output columns: the keys, then the calls. SELECT DISTINCT is an Aggregate without calls.
//
// When the keys contain both window_start and window_end of one window function, `window` is set: a row of
// the result is final once the watermark passes window_end, so that the result is append-only. Between this
// node and its WindowTable there are only Projects, Filters and Aggregates by the same window (whose rows
// keep its bounds).
class LogicalAggregate final : public LogicalNode {
  public:
    // `state_ttl`: how long a group is kept, where a hint says so; no part of its meaning.
    LogicalAggregate(LogicalPtr input, std::vector<size_t> keys, std::vector<AggregateCall> calls,
                     TextSpan where, std::optional<Duration> state_ttl = {});
    const std::vector<size_t>& keys() const { return keys_; }
    const std::vector<AggregateCall>& calls() const { return calls_; }
    const std::shared_ptr<const WindowSpec>& window() const { return window_; }  // nullptr: not by window
    const std::optional<Duration>& stateTtl() const { return state_ttl_; }
    std::string describe() const override;

  private:
    std::vector<size_t> keys_;
    std::vector<AggregateCall> calls_;
    std::shared_ptr<const WindowSpec> window_;
    std::optional<Duration> state_ttl_;
};

// UNION ALL of two or more inputs with equal column types; the names are the first one's.
class LogicalUnion final : public LogicalNode {
  public:
    LogicalUnion(std::vector<LogicalPtr> inputs, TextSpan where);
    std::string describe() const override;
};

struct SortKey {
    size_t column = 0;
    bool descending = false;
    bool nulls_first = true;  // by default NULL is the lowest value, as in Flink
};

// ORDER BY (keys), OFFSET and LIMIT; any of the three may be absent.
class LogicalSort final : public LogicalNode {
  public:
    LogicalSort(LogicalPtr input, std::vector<SortKey> keys, int64_t offset, std::optional<int64_t> limit,
                TextSpan where);
    const std::vector<SortKey>& keys() const { return keys_; }
    int64_t offset() const { return offset_; }
    const std::optional<int64_t>& limit() const { return limit_; }
    std::string describe() const override;

  private:
    std::vector<SortKey> keys_;
    int64_t offset_;
    std::optional<int64_t> limit_;
};

// Where rows go: a table's connector (its writtenSchema(), to which the input was cast), or, with no table,
// the caller of a SELECT.
class LogicalSink final : public LogicalNode {
  public:
    LogicalSink(LogicalPtr input, TablePtr table, bool overwrite,
                std::map<std::string, std::string> partition, TextSpan where);
    const TablePtr& table() const { return table_; }
    bool overwrite() const { return overwrite_; }
    // PARTITION (key = value): the values as text.
    const std::map<std::string, std::string>& partition() const { return partition_; }
    std::string describe() const override;

  private:
    TablePtr table_;
    bool overwrite_;
    std::map<std::string, std::string> partition_;
};

template <class Node>
bool is(const LogicalNode& node) {
    return dynamic_cast<const Node*>(&node) != nullptr;
}
// A checked cast: as<LogicalFilter>(node).
template <class Node>
const Node& as(const LogicalNode& node) {
    const auto* found = dynamic_cast<const Node*>(&node);
    MILLRACE_CHECK(found != nullptr, "{} is not what was asked for", node.describe());
    return *found;
}

// What one job computes: one or more sinks; sub-plans may be shared between them (the same pointer or equal
// canonical()).
struct LogicalPlan {
    std::vector<std::shared_ptr<const LogicalSink>> sinks;
    std::string explain() const;  // the tree, two spaces a level
};

}  // namespace millrace::sql

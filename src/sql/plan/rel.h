// The planner's own form of a query, between the logical plan and the job: relational nodes that rules
// rewrite. Private to plan/. A node may have several parents once equal sub-plans are shared.
//
// A node remembers the logical node whose result it computes (`origin`): the uid of a stateful operator comes
// from its canonical text, so that no rewrite here changes under which name state is kept.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "expr/expression.h"
#include "sql/bind/logical_plan.h"

namespace millrace::sql {

struct Rel;
using RelPtr = std::shared_ptr<Rel>;

struct ScanRel {
    TablePtr table;
    std::vector<size_t> columns;  // of the table's stored columns, ascending: those that are read
};
struct ValuesRel {
    std::vector<std::vector<ExpressionPtr>> rows;
};
struct WatermarkRel {
    TablePtr table;
    size_t column = 0;
    ExpressionPtr expression;
};
struct CalcRel {
    ExpressionPtr condition;  // may be nullptr
    std::vector<ExpressionPtr> projection;
};
struct WindowTableRel {  // the three window columns come last
    std::shared_ptr<const WindowSpec> window;
    size_t time_column = 0;
};
// How an aggregation by window finds a row's window.
enum class WindowUse : uint8_t {
    None,      // it is not by window
    Attached,  // from the window_end column that the input carries
    Fused,     // from the time attribute: the window function below was taken in
};
struct AggregateRel {
    std::vector<size_t> keys;
    std::vector<AggregateCall> calls;
    // Of a windowed one: what each key is beyond a column, and the window.
    std::vector<WindowBound> bounds;
    WindowUse window_use = WindowUse::None;
    std::shared_ptr<const WindowSpec> window;
    size_t time_column = 0;  // Attached: window_end's; Fused: the time attribute's (not in processing time)
    // Fused: keys that are window columns do not exist in the input; their entries in `keys` mean nothing.
    bool isWindowKey(size_t key) const {
        return window_use != WindowUse::None && bounds[key] != WindowBound::None;
    }
};
struct UnionRel {};
struct SortRel {
    std::vector<SortKey> keys;
    int64_t offset = 0;
    std::optional<int64_t> limit;
};
struct SinkRel {
    const LogicalSink* sink = nullptr;
};

struct Rel : std::enable_shared_from_this<Rel> {
    std::variant<ScanRel, ValuesRel, WatermarkRel, CalcRel, WindowTableRel, AggregateRel, UnionRel, SortRel,
                 SinkRel>
        what;
    std::vector<RelPtr> inputs;
    Schema schema;
    LogicalPtr origin;

    template <class T>
    T* get() {
        return std::get_if<T>(&what);
    }
    template <class T>
    const T* get() const {
        return std::get_if<T>(&what);
    }
    const RelPtr& input() const { return inputs.front(); }
};

RelPtr makeRel(decltype(Rel::what) what, std::vector<RelPtr> inputs, Schema schema, LogicalPtr origin);

// The statement's sinks as relational nodes, in their order.
using RelRoots = std::vector<RelPtr>;
RelRoots translate(const LogicalPlan& plan);

// Every node once, inputs before those they feed.
std::vector<Rel*> inOrder(const RelRoots& roots);

// Column references $0, $1, ... of a schema.
std::vector<ExpressionPtr> columnsOf(const Schema& schema);
// The conjuncts of a condition, and back (nullptr for none).
std::vector<ExpressionPtr> conjunctsOf(const ExpressionPtr& condition);
ExpressionPtr conjunctionOf(std::vector<ExpressionPtr> conjuncts);

// The rules, in the order in which they are applied (optimise()). Each is a file of its name in rules/.
void mergeCalcs(RelRoots& roots);        // adjacent projections and filters become one
void pushFilters(RelRoots& roots);       // filters go below UNION ALL and window functions
void fuseWindows(RelRoots& roots);       // window function and aggregation by its windows become one
void removeIdentities(RelRoots& roots);  // projections of all columns as they are
void shareSubplans(RelRoots& roots);     // equal sub-plans become one
void pruneColumns(RelRoots& roots);      // columns that nobody reads are not produced
void optimise(RelRoots& roots);

}  // namespace millrace::sql

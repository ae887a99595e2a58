// Function descriptors: what the SQL catalogue, SHOW FUNCTIONS, the planner and the reference documentation
// know of a function. One .cc file per family defines `std::vector<ScalarFunction> describe<Folder><File>()`
// and nothing else in the tree names it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/named_integer.h"
#include "batch/column.h"
#include "batch/row_layout.h"

namespace millrace {

// What a kernel may know besides its arguments. Constant within a batch.
struct FunctionContext {
    ProcessingTime now{};                    // CURRENT_TIMESTAMP, PROCTIME(), ...
    EventTime watermark = EventTime::min();  // CURRENT_WATERMARK
    int64_t query_start_micros = 0;
    std::string time_zone = "UTC";  // table.local-time-zone
};

// An argument as the binder knows it: its type and, when it is a literal, its value.
struct ArgumentInfo {
    LogicalType type;
    std::optional<Value> literal;
};

struct FunctionExample {
    std::string sql;     // "UPPER('ab')"
    std::string result;  // "AB", as CAST to STRING shows it; a test evaluates every example
};

// Arguments all have `rows` rows. The result has `rows` rows of the bound result type. A kernel never throws
// for a row's value unless Flink fails the job there too (division by zero, CAST of malformed text): then
// UserError "data.*".
using ScalarKernel =
    std::function<ColumnPtr(const FunctionContext&, std::span<const ColumnPtr> arguments, size_t rows)>;

struct BoundScalar {
    LogicalType result;
    std::vector<LogicalType> arguments;  // the binder inserts casts to these
    ScalarKernel kernel;
    bool total = false;  // never throws and costs little: evaluated for rows that may not need it
    bool context_free =
        true;  // the result does not depend on the FunctionContext: may be computed while planning
};

// Functions that abbreviate a CASE, so that an argument is evaluated only where it is taken. They have no
// kernel.
enum class CaseForm : uint8_t { None, If, Coalesce, NullIf };

struct ScalarFunction {
    std::string name;  // upper case; operators by their symbol: "+", "=", "AND", "IS NULL", "CAST"...
    std::vector<std::string> aliases;
    std::vector<std::string> class_names;  // Java classes that CREATE FUNCTION ... AS may name for it
    std::string signature;                 // "SUBSTRING(string, start [, length])"
    std::string documentation;
    std::vector<FunctionExample> examples;
    bool deterministic = true;  // false: never folded (RAND, UUID, CURRENT_TIMESTAMP...)
    CaseForm case_form = CaseForm::None;
    // Chooses the overload for these arguments; throws UserError "sql.bad-argument" that says what is
    // accepted.
    std::function<BoundScalar(std::span<const ArgumentInfo>)> bind;
};

// Rows to be aggregated, each into its accumulator. rows.size() rows; row i of the arguments goes to
// accumulators[i], a pointer to the row whose layout holds, from field `first_field` on, the accumulator's
// fields.
struct AggregateInput {
    std::span<const ColumnPtr> arguments;
    std::span<std::byte* const> accumulators;
    std::span<const uint32_t> selection;  // argument row of accumulators[i]; empty: row i
    const int8_t* signs = nullptr;        // +1 accumulate, -1 retract, per accumulators[i]; nullptr: all +1
    const RowLayout* layout = nullptr;
    uint32_t first_field = 0;
    RowHeap* heap = nullptr;
};

// An aggregate over given types. Immutable and stateless: all state is in the accumulator's fields, which
// start NULL.
class BoundAggregate {
  public:
    virtual ~BoundAggregate() = default;
    virtual const LogicalType& resultType() const = 0;
    virtual const std::vector<LogicalType>& argumentTypes() const = 0;
    virtual const std::vector<LogicalType>& accumulatorTypes() const = 0;
    virtual void accumulate(
        const AggregateInput& input) const = 0;  // retracts too when bound with may_retract
    // Adds the accumulator in `from` to that in `into` (same layout): panes, sessions, two-phase aggregation.
    virtual void merge(const RowLayout& layout, uint32_t first_field, std::byte* into, const std::byte* from,
                       RowHeap& heap) const = 0;
    // Merging takes back, too: an accumulator that retracted rows which another one accumulated can be merged
    // with that.
    virtual bool mergesRetractions() const { return false; }
    virtual void result(const RowLayout& layout, uint32_t first_field, std::span<std::byte* const> rows,
                        ColumnBuilder& out) const = 0;
};

struct AggregateFunction {
    std::string name;
    std::vector<std::string> aliases;
    std::string signature;
    std::string documentation;
    std::vector<FunctionExample> examples;  // sql over VALUES
    // `may_retract`: the input has retractions, so MIN, MAX and the like must keep what they need.
    // `distinct`: each value counts once. COUNT(*) binds with no argument. Throws UserError
    // "sql.bad-argument".
    std::function<std::shared_ptr<const BoundAggregate>(std::span<const ArgumentInfo>, bool distinct,
                                                        bool may_retract)>
        bind;
};

// Every function of the tree, collected by the build.
const std::vector<std::vector<ScalarFunction>>& scalarFunctionFamilies();
const std::vector<std::vector<AggregateFunction>>& aggregateFunctionFamilies();
// By name or alias, in any case; nullptr when there is none.
const ScalarFunction* findScalarFunction(std::string_view name);
const AggregateFunction* findAggregateFunction(std::string_view name);
// That stands for this Java class, whose name is case-sensitive; nullptr when there is none.
const ScalarFunction* findFunctionOfClass(std::string_view class_name);
std::vector<std::string> functionNames();  // sorted, for suggestions and SHOW FUNCTIONS

}  // namespace millrace

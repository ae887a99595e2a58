// The window functions of one SELECT, collected while its expressions are bound.
//
// What a call's result is made of is bound over the rows that SELECT stands on: FROM's, or, above GROUP BY,
// the groups'. How many columns those have is only known when everything has been bound; until then the
// result of call i is the column kFirst + i, which resolved() replaces.
#pragma once

#include <map>

#include "sql/bind/aggregate_call.h"
#include "sql/bind/logical_over.h"

namespace millrace::sql {

class OverCalls {
  public:
    // `windows` is SELECT's WINDOW clause.
    explicit OverCalls(const std::vector<NamedWindow>& windows) : windows_(windows) {}

    ExpressionPtr bind(const Call& call, const TextSpan& span, ExpressionBinder& binder);
    bool empty() const { return calls_.empty(); }

    // `input` with the results of all calls behind its columns: a LogicalOver for each distinct window.
    LogicalPtr build(LogicalPtr input, const TextSpan& where);
    // After build(): an expression over its rows.
    ExpressionPtr resolved(const ExpressionPtr& expression) const;

    static constexpr size_t kFirst = size_t{1} << 16;

  private:
    struct Order {
        ExpressionPtr expression;
        bool descending = false;
        bool nulls_first = true;
    };
    struct Window {
        std::vector<ExpressionPtr> partition;
        std::vector<Order> order;
        OverFrame frame;
        TextSpan where;
        std::string text;           // the same for the same window
        std::vector<size_t> calls;  // indices into calls_
    };
    struct PendingCall {
        RankFunction rank = RankFunction::None;
        int64_t offset = 0;
        bool ignores_nulls = false;
        BoundCall bound;
        std::string text;  // the same for the same call
    };

    PendingCall bindPartitionCall(RankFunction function, const Call& call, const TextSpan& span,
                                  ExpressionBinder& binder) const;
    size_t windowOf(const OverSpec& spec, const TextSpan& span, RankFunction rank, std::optional<int64_t> lag,
                    ExpressionBinder& binder);
    void bindSpec(const OverSpec& spec, ExpressionBinder& binder, Window& window, bool& framed,
                  std::vector<std::string>& names);
    const NamedWindow& named(const Identifier& name) const;
    OverFrame bindFrame(const OverSpec& spec, const Window& window) const;
    LogicalPtr buildWindow(const LogicalPtr& input, const Window& window) const;

    const std::vector<NamedWindow>& windows_;
    std::vector<Window> groups_;
    std::vector<PendingCall> calls_;
    bool inside_ = false;  // binding what stands inside a call
    std::vector<ExpressionPtr> replacements_;
};

// ROW_NUMBER and its kin, by upper-case name; None for everything else.
RankFunction rankFunctionOf(std::string_view name);
// Those, and LAG, LEAD, NTILE, CUME_DIST and PERCENT_RANK.
bool standsOnlyWithOver(std::string_view name);

}  // namespace millrace::sql

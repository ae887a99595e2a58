#include "sql/bind/logical_over.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace millrace::sql {

std::string OverFrame::toString() const {
    std::string from = "UNBOUNDED PRECEDING", to = "UNBOUNDED FOLLOWING";
    if (preceding && *preceding == 0 && !endsAtCurrentRow()) {
        from = "CURRENT ROW";
    } else if (preceding) {
        from = *preceding < 0 ? fmt::format("{} FOLLOWING", -*preceding)
                              : fmt::format("{} PRECEDING", *preceding);
    }
    if (following) {
        to = *following == 0  ? "CURRENT ROW"
             : *following < 0 ? fmt::format("{} PRECEDING", -*following)
                              : fmt::format("{} FOLLOWING", *following);
    }
    return fmt::format("{} BETWEEN {} AND {}", rows ? "ROWS" : "RANGE", from, to);
}

std::string OverCall::rankText() const {
    if (!needsPartition()) return rankFunctionName(rank);
    return fmt::format("{}([{}], {}{})->{}", rankFunctionName(rank), fmt::join(aggregate.arguments, ","),
                       offset, ignores_nulls ? " ignore nulls" : "", aggregate.type.toString());
}

bool LogicalOver::needsPartition(const OverFrame& frame, const std::vector<OverCall>& calls) {
    return !frame.endsAtCurrentRow() || (frame.preceding && *frame.preceding < 0) ||
           std::any_of(calls.begin(), calls.end(),
                       [](const OverCall& call) { return call.needsPartition(); });
}

const char* rankFunctionName(RankFunction function) {
    switch (function) {
        case RankFunction::None:
            break;
        case RankFunction::RowNumber:
            return "ROW_NUMBER";
        case RankFunction::Rank:
            return "RANK";
        case RankFunction::DenseRank:
            return "DENSE_RANK";
        case RankFunction::PercentRank:
            return "PERCENT_RANK";
        case RankFunction::CumeDist:
            return "CUME_DIST";
        case RankFunction::Ntile:
            return "NTILE";
        case RankFunction::Lead:
            return "LEAD";
        case RankFunction::Lag:
            return "LAG";
        case RankFunction::FirstValue:
            return "FIRST_VALUE";
        case RankFunction::LastValue:
            return "LAST_VALUE";
    }
    return "";
}

std::string orderText(const std::vector<SortKey>& keys, const Schema& schema) {
    std::vector<std::string> parts;
    for (const SortKey& key : keys) {
        std::string part = schema[key.column].name + (key.descending ? " DESC" : " ASC");
        if (key.nulls_first == key.descending) part += key.nulls_first ? " NULLS FIRST" : " NULLS LAST";
        parts.push_back(std::move(part));
    }
    return fmt::format("{}", fmt::join(parts, ", "));
}

namespace {

Schema overSchema(const LogicalPtr& input, const std::vector<OverCall>& calls) {
    std::vector<Field> fields = input->schema().fields();
    for (const OverCall& call : calls)
        fields.push_back({call.aggregate.text, call.aggregate.type});
    return Schema(std::move(fields));
}

std::vector<ColumnTraits> overTraits(const LogicalPtr& input, size_t calls) {
    std::vector<ColumnTraits> traits = input->traits();
    traits.resize(traits.size() + calls);
    return traits;
}

std::string overCanonical(const std::vector<size_t>& partition, const std::vector<SortKey>& order,
                          const OverFrame& frame, const std::vector<OverCall>& calls) {
    std::string text = fmt::format("over by [{}] order", fmt::join(partition, ","));
    for (const SortKey& key : order) {
        text += fmt::format(" ${} {} {}", key.column, key.descending ? "desc" : "asc",
                            key.nulls_first ? "nulls first" : "nulls last");
    }
    text += fmt::format(" {}:", frame.toString());
    for (const OverCall& call : calls) {
        if (call.rank != RankFunction::None) {
            text += " " + call.rankText();
            continue;
        }
        const AggregateCall& aggregate = call.aggregate;
        text += fmt::format(" {}({}[{}]{})->{}", aggregate.function->name,
                            aggregate.distinct ? "distinct " : "", fmt::join(aggregate.arguments, ","),
                            aggregate.filter ? fmt::format(" filter {}", *aggregate.filter) : "",
                            aggregate.type.toString());
    }
    return text;
}

}  // namespace

LogicalOver::LogicalOver(LogicalPtr input, std::vector<size_t> partition, std::vector<SortKey> order,
                         OverFrame frame, std::vector<OverCall> calls, TextSpan where)
    : LogicalNode(overSchema(input, calls), overTraits(input, calls.size()), {input}, where,
                  overCanonical(partition, order, frame, calls)),
      partition_(std::move(partition)),
      order_(std::move(order)),
      frame_(frame),
      calls_(std::move(calls)) {}

std::string LogicalOver::describe() const {
    std::vector<std::string> keys, calls;
    for (const size_t key : partition_)
        keys.push_back(input()->schema()[key].name);
    for (const OverCall& call : calls_)
        calls.push_back(call.aggregate.text);
    return fmt::format("Over(partitionBy=[{}], orderBy=[{}], window=[{}], select=[{}])",
                       fmt::join(keys, ", "), orderText(order_, input()->schema()), frame_.toString(),
                       fmt::join(calls, ", "));
}

}  // namespace millrace::sql

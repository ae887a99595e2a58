// Equal sub-plans become one node with several parents: a table is read once a job, and what two statements
// compute alike is computed once. Equal means: the same operations on the same inputs, whatever the names.
#include <fmt/ranges.h>

#include <map>

#include "sql/plan/rel.h"

namespace millrace::sql {

namespace {

std::string text(const std::vector<size_t>& numbers) { return fmt::format("[{}]", fmt::join(numbers, ",")); }
std::string text(const std::vector<ExpressionPtr>& expressions) {
    std::string result = "[";
    for (const ExpressionPtr& expression : expressions)
        result += expression->canonical() + ";";
    return result + "]";
}

// What a node does, apart from its inputs; nothing if it must not be shared.
struct Describe {
    std::optional<std::string> operator()(const ScanRel& scan) const {
        // By object: a table may have been dropped and made anew between two statements.
        return fmt::format("scan {} {}", fmt::ptr(scan.table.get()), text(scan.columns));
    }
    std::optional<std::string> operator()(const ValuesRel& values) const {
        std::string result = "values";
        for (const auto& row : values.rows) {
            for (const ExpressionPtr& value : row) {
                if (!value->deterministic()) return std::nullopt;
            }
            result += text(row);
        }
        return result;
    }
    std::optional<std::string> operator()(const WatermarkRel& watermark) const {
        return fmt::format("watermark {} {} {}", fmt::ptr(watermark.table.get()), watermark.column,
                           watermark.expression->canonical());
    }
    std::optional<std::string> operator()(const CalcRel& calc) const {
        for (const ExpressionPtr& expression : calc.projection) {
            if (!expression->deterministic()) return std::nullopt;
        }
        if (calc.condition && !calc.condition->deterministic()) return std::nullopt;
        return "calc " + (calc.condition ? calc.condition->canonical() : "") + text(calc.projection);
    }
    std::optional<std::string> operator()(const WindowTableRel& table) const {
        return fmt::format("window {} {}", table.window->toString(), table.time_column);
    }
    std::optional<std::string> operator()(const AggregateRel& aggregate) const {
        std::string result = "aggregate " + text(aggregate.keys);
        for (const WindowBound bound : aggregate.bounds)
            result += fmt::format(" {}", static_cast<int>(bound));
        if (aggregate.window) {
            result += fmt::format(" {} {} {}", aggregate.window->toString(),
                                  static_cast<int>(aggregate.window_use), aggregate.time_column);
        }
        for (const AggregateCall& call : aggregate.calls) {
            result += fmt::format(" {}{}{}", call.function->name, call.distinct ? " distinct" : "",
                                  text(call.arguments));
            for (const ArgumentInfo& info : call.infos) {
                if (info.literal) result += " '" + info.literal->toString(info.type) + "'";
            }
            if (call.filter) result += fmt::format(" filter {}", *call.filter);
        }
        return result;
    }
    std::optional<std::string> operator()(const UnionRel&) const { return "union"; }
    std::optional<std::string> operator()(const SortRel& sort) const {
        std::string result = fmt::format("sort {} {}", sort.offset, sort.limit.value_or(-1));
        for (const SortKey& key : sort.keys) {
            result += fmt::format(" {} {} {}", key.column, key.descending, key.nulls_first);
        }
        return result;
    }
    std::optional<std::string> operator()(const SinkRel&) const { return std::nullopt; }
};

}  // namespace

void shareSubplans(RelRoots& roots) {
    std::map<std::string, RelPtr> known;
    std::map<const Rel*, RelPtr> replacement;
    std::map<const Rel*, std::string> identity;  // a number for each distinct node that is left
    for (Rel* rel : inOrder(roots)) {
        std::string key;
        for (RelPtr& input : rel->inputs) {
            if (const auto found = replacement.find(input.get()); found != replacement.end())
                input = found->second;
            key += identity.at(input.get()) + " ";
        }
        identity[rel] = std::to_string(identity.size());
        const std::optional<std::string> own = std::visit(Describe{}, rel->what);
        if (!own) continue;
        key += *own;
        // Types are part of it: a literal's canonical text need not tell BIGINT from INT.
        for (const Field& field : rel->schema)
            key += "|" + field.type.toString();
        const auto found = known.find(key);
        if (found == known.end()) {
            known.emplace(key, rel->shared_from_this());
        } else {
            replacement[rel] = found->second;
        }
    }
}

}  // namespace millrace::sql

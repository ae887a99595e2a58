// A Top-1 over an inner join, ordered by columns of one input: pairs that come behind one that has gone out
// are never first, and with them rows of that input that can make no others (operators/best_pairs.h). A MAX
// or MIN alone is the same: of each group only the first pair by that column matters. Whether the inputs only
// insert, and nothing expires, is for the join to see.
#include <algorithm>
#include <map>

#include "sql/plan/nodes/aggregate.h"
#include "sql/plan/nodes/calc.h"
#include "sql/plan/nodes/join.h"
#include "sql/plan/nodes/recognised/rank.h"

namespace millrace::sql {

namespace {

using ReaderCounts = std::map<const Rel*, size_t>;

// Of a node's input: that of each partition only the first row matters.
struct FirstRows {
    std::vector<size_t> partition;
    std::vector<SortKey> order;
};

std::optional<FirstRows> firstRowsOf(const Rel& rel) {
    if (const auto* rank = rel.get<RankRel>()) {
        if (!rank->isFirst()) return std::nullopt;
        return FirstRows{rank->partition(), rank->order()};
    }
    const auto* aggregate = rel.get<AggregateRel>();
    if (!aggregate || aggregate->window || aggregate->calls.size() != 1) return std::nullopt;
    // A group that is forgotten begins anew with whatever comes.
    if (aggregate->state_ttl && aggregate->state_ttl->ms > 0) return std::nullopt;
    const AggregateCall& call = aggregate->calls.front();
    const bool max = call.function->name == "MAX", min = call.function->name == "MIN";
    if ((!max && !min) || call.filter) return std::nullopt;
    return FirstRows{aggregate->keys, {SortKey{call.arguments.front(), max, false}}};
}

// The join whose pairs, all of them, `reader` reads and nobody else; `columns` become those of the pair.
Rel* joinBelow(const Rel& reader, const ReaderCounts& readers, std::vector<size_t>& columns) {
    Rel* below = reader.input().get();
    while (readers.at(below) == 1) {
        if (const auto* join = below->get<JoinRel>()) {
            for (size_t& column : columns)
                column = join->columns[column];
            return below;
        }
        const auto* calc = below->get<CalcRel>();
        if (!calc || calc->condition) return nullptr;
        for (size_t& column : columns) {
            const Expression& expression = *calc->projection[column];
            if (expression.kind() != ExpressionKind::Column) return nullptr;
            column = expression.index();
        }
        below = below->input().get();
    }
    return nullptr;
}

std::optional<JoinRel::BestPairsWanted> bestPairsOf(const JoinRel& join, const std::vector<size_t>& partition,
                                                    std::vector<SortKey> order, size_t left_width) {
    const auto side_of = [&](size_t column) { return column < left_width ? 0U : 1U; };
    const auto is_key = [&](size_t column) {
        const size_t side = side_of(column);
        const std::vector<size_t>& keys = join.keys[side];
        return std::find(keys.begin(), keys.end(), column - side * left_width) != keys.end();
    };
    // What is the same of all rows of a key orders nothing.
    std::erase_if(order, [&](const SortKey& key) { return is_key(key.column); });
    if (order.empty()) return std::nullopt;
    JoinRel::BestPairsWanted wanted;
    wanted.side = side_of(order.front().column);
    for (SortKey& key : order) {
        if (side_of(key.column) != wanted.side) return std::nullopt;
        key.column -= wanted.side * left_width;
    }
    wanted.order = std::move(order);
    for (const size_t column : partition) {
        if (is_key(column)) continue;
        if (side_of(column) == wanted.side) return std::nullopt;
        wanted.within_keys = true;
    }
    return wanted;
}

}  // namespace

void keepBestPairs(RelRoots& roots) {
    ReaderCounts readers;
    const std::vector<Rel*> all = inOrder(roots);
    for (const Rel* rel : all) {
        for (const RelPtr& input : rel->inputs)
            ++readers[input.get()];
    }
    for (const Rel* rel : all) {
        std::optional<FirstRows> first = firstRowsOf(*rel);
        if (!first) continue;
        std::vector<size_t> columns = first->partition;
        for (const SortKey& key : first->order)
            columns.push_back(key.column);
        Rel* const below = joinBelow(*rel, readers, columns);
        if (below == nullptr) continue;
        auto& join = *below->get<JoinRel>();
        if (join.type != JoinType::Inner || join.window || join.bounds) continue;
        const size_t parts = first->partition.size();
        for (size_t i = 0; i < first->order.size(); ++i)
            first->order[i].column = columns[parts + i];
        columns.resize(parts);
        join.best_pairs =
            bestPairsOf(join, columns, std::move(first->order), below->inputs[0]->schema.size());
    }
}

}  // namespace millrace::sql

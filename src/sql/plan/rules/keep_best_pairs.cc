// A Top-1 over an inner join, ordered by columns of one input: pairs that come behind one that has gone out
// are never first, and with them rows of that input that can make no others (operators/best_pairs.h). Whether
// the inputs only insert, and nothing expires, is for the join to see.
#include <algorithm>
#include <map>

#include "sql/plan/nodes/calc.h"
#include "sql/plan/nodes/join.h"
#include "sql/plan/nodes/recognised/rank.h"

namespace millrace::sql {

namespace {

using ReaderCounts = std::map<const Rel*, size_t>;

// The join whose pairs `rank` ranks, all of them, and which nobody else reads; `columns` become those of the
// pair.
Rel* rankedJoin(const Rel& rank, const ReaderCounts& readers, std::vector<size_t>& columns) {
    Rel* below = rank.input().get();
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
        const auto* rank = rel->get<RankRel>();
        if (!rank || !rank->isFirst()) continue;
        std::vector<size_t> columns = rank->partition();
        for (const SortKey& key : rank->order())
            columns.push_back(key.column);
        Rel* const below = rankedJoin(*rel, readers, columns);
        if (below == nullptr) continue;
        auto& join = *below->get<JoinRel>();
        if (join.type != JoinType::Inner || join.window || join.bounds) continue;
        std::vector<SortKey> order = rank->order();
        const size_t parts = rank->partition().size();
        for (size_t i = 0; i < order.size(); ++i)
            order[i].column = columns[parts + i];
        columns.resize(parts);
        join.best_pairs = bestPairsOf(join, columns, std::move(order), below->inputs[0]->schema.size());
    }
}

}  // namespace millrace::sql

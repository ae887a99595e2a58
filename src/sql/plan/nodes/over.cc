#include "sql/plan/nodes/over.h"

#include "sql/plan/physical_builder.h"

namespace millrace::sql {

std::string digestOf(const std::vector<SortKey>& order) {
    std::string text = "(";
    for (const SortKey& key : order)
        text += fmt::format("{} {} {};", key.column, key.descending, key.nulls_first);
    return text + ")";
}

OverRel::OverRel(const LogicalOver& node)
    : partition(node.partition()), order(node.order()), frame(node.frame()), calls(node.calls()) {
    if (order.size() == 1) order_time = node.input()->traits()[order.front().column].time;
}

std::optional<std::string> OverRel::digest() const {
    std::string text = "over " + digestOf(partition) + digestOf(order) + frame.toString();
    for (const OverCall& call : calls) {
        const AggregateCall& aggregate = call.aggregate;
        if (call.rank != RankFunction::None) {
            text += fmt::format(" {}", rankFunctionName(call.rank));
            continue;
        }
        text += fmt::format(" {}{}{}", aggregate.function->name, aggregate.distinct ? " distinct " : "",
                            digestOf(aggregate.arguments));
        for (const ArgumentInfo& info : aggregate.infos) {
            if (info.literal) text += " '" + info.literal->toString(info.type) + "'";
        }
        if (aggregate.filter) text += fmt::format(" filter {}", *aggregate.filter);
    }
    return text;
}

void OverRel::demand(const Rel&, const UsedColumns& used, std::span<UsedColumns* const> inputs) const {
    UsedColumns& below = *inputs[0];
    demandPassed(used, below);
    for (const size_t key : partition)
        below[key] = true;
    for (const SortKey& key : order)
        below[key.column] = true;
    for (const OverCall& call : calls) {
        for (const size_t argument : call.aggregate.arguments)
            below[argument] = true;
        if (call.aggregate.filter) below[*call.aggregate.filter] = true;
    }
}

MovedColumns OverRel::prune(Rel& rel, const UsedColumns&, std::span<const MovedColumns* const> inputs) {
    const MovedColumns& below = *inputs[0];
    for (size_t& key : partition)
        key = *below[key];
    for (SortKey& key : order)
        key.column = *below[key.column];
    for (OverCall& call : calls) {
        for (size_t& argument : call.aggregate.arguments)
            argument = *below[argument];
        if (call.aggregate.filter) call.aggregate.filter = *below[*call.aggregate.filter];
    }
    return prunePassed(rel, below);
}

size_t OverRel::place(PhysicalBuilder&, const Rel& rel, const std::vector<size_t>&) const {
    throw UserError({"sql.not-supported", "window functions can only be used for Top-N so far",
                     "filter by the row number: WHERE rn <= 10", rel.origin->where()});
}

RelTranslation describePlanNodesOver() {
    return translationOf<LogicalOver>(
        [](const LogicalOver& over) { return std::make_shared<OverRel>(over); });
}

}  // namespace millrace::sql

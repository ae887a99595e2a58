#include "sql/plan/nodes/over.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "base/text.h"
#include "operators/batch_over.h"
#include "operators/over_aggregate.h"
#include "operators/updating_over.h"
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
    const std::vector<ColumnTraits>& traits = node.input()->traits();
    if (order.size() == 1) order_time = traits[order.front().column].time;
    for (size_t i = 0; i < partition.size(); ++i) {
        const ColumnTraits& end = traits[partition[i]];
        if (end.bound != WindowBound::End) continue;
        const bool has_start = std::any_of(partition.begin(), partition.end(), [&](size_t key) {
            return traits[key].bound == WindowBound::Start && traits[key].window == end.window;
        });
        if (!has_start) continue;
        window = end.window;
        window_end_key = i;
    }
}

std::optional<std::string> OverRel::digest() const {
    std::string text = "over " + digestOf(partition) + digestOf(order) + frame.toString();
    for (const OverCall& call : calls) {
        const AggregateCall& aggregate = call.aggregate;
        if (call.rank != RankFunction::None) {
            text += " " + call.rankText();
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

bool OverRel::needsPartition() const { return LogicalOver::needsPartition(frame, calls); }

bool OverRel::appends(bool input_inserts) const {
    const bool in_time =
        input_inserts && !needsPartition() && order_time != TimeAttribute::None && !order[0].descending;
    return in_time && std::all_of(calls.begin(), calls.end(), [](const OverCall& call) {
               return call.rank == RankFunction::None || call.rank == RankFunction::RowNumber;
           });
}

Changelog OverRel::changelog(std::span<const Changelog> inputs) const {
    const bool inserts = inputs[0].insertOnly();
    Changelog own;
    if (needsPartition()) return own;
    own.updates = !appends(inserts);
    own.deletes = !inserts;
    return own;
}

std::string OverRel::text(const Rel& rel) const {
    const size_t width = rel.schema.size() - calls.size();
    std::vector<std::string> keys, select;
    for (const size_t key : partition)
        keys.push_back(rel.schema[key].name);
    for (size_t i = 0; i < calls.size(); ++i) {
        const std::string& call = calls[i].aggregate.text;
        const std::string& name = rel.schema[width + i].name;
        select.push_back(call == name ? call : call + " AS " + name);
    }
    std::string all;
    if (!keys.empty()) all += fmt::format("partitionBy=[{}], ", fmt::join(keys, ", "));
    if (!order.empty()) all += fmt::format("orderBy=[{}], ", orderText(order, rel.schema));
    return all + fmt::format("window=[{}], select=[{}]", frame.toString(), fmt::join(select, ", "));
}

namespace {

// ROW_NUMBER() is how many rows there are up to the current one.
OverTerm termOf(const OverCall& call, bool retracts) {
    OverTerm term;
    const AggregateCall& aggregate = call.aggregate;
    term.aggregate.text = aggregate.text;
    switch (call.rank) {
        case RankFunction::Rank:
            term.kind = OverTerm::Kind::Rank;
            break;
        case RankFunction::DenseRank:
            term.kind = OverTerm::Kind::DenseRank;
            break;
        case RankFunction::RowNumber:
            term.aggregate.function = findAggregateFunction("COUNT")->bind({}, false, retracts);
            term.aggregate.name = "row_number";
            break;
        case RankFunction::None:
            term.aggregate.function = aggregate.function->bind(aggregate.infos, aggregate.distinct, retracts);
            term.aggregate.arguments = aggregate.arguments;
            term.aggregate.filter = aggregate.filter;
            term.aggregate.name = lowerCase(aggregate.function->name);
            break;
        default:
            throw InternalError(fmt::format("{} without the whole partition", rankFunctionName(call.rank)));
    }
    return term;
}

BatchOverTerm batchTermOf(const OverCall& call, bool retracts) {
    using Kind = BatchOverTerm::Kind;
    BatchOverTerm term;
    term.arguments = call.aggregate.arguments;
    term.offset = call.offset;
    term.ignores_nulls = call.ignores_nulls;
    switch (call.rank) {
        case RankFunction::None:
            term.aggregate = termOf(call, retracts).aggregate;
            break;
        case RankFunction::RowNumber:
            term.kind = Kind::RowNumber;
            break;
        case RankFunction::Rank:
            term.kind = Kind::Rank;
            break;
        case RankFunction::DenseRank:
            term.kind = Kind::DenseRank;
            break;
        case RankFunction::PercentRank:
            term.kind = Kind::PercentRank;
            break;
        case RankFunction::CumeDist:
            term.kind = Kind::CumeDist;
            break;
        case RankFunction::Ntile:
            term.kind = Kind::Ntile;
            break;
        case RankFunction::Lead:
        case RankFunction::Lag:
            term.kind = Kind::Shift;
            break;
        case RankFunction::FirstValue:
            term.kind = Kind::FirstOfFrame;
            break;
        case RankFunction::LastValue:
            term.kind = Kind::LastOfFrame;
            break;
    }
    return term;
}

}  // namespace

size_t OverRel::placeInBatch(PhysicalBuilder& builder, const Rel& rel,
                             const std::vector<size_t>& inputs) const {
    if (!runsInBatch(builder.options().configuration)) {
        const auto late = std::find_if(calls.begin(), calls.end(),
                                       [](const OverCall& call) { return call.needsPartition(); });
        throw UserError(
            {"sql.not-supported",
             fmt::format("{} depends on rows that are yet to come, which only batch mode waits for",
                         late != calls.end() ? late->aggregate.text : "OVER (" + frame.toString() + ")"),
             "SET 'execution.runtime-mode' = 'batch'; LAG and frames that end at CURRENT ROW look at the "
             "rows "
             "before",
             rel.origin->where()});
    }
    BatchOverParameters over;
    over.input = rel.input()->schema;
    over.partition = partition;
    for (const SortKey& key : order)
        over.order.push_back({key.column, key.descending, key.nulls_first});
    over.rows = frame.rows;
    if (frame.preceding) over.from = -*frame.preceding;
    over.to = frame.following;
    for (const OverCall& call : calls)
        over.terms.push_back(batchTermOf(call, frame.preceding.has_value()));
    over.input_retracts = !builder.changelog(*rel.input()).insertOnly();
    over.output = rel.schema;
    over.text = text(rel);
    return builder.addOperator(rel, builder.uidOf("batch-over", rel),
                               std::make_shared<BatchOver>(std::move(over)),
                               {PhysicalInput::byKey(inputs[0], partition)});
}

size_t OverRel::place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const {
    if (needsPartition()) return placeInBatch(builder, rel, inputs);
    const bool inserts = builder.changelog(*rel.input()).insertOnly();
    const bool in_time = appends(inserts);
    OverParameters over;
    over.input = rel.input()->schema;
    over.partition = partition;
    for (const SortKey& key : order)
        over.order.push_back({key.column, key.descending, key.nulls_first});
    // In processing time every row has a time of its own.
    over.rows = frame.rows || (in_time && order_time == TimeAttribute::Proctime && !frame.preceding);
    over.preceding = frame.preceding;
    for (const OverCall& call : calls)
        over.terms.push_back(termOf(call, frame.preceding.has_value()));
    over.ttl = builder.stateTtl();
    over.output = rel.schema;
    over.text = text(rel);
    std::shared_ptr<const Operator> op;
    if (in_time) {
        op = std::make_shared<OverAggregate>(
            OverAggregateParameters{std::move(over), order_time == TimeAttribute::Proctime});
    } else {
        UpdatingOverParameters parameters{std::move(over), !inserts, builder.changelog(rel).update_before};
        op = std::make_shared<UpdatingOver>(std::move(parameters));
    }
    return builder.addOperator(rel, builder.uidOf(in_time ? "over-aggregate" : "updating-over", rel),
                               std::move(op), {PhysicalInput::byKey(inputs[0], partition)});
}

RelTranslation describePlanNodesOver() {
    return translationOf<LogicalOver>(
        [](const LogicalOver& over) { return std::make_shared<OverRel>(over); });
}

}  // namespace millrace::sql

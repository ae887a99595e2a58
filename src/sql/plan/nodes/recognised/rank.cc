#include "sql/plan/nodes/recognised/rank.h"

#include <fmt/ranges.h>

#include "operators/deduplicate.h"
#include "operators/rank.h"
#include "operators/window_rank.h"
#include "sql/plan/nodes/window_table.h"
#include "sql/plan/physical_builder.h"

namespace millrace::sql {

namespace {

std::string namesOf(const std::vector<size_t>& columns, const Schema& schema) {
    std::vector<std::string> names;
    for (const size_t column : columns)
        names.push_back(schema[column].name);
    return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

RankRel::RankRel(const OverRel& over, int64_t first, int64_t last)
    : partition_(over.partition),
      order_(over.order),
      order_time_(over.order_time),
      window_(over.window),
      window_end_key_(over.window_end_key),
      first_(first),
      last_(last) {}

std::optional<std::string> RankRel::digest() const {
    return fmt::format("rank {} {} {} {} {}", digestOf(partition_), digestOf(order_), first_, last_,
                       window_ ? window_->toString() : "");
}

void RankRel::demand(const Rel&, const UsedColumns& used, std::span<UsedColumns* const> inputs) const {
    UsedColumns& below = *inputs[0];
    demandPassed(used, below);
    for (const size_t key : partition_)
        below[key] = true;
    for (const SortKey& key : order_)
        below[key.column] = true;
}

MovedColumns RankRel::prune(Rel& rel, const UsedColumns& used, std::span<const MovedColumns* const> inputs) {
    const MovedColumns& below = *inputs[0];
    for (size_t& key : partition_)
        key = *below[key];
    for (SortKey& key : order_)
        key.column = *below[key.column];
    if (used[below.size()]) return prunePassed(rel, below);
    outputs_number_ = false;
    rel.schema = rel.input()->schema;
    MovedColumns to = below;
    to.emplace_back();
    return to;
}

Changelog RankRel::changelog(std::span<const Changelog> inputs) const {
    const bool inserts = inputs[0].insertOnly();
    if (isByWindow(inserts)) return {};
    if (isDeduplicate(inserts) && order_time_ == TimeAttribute::Proctime && !order_[0].descending) return {};
    Changelog own;
    own.updates = outputs_number_ || first_ == last_;
    own.deletes = !inserts || !own.updates;
    return own;
}

std::string RankRel::describe(const Rel& rel) const {
    return fmt::format("Rank(partitionBy=[{}], orderBy=[{}], rankStart={}, rankEnd={})",
                       namesOf(partition_, rel.schema), orderText(order_, rel.schema), first_, last_);
}

bool RankRel::isDeduplicate(bool input_inserts) const {
    return input_inserts && last_ == 1 && order_time_ != TimeAttribute::None && !outputs_number_ &&
           !partition_.empty();
}

size_t RankRel::placeDeduplicate(PhysicalBuilder& builder, const Rel& rel, size_t input) const {
    DeduplicateParameters parameters;
    parameters.input = rel.input()->schema;
    parameters.keys = partition_;
    parameters.keep_last = order_[0].descending;
    if (order_time_ == TimeAttribute::Rowtime) parameters.order = {{order_[0].column, false, true}};
    parameters.generates_update_before = builder.changelog(rel).update_before;
    parameters.ttl = builder.stateTtl();
    parameters.output = rel.schema;
    parameters.text = fmt::format("keep=[{}Row], key=[{}], order=[{}]",
                                  parameters.keep_last ? "Last" : "First", namesOf(partition_, rel.schema),
                                  order_time_ == TimeAttribute::Rowtime ? "ROWTIME" : "PROCTIME");
    return builder.addOperator(rel, builder.uidOf("deduplicate", rel),
                               std::make_shared<Deduplicate>(std::move(parameters)),
                               {PhysicalInput::byKey(input, partition_)});
}

size_t RankRel::placeByWindow(PhysicalBuilder& builder, const Rel& rel, size_t input) const {
    WindowRankParameters parameters;
    parameters.input = rel.input()->schema;
    parameters.partition = partition_;
    parameters.window_end = partition_[window_end_key_];
    parameters.processing_time = inProcessingTime(*window_);
    parameters.instants = overInstants(*window_);
    for (const SortKey& key : order_)
        parameters.order.push_back({key.column, key.descending, key.nulls_first});
    parameters.first = first_;
    parameters.last = last_;
    parameters.outputs_number = outputs_number_;
    parameters.output = rel.schema;
    parameters.text = fmt::format(
        "window=[{}], rankType=[ROW_NUMBER], rankRange=[rankStart={}, rankEnd={}], partitionBy=[{}], "
        "orderBy=[{}]",
        window_->toString(), first_, last_, namesOf(partition_, rel.schema), orderText(order_, rel.schema));
    return builder.addOperator(rel, builder.uidOf(fmt::format("window-rank-{}-{}", first_, last_), rel),
                               std::make_shared<WindowRank>(std::move(parameters)),
                               {PhysicalInput::byKey(input, partition_)});
}

size_t RankRel::place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const {
    const bool inserts = builder.changelog(*rel.input()).insertOnly();
    if (isByWindow(inserts)) return placeByWindow(builder, rel, inputs[0]);
    if (isDeduplicate(inserts)) return placeDeduplicate(builder, rel, inputs[0]);
    RankParameters parameters;
    parameters.input = rel.input()->schema;
    parameters.partition = partition_;
    for (const SortKey& key : order_)
        parameters.order.push_back({key.column, key.descending, key.nulls_first});
    parameters.first = first_;
    parameters.last = last_;
    parameters.outputs_number = outputs_number_;
    parameters.input_retracts = !inserts;
    parameters.generates_update_before = builder.changelog(rel).update_before;
    parameters.ttl = builder.stateTtl();
    parameters.output = rel.schema;
    parameters.text = fmt::format(
        "strategy=[{}], rankType=[ROW_NUMBER], rankRange=[rankStart={}, "
        "rankEnd={}], partitionBy=[{}], orderBy=[{}]",
        inserts ? "AppendFastStrategy" : "RetractStrategy", first_, last_, namesOf(partition_, rel.schema),
        orderText(order_, rel.schema));
    // Two filters on one row number are two operators, each with its rows.
    return builder.addOperator(rel, builder.uidOf(fmt::format("rank-{}-{}", first_, last_), rel),
                               makeRank(std::move(parameters)),
                               {PhysicalInput::byKey(inputs[0], partition_)});
}

}  // namespace millrace::sql

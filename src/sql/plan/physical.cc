#include "sql/plan/physical.h"

#include <algorithm>
#include <set>

#include "base/hash.h"
#include "operators/calc.h"
#include "operators/drop_update_before.h"
#include "operators/group_aggregate.h"
#include "operators/limit.h"
#include "operators/sort.h"
#include "operators/union.h"
#include "operators/values_source.h"
#include "operators/watermark_assigner.h"
#include "operators/window_aggregate.h"
#include "operators/window_assigner.h"
#include "sql/plan/connectors.h"

namespace millrace::sql {

namespace {

const ConfigOption<Duration> kStateTtl{"table.exec.state.ttl", Duration{0},
                                       "How long state that is not touched is kept; 0 is for ever."};
const ConfigOption<Duration> kIdleTimeout{
    "table.exec.source.idle-timeout", Duration{0},
    "After how long without rows a source stops holding back the watermark."};

Windows windowsOf(const WindowSpec& spec, const TextSpan& where) {
    Windows windows;
    switch (spec.kind) {
        case WindowKind::Tumble:
            windows.shape = WindowShape::Tumble;
            break;
        case WindowKind::Hop:
            windows.shape = WindowShape::Hop;
            break;
        case WindowKind::Cumulate:
            windows.shape = WindowShape::Cumulate;
            break;
        case WindowKind::Session:
            throw UserError({"sql.unsupported", "SESSION windows cannot be run yet",
                             "use TUMBLE, HOP or CUMULATE", where});
    }
    windows.size_ms = spec.size / 1000;
    windows.step_ms = spec.step / 1000;
    windows.offset_ms = spec.offset / 1000;
    return windows;
}

bool inProcessingTime(const WindowSpec& spec) { return spec.time == TimeAttribute::Proctime; }
bool overInstants(const WindowSpec& spec) { return spec.time_type.kind() == TypeKind::TimestampLtz; }

std::string lowerCase(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
}

class PhysicalPlanner {
  public:
    PhysicalPlanner(const RelRoots& roots, const PlanOptions& options) : roots_(roots), options_(options) {}

    PhysicalPlan make() {
        for (const RelPtr& root : roots_) {
            const SinkRel& sink = *root->get<SinkRel>();
            sinks_[root.get()] = makeSink(*sink.sink);
            accepts_[root.get()] = sinks_[root.get()] ? sinks_[root.get()]->accepts() : ChangelogMode::All;
        }
        modes_ = inferChangelogModes(roots_, accepts_);
        for (const RelPtr& root : roots_)
            add(*root);
        return std::move(plan_);
    }

  private:
    std::shared_ptr<const Sink> makeSink(const LogicalSink& sink) {
        if (sink.table()) return makeTableSink(sink, options_);
        return options_.select_sink ? options_.select_sink(sink.input()->schema()) : nullptr;
    }

    size_t add(const Rel& rel) {
        if (const auto found = done_.find(&rel); found != done_.end()) return found->second;
        std::vector<size_t> inputs;
        for (const RelPtr& input : rel.inputs)
            inputs.push_back(add(*input));
        const size_t node = std::visit([&](const auto& what) { return place(rel, what, inputs); }, rel.what);
        done_[&rel] = node;
        return node;
    }

    // A name that stays with what the node computes: the kind of its operator and its logical sub-plan.
    std::string uidOf(const std::string& kind, const Rel& rel) {
        return unique(fmt::format("{}-v{}-{}", kind, kCanonicalVersion,
                                  sha256Hex(rel.origin->canonical()).substr(0, 16)));
    }
    std::string unique(const std::string& uid) {
        const size_t uses = ++uids_[uid];
        return uses == 1 ? uid : fmt::format("{}-{}", uid, uses);
    }

    size_t push(PhysicalNode node) {
        for (const PhysicalInput& input : node.inputs)
            node.bounded = node.bounded && plan_.nodes[input.from].bounded;
        plan_.nodes.push_back(std::move(node));
        return plan_.nodes.size() - 1;
    }
    size_t pushSource(const Rel& rel, std::string uid, std::shared_ptr<const Source> source) {
        PhysicalNode node;
        node.name = source->name();
        node.uid = std::move(uid);
        node.schema = rel.schema;
        node.bounded = source->boundedness() == Boundedness::Bounded;
        MILLRACE_CHECK(source->outputSchema().size() == rel.schema.size(), "{} produces {}, not {}",
                       node.name, source->outputSchema().toString(), rel.schema.toString());
        node.what = std::move(source);
        return push(std::move(node));
    }
    size_t pushOperator(const Rel& rel, std::string uid, std::shared_ptr<const Operator> op,
                        std::vector<PhysicalInput> inputs) {
        PhysicalNode node;
        node.name = op->name();
        node.uid = std::move(uid);
        node.schema = rel.schema;
        node.changelog = modes_.produced.at(&rel);
        node.inputs = std::move(inputs);
        node.what = std::move(op);
        return push(std::move(node));
    }

    size_t place(const Rel& rel, const ScanRel& scan, const std::vector<size_t>&) {
        return pushSource(rel, unique("source-" + scan.table->path.toString()),
                          makeTableSource(rel, scan, options_));
    }

    size_t place(const Rel& rel, const ValuesRel& values, const std::vector<size_t>&) {
        return pushSource(rel, uidOf("values", rel),
                          std::make_shared<ValuesSource>(rel.schema, values.rows, options_.configuration));
    }

    size_t place(const Rel& rel, const WatermarkRel& watermark, const std::vector<size_t>& inputs) {
        Duration idle_timeout = options_.configuration.get(kIdleTimeout);
        constexpr const char* kTableOption = "scan.watermark.idle-timeout";
        if (const auto option = watermark.table->options.find(kTableOption);
            option != watermark.table->options.end()) {
            idle_timeout = parseConfigValue<Duration>(kTableOption, option->second);
        }
        auto op = std::make_shared<WatermarkAssigner>(rel.schema, watermark.column, watermark.expression,
                                                      watermark.table->watermark->delay_micros, idle_timeout);
        return pushOperator(rel, uidOf("watermark", rel), std::move(op), {{inputs[0]}});
    }

    size_t place(const Rel& rel, const CalcRel& calc, const std::vector<size_t>& inputs) {
        return pushOperator(rel, uidOf("calc", rel),
                            std::make_shared<Calc>(calc.condition, calc.projection, rel.schema),
                            {{inputs[0]}});
    }

    size_t place(const Rel& rel, const WindowTableRel& table, const std::vector<size_t>& inputs) {
        std::optional<size_t> time_column;
        if (!inProcessingTime(*table.window)) time_column = table.time_column;
        auto op = std::make_shared<WindowAssigner>(windowsOf(*table.window, rel.origin->where()), time_column,
                                                   overInstants(*table.window), rel.schema,
                                                   "window=[" + table.window->toString() + "]");
        return pushOperator(rel, uidOf("window-table-function", rel), std::move(op), {{inputs[0]}});
    }

    size_t place(const Rel& rel, const AggregateRel& aggregate, const std::vector<size_t>& inputs) {
        return aggregate.window_use == WindowUse::None ? placeGroupAggregate(rel, aggregate, inputs[0])
                                                       : placeWindowAggregate(rel, aggregate, inputs[0]);
    }

    // "groupBy=[a, b], select=[a, b, COUNT(*) AS n]"
    static std::string aggregateText(const Rel& rel, const AggregateRel& aggregate,
                                     const std::string& window) {
        std::string keys, select;
        for (size_t i = 0; i < rel.schema.size(); ++i) {
            const std::string& name = rel.schema[i].name;
            if (!select.empty()) select += ", ";
            if (i >= aggregate.keys.size()) {
                const std::string& call = aggregate.calls[i - aggregate.keys.size()].text;
                select += call == name ? call : call + " AS " + name;
                continue;
            }
            select += name;
            if (!aggregate.isWindowKey(i)) keys += (keys.empty() ? "" : ", ") + name;
        }
        std::string text = keys.empty() ? "" : "groupBy=[" + keys + "], ";
        if (!window.empty()) text += "window=[" + window + "], ";
        return text + "select=[" + select + "]";
    }

    // "TUMBLE(time=[ts], size=[10 s])"; by the columns that hold the window, where there is no time
    // attribute.
    static std::string windowText(const WindowAggregateParameters& p) {
        std::string text = p.windows.toString();
        std::string time = p.time_column ? "[" + p.input[*p.time_column].name + "]" : "[PROCTIME()]";
        return text.insert(text.find('(') + 1, (p.attached ? "window_end=" : "time=") + time + ", ");
    }

    static std::vector<AggregateTerm> termsOf(const AggregateRel& aggregate, bool may_retract) {
        std::vector<AggregateTerm> terms;
        for (const AggregateCall& call : aggregate.calls) {
            terms.push_back({call.function->bind(call.infos, call.distinct, may_retract), call.arguments,
                             call.filter, lowerCase(call.function->name), call.text});
        }
        return terms;
    }

    static PhysicalInput keyed(size_t from, const std::vector<size_t>& keys) {
        return {from, keys.empty() ? Exchange::Singleton : Exchange::Hash, keys};
    }

    size_t placeGroupAggregate(const Rel& rel, const AggregateRel& aggregate, size_t input) {
        GroupAggregateParameters parameters;
        parameters.input = rel.input()->schema;
        parameters.keys = aggregate.keys;
        parameters.input_retracts = !modes_.produced.at(rel.input().get()).insertOnly();
        parameters.terms = termsOf(aggregate, parameters.input_retracts);
        parameters.generates_update_before = modes_.produced.at(&rel).update_before;
        parameters.ttl = options_.configuration.get(kStateTtl);
        parameters.output = rel.schema;
        parameters.text = aggregateText(rel, aggregate, "");
        return pushOperator(rel, uidOf("group-aggregate", rel),
                            std::make_shared<GroupAggregate>(std::move(parameters)),
                            {keyed(input, aggregate.keys)});
    }

    size_t placeWindowAggregate(const Rel& rel, const AggregateRel& aggregate, size_t input) {
        const bool fused = aggregate.window_use == WindowUse::Fused;
        WindowAggregateParameters parameters;
        parameters.input = rel.input()->schema;
        parameters.windows = windowsOf(*aggregate.window, rel.origin->where());
        parameters.processing_time = inProcessingTime(*aggregate.window);
        parameters.instants = overInstants(*aggregate.window);
        parameters.attached = !fused;
        if (!fused || !parameters.processing_time) parameters.time_column = aggregate.time_column;
        for (size_t i = 0; i < aggregate.keys.size(); ++i) {
            WindowAggregateColumn column;
            switch (aggregate.bounds[i]) {
                case WindowBound::None:
                    column.index = parameters.keys.size();
                    parameters.keys.push_back(aggregate.keys[i]);
                    break;
                case WindowBound::Start:
                    column.from = WindowAggregateColumn::From::WindowStart;
                    break;
                case WindowBound::End:
                    column.from = WindowAggregateColumn::From::WindowEnd;
                    break;
                case WindowBound::Time:
                    column.from = WindowAggregateColumn::From::WindowTime;
                    break;
            }
            parameters.columns.push_back(column);
        }
        parameters.input_retracts = !modes_.produced.at(rel.input().get()).insertOnly();
        parameters.terms = termsOf(aggregate, parameters.input_retracts);
        for (size_t i = 0; i < parameters.terms.size(); ++i) {
            parameters.columns.push_back({WindowAggregateColumn::From::Term, i});
        }
        parameters.output = rel.schema;
        parameters.text = aggregateText(rel, aggregate, windowText(parameters));
        const PhysicalInput from = keyed(input, parameters.keys);
        return pushOperator(rel, uidOf("window-aggregate", rel),
                            std::make_shared<WindowAggregate>(std::move(parameters)), {from});
    }

    size_t place(const Rel& rel, const UnionRel&, const std::vector<size_t>& inputs) {
        std::string names;
        for (const Field& field : rel.schema)
            names += (names.empty() ? "" : ", ") + field.name;
        std::vector<PhysicalInput> edges;
        edges.reserve(inputs.size());
        for (const size_t input : inputs)
            edges.push_back({input});
        return pushOperator(
            rel, uidOf("union", rel),
            std::make_shared<Union>(inputs.size(), rel.schema, "all=[true], union=[" + names + "]"),
            std::move(edges));
    }

    size_t place(const Rel& rel, const SortRel& sort, const std::vector<size_t>& inputs) {
        const bool insert_only = modes_.produced.at(rel.input().get()).insertOnly();
        if (sort.keys.empty() && insert_only) {
            return pushOperator(rel, uidOf("limit", rel),
                                std::make_shared<Limit>(rel.schema, sort.offset, sort.limit),
                                {{inputs[0], Exchange::Singleton}});
        }
        if (!plan_.nodes[inputs[0]].bounded) {
            const char* what = sort.keys.empty() ? "LIMIT over a result that is updated" : "ORDER BY";
            throw UserError({"sql.unbounded",
                             fmt::format("{} needs input that ends, and this query's input does not", what),
                             "leave it out, or read from bounded sources only", rel.origin->where()});
        }
        std::vector<SortOrder> order;
        for (const SortKey& key : sort.keys)
            order.push_back({key.column, key.descending, key.nulls_first});
        return pushOperator(
            rel, uidOf("sort", rel),
            std::make_shared<Sort>(rel.schema, std::move(order), sort.offset, sort.limit, !insert_only),
            {{inputs[0], Exchange::Singleton}});
    }

    size_t place(const Rel& rel, const SinkRel& what, const std::vector<size_t>& inputs) {
        const LogicalSink& logical = *what.sink;
        const Changelog& changelog = modes_.produced.at(&rel);
        const std::string table = logical.table() ? logical.table()->path.toString() : "";
        const ChangelogMode accepts = accepts_.at(&rel);
        if (accepts == ChangelogMode::InsertOnly && !changelog.insertOnly()) refuse(rel, logical);

        const std::string uid = unique(logical.table() ? "sink-" + table : "sink-collect");
        PhysicalInput input{inputs[0]};
        Changelog written = plan_.nodes[input.from].changelog;
        if (accepts == ChangelogMode::Upsert && written.update_before) {
            const auto mode = filtersUpdates(*rel.input()) ? DropUpdateBefore::Mode::AsDelete
                                                           : DropUpdateBefore::Mode::Drop;
            input.from = pushOperator(rel, unique("drop-update-before-" + table),
                                      std::make_shared<DropUpdateBefore>(rel.input()->schema, mode), {input});
            written.update_before = false;
            written.deletes |= mode == DropUpdateBefore::Mode::AsDelete;
            plan_.nodes[input.from].changelog = written;
        }
        PhysicalNode node;
        std::shared_ptr<const Sink> sink = sinks_.at(&rel);
        node.name = sink ? sink->name() : "Sink(select)";
        node.uid = uid;
        node.schema = rel.schema;
        node.changelog = written;
        node.inputs = {input};
        node.what = std::move(sink);
        return push(std::move(node));
    }

    // Whether a filter stands between the sink and the node that updates its result.
    static bool filtersUpdates(const Rel& rel) {
        if (rel.get<AggregateRel>() || rel.get<SortRel>()) return false;
        const auto* calc = rel.get<CalcRel>();
        if (calc && calc->condition) return true;
        return std::any_of(rel.inputs.begin(), rel.inputs.end(),
                           [](const RelPtr& input) { return filtersUpdates(*input); });
    }

    [[noreturn]] void refuse(const Rel& rel, const LogicalSink& logical) const {
        // The node where the updates start is the one to change.
        const Rel* cause = rel.input().get();
        while (!cause->get<AggregateRel>() && !cause->inputs.empty()) {
            const auto next = std::find_if(
                cause->inputs.begin(), cause->inputs.end(),
                [&](const RelPtr& input) { return !modes_.produced.at(input.get()).insertOnly(); });
            if (next == cause->inputs.end()) break;
            cause = next->get();
        }
        const std::string name = logical.table() ? logical.table()->path.object : "the caller";
        throw UserError(
            {"sql.sink-needs-inserts",
             fmt::format(
                 "sink '{}' accepts only inserts, but the query updates its result: {}", name,
                 cause->get<AggregateRel>()
                     ? "GroupAggregate(" + aggregateText(*cause, *cause->get<AggregateRel>(), "") + ")"
                     : cause->origin->describe()),
             "group by the windows of TUMBLE, HOP or CUMULATE (window_start and window_end), whose results "
             "are "
             "final, or write to a table whose connector takes updates, such as 'print' or 'blackhole'",
             cause->origin->where().known() ? cause->origin->where() : logical.where()});
    }

    const RelRoots& roots_;
    const PlanOptions& options_;
    PhysicalPlan plan_;
    ChangelogModes modes_;
    std::map<const Rel*, std::shared_ptr<const Sink>> sinks_;
    std::map<const Rel*, ChangelogMode> accepts_;
    std::map<const Rel*, size_t> done_;
    std::map<std::string, size_t> uids_;
};

void print(const PhysicalPlan& plan, size_t index, size_t depth, std::set<size_t>& seen, std::string& out) {
    const auto line = [&](const std::string& text) {
        if (depth > 0) out += std::string((depth - 1) * 3, ' ') + "+- ";
        out += text + "\n";
    };
    const PhysicalNode& node = plan.nodes[index];
    if (!node.inputs.empty() && !seen.insert(index).second) {
        line(node.name + " (shared, as above)");
        return;
    }
    const bool is_sink = std::holds_alternative<std::shared_ptr<const Sink>>(node.what);
    line(node.name + ", changelogMode=[" + (is_sink ? "NONE" : node.changelog.toString()) + "]");
    ++depth;
    for (const PhysicalInput& input : node.inputs) {
        const PhysicalNode& from = plan.nodes[input.from];
        if (input.exchange == Exchange::Forward) {
            print(plan, input.from, depth, seen, out);
            continue;
        }
        std::string keys;
        for (const size_t key : input.key)
            keys += (keys.empty() ? "" : ", ") + from.schema[key].name;
        line(fmt::format("Exchange(distribution=[{}]), changelogMode=[{}]",
                         input.exchange == Exchange::Hash ? "hash[" + keys + "]" : "single",
                         from.changelog.toString()));
        ++depth;
        print(plan, input.from, depth, seen, out);
        --depth;
    }
}

}  // namespace

std::string PhysicalPlan::explain() const {
    std::string out;
    std::set<size_t> seen;
    for (size_t i = 0; i < nodes.size(); ++i) {
        if (!std::holds_alternative<std::shared_ptr<const Sink>>(nodes[i].what)) continue;
        if (!out.empty()) out += "\n";
        print(*this, i, 0, seen, out);
    }
    return out;
}

PhysicalPlan makePhysicalPlan(const RelRoots& roots, const PlanOptions& options) {
    return PhysicalPlanner(roots, options).make();
}

}  // namespace millrace::sql

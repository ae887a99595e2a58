// Logical nodes to relational ones, one to one: projections and filters become Calcs, constants are folded.
#include <map>
#include <numeric>

#include "sql/plan/rel.h"

namespace millrace::sql {

namespace {

class Translator {
  public:
    RelPtr translate(const LogicalPtr& node) {
        if (const auto found = done_.find(node.get()); found != done_.end()) return found->second;
        RelPtr rel = make(node);
        done_[node.get()] = rel;
        return rel;
    }

  private:
    std::vector<RelPtr> inputsOf(const LogicalPtr& node) {
        std::vector<RelPtr> inputs;
        for (const LogicalPtr& input : node->inputs())
            inputs.push_back(translate(input));
        return inputs;
    }

    RelPtr make(const LogicalPtr& node) {
        const auto rel = [&](decltype(Rel::what) what) {
            return makeRel(std::move(what), inputsOf(node), node->schema(), node);
        };
        switch (node->kind()) {
            case LogicalKind::Scan: {
                const auto& scan = as<LogicalScan>(*node);
                std::vector<size_t> columns(node->schema().size());
                std::iota(columns.begin(), columns.end(), size_t{0});
                return rel(ScanRel{scan.table(), std::move(columns)});
            }
            case LogicalKind::Values:
                return rel(ValuesRel{as<LogicalValues>(*node).rows()});
            case LogicalKind::Watermark: {
                const auto& watermark = as<LogicalWatermark>(*node);
                return rel(WatermarkRel{watermark.table(), watermark.column(),
                                        Expression::fold(watermark.definition().expression)});
            }
            case LogicalKind::Project: {
                CalcRel calc;
                for (const ExpressionPtr& expression : as<LogicalProject>(*node).expressions()) {
                    calc.projection.push_back(Expression::fold(expression));
                }
                return rel(std::move(calc));
            }
            case LogicalKind::Filter: {
                CalcRel calc;
                calc.condition = Expression::fold(as<LogicalFilter>(*node).condition());
                calc.projection = columnsOf(node->schema());
                return rel(std::move(calc));
            }
            case LogicalKind::WindowTable: {
                const auto& table = as<LogicalWindowTable>(*node);
                return rel(WindowTableRel{table.window(), table.timeColumn()});
            }
            case LogicalKind::Aggregate:
                return rel(aggregate(as<LogicalAggregate>(*node)));
            case LogicalKind::Union:
                return rel(UnionRel{});
            case LogicalKind::Sort: {
                const auto& sort = as<LogicalSort>(*node);
                return rel(SortRel{sort.keys(), sort.offset(), sort.limit()});
            }
            case LogicalKind::Sink:
                return rel(SinkRel{&as<LogicalSink>(*node)});
        }
        throw InternalError("a logical node of no kind");
    }

    // An aggregation is by window if its keys hold window_start and window_end of one window function,
    // whether rows come straight from it or from another aggregation by its windows.
    static AggregateRel aggregate(const LogicalAggregate& node) {
        AggregateRel rel;
        rel.keys = node.keys();
        rel.calls = node.calls();
        rel.bounds.assign(rel.keys.size(), WindowBound::None);
        const std::vector<ColumnTraits>& traits = node.input()->traits();
        for (const size_t key : rel.keys) {
            if (traits[key].bound != WindowBound::End) continue;
            for (const size_t other : rel.keys) {
                if (traits[other].bound != WindowBound::Start || traits[other].window != traits[key].window)
                    continue;
                rel.window_use = WindowUse::Attached;
                rel.window = traits[key].window;
                rel.time_column = key;
            }
        }
        if (rel.window_use == WindowUse::None) return rel;
        for (size_t i = 0; i < rel.keys.size(); ++i) {
            if (traits[rel.keys[i]].window == rel.window) rel.bounds[i] = traits[rel.keys[i]].bound;
        }
        return rel;
    }

    std::map<const LogicalNode*, RelPtr> done_;
};

}  // namespace

RelRoots translate(const LogicalPlan& plan) {
    Translator translator;
    RelRoots roots;
    for (const auto& sink : plan.sinks)
        roots.push_back(translator.translate(sink));
    return roots;
}

}  // namespace millrace::sql

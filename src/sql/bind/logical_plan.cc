#include "sql/bind/logical_plan.h"

#include <algorithm>

#include "base/configuration.h"
#include "base/hash.h"

namespace millrace::sql {

namespace {

template <class Items, class Show>
std::string joined(const Items& items, Show show) {
    std::string out;
    for (const auto& item : items) {
        if (!out.empty()) out += ", ";
        out += show(item);
    }
    return out;
}

std::vector<ColumnTraits> plainTraits(const Schema& schema) {
    return std::vector<ColumnTraits>(schema.size());
}

std::string columnName(const LogicalPtr& input, size_t column) { return input->schema()[column].name; }

std::string typesOf(const Schema& schema) {
    return joined(schema.fields(), [](const Field& field) { return field.type.toString(); });
}

}  // namespace

const char* windowKindName(WindowKind kind) {
    switch (kind) {
        case WindowKind::Tumble:
            return "TUMBLE";
        case WindowKind::Hop:
            return "HOP";
        case WindowKind::Cumulate:
            return "CUMULATE";
        case WindowKind::Session:
            return "SESSION";
    }
    return "";
}

std::string WindowSpec::toString() const {
    const auto length = [](int64_t micros) { return formatDuration(Duration{micros / 1000}); };
    std::string out = windowKindName(kind);
    switch (kind) {
        case WindowKind::Tumble:
            out += fmt::format("(size=[{}]", length(size));
            break;
        case WindowKind::Hop:
            out += fmt::format("(size=[{}], slide=[{}]", length(size), length(step));
            break;
        case WindowKind::Cumulate:
            out += fmt::format("(max_size=[{}], step=[{}]", length(size), length(step));
            break;
        case WindowKind::Session:
            out += fmt::format("(gap=[{}]", length(size));
            break;
    }
    if (offset != 0)
        out += fmt::format(", offset=[{}{}]", offset < 0 ? "-" : "", length(offset < 0 ? -offset : offset));
    return out + ")";
}

LogicalNode::LogicalNode(Schema schema, std::vector<ColumnTraits> traits, std::vector<LogicalPtr> inputs,
                         TextSpan where, std::string own_canonical)
    : schema_(std::move(schema)), traits_(std::move(traits)), inputs_(std::move(inputs)), where_(where) {
    MILLRACE_CHECK(traits_.size() == schema_.size(), "{} traits for {} columns", traits_.size(),
                   schema_.size());
    // Inputs enter by their digest, so that the text stays short however deep the plan is.
    canonical_ = std::move(own_canonical);
    for (const LogicalPtr& input : inputs_) {
        canonical_ += "<" + sha256Hex(input->canonical()).substr(0, 32);
        size_ += input->size_;
        height_ = std::max(height_, input->height_ + 1);
    }
}

int LogicalNode::timeColumn(TimeAttribute time) const {
    for (size_t i = 0; i < traits_.size(); ++i) {
        if (traits_[i].time == time) return static_cast<int>(i);
    }
    return -1;
}

// A table is known by its name and columns: where its rows are kept may change without touching anybody's
// state.
LogicalScan::LogicalScan(TablePtr table, TextSpan where)
    : LogicalNode(table->storedSchema(), plainTraits(table->storedSchema()), {}, where,
                  fmt::format("scan {} {}", table->path.toString(), table->storedSchema().toString())),
      table_(std::move(table)) {}

std::string LogicalScan::describe() const {
    return fmt::format("TableScan(table=[{}], fields=[{}])", table_->path.toString(),
                       joined(schema().fields(), [](const Field& field) { return field.name; }));
}

namespace {

std::string rowsText(const std::vector<std::vector<ExpressionPtr>>& rows, bool canonical) {
    return joined(rows, [&](const std::vector<ExpressionPtr>& row) {
        return "(" +
               joined(row,
                      [&](const ExpressionPtr& e) { return canonical ? e->canonical() : e->toString(); }) +
               ")";
    });
}

}  // namespace

LogicalValues::LogicalValues(Schema schema, std::vector<std::vector<ExpressionPtr>> rows, TextSpan where)
    : LogicalNode(schema, plainTraits(schema), {}, where,
                  fmt::format("values {} {}", typesOf(schema), rowsText(rows, true))),
      rows_(std::move(rows)) {}

std::string LogicalValues::describe() const {
    if (rows_.size() > 8) return fmt::format("Values({} rows)", rows_.size());
    return fmt::format("Values(tuples=[{}])", rowsText(rows_, false));
}

namespace {

std::vector<ColumnTraits> withRowtime(std::vector<ColumnTraits> traits, size_t column) {
    traits[column].time = TimeAttribute::Rowtime;
    return traits;
}

}  // namespace

LogicalWatermark::LogicalWatermark(LogicalPtr input, TablePtr table, size_t column, TextSpan where)
    : LogicalNode(input->schema(), withRowtime(input->traits(), column), {input}, where,
                  fmt::format("watermark ${} {}", column, table->watermark->expression->canonical())),
      table_(std::move(table)),
      column_(column) {}

std::string LogicalWatermark::describe() const {
    return fmt::format("WatermarkAssigner(rowtime=[{}], watermark=[{}])", schema()[column_].name,
                       definition().expression->toString());
}

namespace {

Schema projectSchema(const std::vector<ExpressionPtr>& expressions, std::vector<std::string> names) {
    std::vector<Field> fields;
    for (size_t i = 0; i < expressions.size(); ++i)
        fields.push_back({std::move(names[i]), expressions[i]->type()});
    return Schema(std::move(fields));
}

}  // namespace

LogicalProject::LogicalProject(LogicalPtr input, std::vector<ExpressionPtr> expressions,
                               std::vector<std::string> names, std::vector<ColumnTraits> traits,
                               TextSpan where)
    : LogicalNode(projectSchema(expressions, std::move(names)), std::move(traits), {std::move(input)}, where,
                  "project " + joined(expressions, [](const ExpressionPtr& e) { return e->canonical(); })),
      expressions_(std::move(expressions)) {}

std::string LogicalProject::describe() const {
    size_t i = 0;
    return fmt::format("Project({})", joined(expressions_, [&](const ExpressionPtr& e) {
                           return fmt::format("{}=[{}]", schema()[i++].name, e->toString());
                       }));
}

LogicalFilter::LogicalFilter(LogicalPtr input, ExpressionPtr condition, TextSpan where)
    : LogicalNode(input->schema(), input->traits(), {input}, where, "filter " + condition->canonical()),
      condition_(std::move(condition)) {}

std::string LogicalFilter::describe() const {
    return fmt::format("Filter(condition=[{}])", condition_->toString());
}

namespace {

Schema windowSchema(const LogicalPtr& input, const WindowSpec& window) {
    std::vector<Field> fields = input->schema().fields();
    const LogicalType bound = LogicalType::timestamp(3).withNullable(false);
    fields.push_back({"window_start", bound});
    fields.push_back({"window_end", bound});
    fields.push_back({"window_time", window.time_type.withNullable(false)});
    return Schema(std::move(fields));
}

std::vector<ColumnTraits> windowTraits(const LogicalPtr& input,
                                       const std::shared_ptr<const WindowSpec>& window) {
    std::vector<ColumnTraits> traits = input->traits();
    traits.push_back({TimeAttribute::None, WindowBound::Start, window});
    traits.push_back({TimeAttribute::None, WindowBound::End, window});
    traits.push_back({window->time, WindowBound::Time, window});
    return traits;
}

}  // namespace

LogicalWindowTable::LogicalWindowTable(LogicalPtr input, std::shared_ptr<const WindowSpec> window,
                                       size_t time_column, std::vector<size_t> partition_keys, TextSpan where)
    : LogicalNode(windowSchema(input, *window), windowTraits(input, window), {input}, where,
                  fmt::format("window {} {} ${} by {}", window->toString(),
                              window->time == TimeAttribute::Proctime ? "proctime" : "rowtime", time_column,
                              joined(partition_keys, [](size_t key) { return fmt::format("${}", key); }))),
      window_(std::move(window)),
      time_column_(time_column),
      partition_keys_(std::move(partition_keys)) {}

std::string LogicalWindowTable::describe() const {
    std::string out = fmt::format("WindowTableFunction(window=[{}], time_col=[{}]", window_->toString(),
                                  columnName(input(), time_column_));
    if (!partition_keys_.empty()) {
        out += fmt::format(", partition=[{}]",
                           joined(partition_keys_, [&](size_t key) { return columnName(input(), key); }));
    }
    return out + ")";
}

namespace {

Schema aggregateSchema(const LogicalPtr& input, const std::vector<size_t>& keys,
                       const std::vector<AggregateCall>& calls) {
    std::vector<Field> fields;
    for (const size_t key : keys)
        fields.push_back(input->schema()[key]);
    for (const AggregateCall& call : calls)
        fields.push_back({call.text, call.type});
    return Schema(std::move(fields));
}

// The window by which rows are grouped: both of its bounds are keys.
std::shared_ptr<const WindowSpec> groupingWindow(const LogicalPtr& input, const std::vector<size_t>& keys) {
    for (const size_t start : keys) {
        const ColumnTraits& traits = input->traits()[start];
        if (traits.bound != WindowBound::Start) continue;
        for (const size_t end : keys) {
            const ColumnTraits& other = input->traits()[end];
            if (other.bound == WindowBound::End && other.window == traits.window) return traits.window;
        }
    }
    return nullptr;
}

std::vector<ColumnTraits> aggregateTraits(const LogicalPtr& input, const std::vector<size_t>& keys,
                                          size_t calls) {
    const std::shared_ptr<const WindowSpec> window = groupingWindow(input, keys);
    std::vector<ColumnTraits> traits;
    for (const size_t key : keys) {
        // A time attribute survives only as window_time: any other column of a group's row has no order left.
        const ColumnTraits& old = input->traits()[key];
        traits.push_back(window && old.window == window ? old : ColumnTraits{});
    }
    traits.resize(keys.size() + calls);
    return traits;
}

std::string callCanonical(const AggregateCall& call) {
    return fmt::format("{}({}{}){}->{}", call.function->name, call.distinct ? "distinct " : "",
                       joined(call.arguments, [](size_t column) { return fmt::format("${}", column); }),
                       call.filter ? fmt::format(" filter ${}", *call.filter) : "", call.type.toString());
}

}  // namespace

LogicalAggregate::LogicalAggregate(LogicalPtr input, std::vector<size_t> keys,
                                   std::vector<AggregateCall> calls, TextSpan where,
                                   std::optional<Duration> state_ttl)
    : LogicalNode(
          aggregateSchema(input, keys, calls), aggregateTraits(input, keys, calls.size()), {input}, where,
          fmt::format("aggregate by {}: {}", joined(keys, [](size_t key) { return fmt::format("${}", key); }),
                      joined(calls, callCanonical))),
      keys_(std::move(keys)),
      calls_(std::move(calls)),
      window_(groupingWindow(input, keys_)),
      state_ttl_(state_ttl) {}

std::string LogicalAggregate::describe() const {
    return fmt::format("Aggregate(groupBy=[{}], select=[{}]{})",
                       joined(keys_, [&](size_t key) { return columnName(input(), key); }),
                       joined(calls_, [](const AggregateCall& call) { return call.text; }),
                       window_ ? fmt::format(", window=[{}]", window_->toString()) : "");
}

namespace {

Schema unionSchema(const std::vector<LogicalPtr>& inputs) {
    std::vector<Field> fields = inputs.front()->schema().fields();
    for (const LogicalPtr& input : inputs) {
        MILLRACE_CHECK(input->schema().size() == fields.size());
        for (size_t i = 0; i < fields.size(); ++i) {
            const LogicalType& type = input->schema()[i].type;
            MILLRACE_CHECK(type.sameIgnoringNullable(fields[i].type), "UNION of {} and {}", type.toString(),
                           fields[i].type.toString());
            if (type.nullable()) fields[i].type = fields[i].type.withNullable(true);
        }
    }
    return Schema(std::move(fields));
}

std::vector<ColumnTraits> unionTraits(const std::vector<LogicalPtr>& inputs) {
    std::vector<ColumnTraits> traits(inputs.front()->schema().size());
    for (size_t i = 0; i < traits.size(); ++i) {
        traits[i].time = inputs.front()->traits()[i].time;
        for (const LogicalPtr& input : inputs) {
            if (input->traits()[i].time != traits[i].time) traits[i].time = TimeAttribute::None;
        }
    }
    return traits;
}

}  // namespace

LogicalUnion::LogicalUnion(std::vector<LogicalPtr> inputs, TextSpan where)
    : LogicalNode(unionSchema(inputs), unionTraits(inputs), inputs, where, "union all") {}

std::string LogicalUnion::describe() const { return "Union(all=[true])"; }

namespace {

std::string sortText(const std::vector<SortKey>& keys, const LogicalPtr& input) {
    return joined(keys, [&](const SortKey& key) {
        return fmt::format("{} {} NULLS {}",
                           input ? columnName(input, key.column) : fmt::format("${}", key.column),
                           key.descending ? "DESC" : "ASC", key.nulls_first ? "FIRST" : "LAST");
    });
}

}  // namespace

LogicalSort::LogicalSort(LogicalPtr input, std::vector<SortKey> keys, int64_t offset,
                         std::optional<int64_t> limit, TextSpan where)
    : LogicalNode(
          input->schema(), input->traits(), {input}, where,
          fmt::format("sort {} offset {} limit {}", sortText(keys, nullptr), offset, limit.value_or(-1))),
      keys_(std::move(keys)),
      offset_(offset),
      limit_(limit) {}

std::string LogicalSort::describe() const {
    std::string parts = keys_.empty() ? "" : fmt::format("orderBy=[{}]", sortText(keys_, input()));
    if (offset_ != 0) parts += fmt::format("{}offset=[{}]", parts.empty() ? "" : ", ", offset_);
    if (limit_) parts += fmt::format("{}limit=[{}]", parts.empty() ? "" : ", ", *limit_);
    return fmt::format("{}({})", keys_.empty() ? "Limit" : "Sort", parts);
}

LogicalSink::LogicalSink(LogicalPtr input, TablePtr table, bool overwrite,
                         std::map<std::string, std::string> partition, TextSpan where)
    : LogicalNode(input->schema(), input->traits(), {input}, where,
                  "sink " + (table ? table->path.toString() : std::string())),
      table_(std::move(table)),
      overwrite_(overwrite),
      partition_(std::move(partition)) {}

std::string LogicalSink::describe() const {
    return fmt::format("Sink(table=[{}], fields=[{}])", table_ ? table_->path.toString() : "*select*",
                       joined(schema().fields(), [](const Field& field) { return field.name; }));
}

namespace {

void explainNode(const LogicalNode& node, int level, std::string& out) {
    out += std::string(static_cast<size_t>(level) * 2, ' ') + node.describe() + "\n";
    for (const LogicalPtr& input : node.inputs())
        explainNode(*input, level + 1, out);
}

}  // namespace

std::string LogicalPlan::explain() const {
    std::string out;
    for (const auto& sink : sinks) {
        if (!out.empty()) out += "\n";
        explainNode(*sink, 0, out);
    }
    return out;
}

}  // namespace millrace::sql

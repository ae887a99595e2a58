#include "sql/bind/over_calls.h"

#include <algorithm>

#include "functions/lag.h"
#include "sql/bind/query_binder.h"
#include "types/coercion.h"

namespace millrace::sql {

RankFunction rankFunctionOf(std::string_view name) {
    for (const RankFunction function :
         {RankFunction::RowNumber, RankFunction::Rank, RankFunction::DenseRank}) {
        if (name == rankFunctionName(function)) return function;
    }
    return RankFunction::None;
}

namespace {

// What needs the whole partition: always, or as it treats NULL.
RankFunction partitionFunctionOf(std::string_view name, std::optional<bool> ignores_nulls) {
    for (const RankFunction function :
         {RankFunction::PercentRank, RankFunction::CumeDist, RankFunction::Ntile, RankFunction::Lead}) {
        if (name == rankFunctionName(function)) return function;
    }
    if (name == "LAG" && ignores_nulls.value_or(false)) return RankFunction::Lag;
    if (name == "FIRST_VALUE" && !ignores_nulls.value_or(true)) return RankFunction::FirstValue;
    if (name == "LAST_VALUE" && !ignores_nulls.value_or(true)) return RankFunction::LastValue;
    return RankFunction::None;
}

bool treatsNulls(std::string_view name) {
    return name == "LAG" || name == "LEAD" || name == "FIRST_VALUE" || name == "LAST_VALUE";
}

}  // namespace

bool standsOnlyWithOver(std::string_view name) {
    return rankFunctionOf(name) != RankFunction::None || name == "LAG" ||
           partitionFunctionOf(name, {}) != RankFunction::None;
}

namespace {

const AggregateFunction* overFunctionOf(std::string_view name) {
    return name == lagFunction().name ? &lagFunction() : findAggregateFunction(name);
}

// The distance that a frame's bound goes back: rows, or in terms of the sort key.
int64_t precedingOf(const Expr& offset, bool rows, const LogicalType* key) {
    const Scope empty;
    const ExpressionPtr bound = ExpressionBinder(empty, "the frame of a window").bindRoot(offset);
    const Value value = constantValue(bound, offset.span, "the frame of a window");
    const TypeKind kind = bound->type().kind();
    if (rows) {
        if (!bound->type().isInteger() || value.isNull() || value.asInt64() < 0) {
            failAt(offset.span, "sql.bad-argument", "ROWS takes a whole number from 0",
                   "such as ROWS BETWEEN 10 PRECEDING AND CURRENT ROW");
        }
        return value.asInt64();
    }
    if (key == nullptr) {
        failAt(offset.span, "sql.bad-argument", "RANGE with a distance needs exactly one column in ORDER BY");
    }
    if (key->isNanos()) {
        failAt(offset.span, "sql.not-supported",
               fmt::format("RANGE with a distance over {} is not supported", key->toString()),
               "ORDER BY a CAST of it AS TIMESTAMP(6)");
    }
    const bool over_time = key->kind() == TypeKind::Timestamp || key->kind() == TypeKind::TimestampLtz;
    const bool fits =
        over_time ? kind == TypeKind::IntervalDayTime : key->isInteger() && bound->type().isInteger();
    if (!fits || value.isNull() || value.asInt64() < 0) {
        failAt(offset.span, "sql.bad-argument",
               fmt::format("RANGE over {} takes {}, from 0", key->toString(),
                           over_time ? "an interval of days, hours, minutes or seconds"
                                     : "a whole number and a column of whole numbers"),
               over_time ? "such as RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW" : "");
    }
    return value.asInt64();
}

}  // namespace

const NamedWindow& OverCalls::named(const Identifier& name) const {
    std::vector<std::string> names;
    for (const NamedWindow& window : windows_) {
        if (window.name.name == name.name) return window;
        names.push_back(window.name.name);
    }
    const std::string near = nearestName(name.name, names);
    failAt(name.span, "sql.unknown-window", fmt::format("there is no window '{}'", name.name),
           near.empty() ? "the WINDOW clause names windows: WINDOW w AS (PARTITION BY ... ORDER BY ...)"
                        : fmt::format("did you mean '{}'?", near));
}

// A window that extends a named one adds what that leaves open.
void OverCalls::bindSpec(const OverSpec& spec, ExpressionBinder& binder, Window& window, bool& framed,
                         std::vector<std::string>& names) {
    if (!spec.name.name.empty()) {
        const NamedWindow& base = named(spec.name);
        if (std::find(names.begin(), names.end(), base.name.name) != names.end()) {
            failAt(spec.name.span, "sql.bad-window",
                   fmt::format("the window '{}' is defined by itself", spec.name.name));
        }
        names.push_back(base.name.name);
        bindSpec(base.spec, binder, window, framed, names);
        const bool refers_only = spec.partition_by.empty() && spec.order_by.empty();
        if (!spec.partition_by.empty() || (!spec.order_by.empty() && !window.order.empty()) ||
            (framed && (spec.frame != FrameUnit::None || !refers_only))) {
            failAt(spec.span, "sql.bad-window",
                   fmt::format("what extends the window '{}' cannot change what that says", spec.name.name),
                   "write the whole window here");
        }
    }
    for (const ExprPtr& key : spec.partition_by) {
        ExpressionPtr bound = binder.bindRoot(*key);
        if (bound->kind() == ExpressionKind::Literal) continue;  // the same for every row
        const auto same = std::find_if(
            window.partition.begin(), window.partition.end(),
            [&](const ExpressionPtr& other) { return other->canonical() == bound->canonical(); });
        if (same == window.partition.end()) window.partition.push_back(std::move(bound));
    }
    for (const OrderItem& item : spec.order_by) {
        ExpressionPtr bound = binder.bindRoot(*item.expression);
        if (bound->type().isNested() || bound->type().kind() == TypeKind::Variant) {
            failAt(item.expression->span, "sql.type-mismatch",
                   fmt::format("{} has no order", bound->type().toString()));
        }
        if (bound->kind() == ExpressionKind::Literal) continue;  // orders nothing
        window.order.push_back(
            {std::move(bound), item.descending, item.nulls_first.value_or(!item.descending)});
    }
    if (spec.frame != FrameUnit::None) {
        framed = true;
        window.frame = bindFrame(spec, window);
    }
}

OverFrame OverCalls::bindFrame(const OverSpec& spec, const Window& window) const {
    OverFrame frame;
    frame.rows = spec.frame == FrameUnit::Rows;
    const LogicalType* key = window.order.size() == 1 ? &window.order.front().expression->type() : nullptr;
    // How far behind the current row a bound is; nothing if it is unbounded.
    const auto offsetOf = [&](const FrameBound& bound) -> std::optional<int64_t> {
        switch (bound.kind) {
            case FrameBoundKind::UnboundedPreceding:
            case FrameBoundKind::UnboundedFollowing:
                break;
            case FrameBoundKind::CurrentRow:
                return 0;
            case FrameBoundKind::Preceding:
                return -precedingOf(*bound.offset, frame.rows, key);
            case FrameBoundKind::Following:
                return precedingOf(*bound.offset, frame.rows, key);
        }
        return std::nullopt;
    };
    const std::optional<int64_t> from = offsetOf(spec.from);
    frame.following = offsetOf(spec.to);
    if (spec.from.kind == FrameBoundKind::UnboundedFollowing ||
        spec.to.kind == FrameBoundKind::UnboundedPreceding ||
        (from && frame.following && *from > *frame.following)) {
        failAt(spec.span, "sql.bad-window", "a frame cannot start behind the row where it ends");
    }
    if (from) frame.preceding = -*from;
    return frame;
}

size_t OverCalls::windowOf(const OverSpec& spec, const TextSpan& span, RankFunction rank,
                           std::optional<int64_t> lag, ExpressionBinder& binder) {
    Window window;
    window.where = span;
    bool framed = false;
    std::vector<std::string> names;
    bindSpec(spec, binder, window, framed, names);
    if (rank == RankFunction::FirstValue || rank == RankFunction::LastValue) rank = RankFunction::None;
    if (rank != RankFunction::None) {
        if (framed) {
            failAt(spec.span, "sql.bad-window",
                   fmt::format("{} takes no ROWS or RANGE", rankFunctionName(rank)));
        }
        if ((rank == RankFunction::Rank || rank == RankFunction::DenseRank) && window.order.empty()) {
            failAt(spec.span, "sql.bad-window",
                   fmt::format("{} needs ORDER BY in its window", rankFunctionName(rank)));
        }
        window.frame.rows = rank == RankFunction::RowNumber;
    }
    if (lag) {
        if (framed) failAt(spec.span, "sql.bad-window", "LAG takes no ROWS or RANGE");
        if (window.order.empty()) failAt(spec.span, "sql.bad-window", "LAG needs ORDER BY in its window");
        window.frame.rows = true;
        window.frame.preceding = *lag;
    }
    for (const ExpressionPtr& key : window.partition)
        window.text += key->canonical() + ";";
    window.text += "|";
    for (const Order& order : window.order) {
        window.text +=
            fmt::format("{} {} {};", order.expression->canonical(), order.descending, order.nulls_first);
    }
    window.text += window.frame.toString();
    for (size_t i = 0; i < groups_.size(); ++i) {
        if (groups_[i].text == window.text) return i;
    }
    groups_.push_back(std::move(window));
    return groups_.size() - 1;
}

// LEAD, LAG IGNORE NULLS, NTILE, CUME_DIST, PERCENT_RANK, and the ends of a frame that respect NULL.
OverCalls::PendingCall OverCalls::bindPartitionCall(RankFunction function, const Call& call,
                                                    const TextSpan& span, ExpressionBinder& binder) const {
    const char* const name = rankFunctionName(function);
    if (call.star || call.distinct || call.filter)
        failAt(span, "sql.bad-argument", fmt::format("{} takes no *, DISTINCT or FILTER", name));
    PendingCall pending;
    pending.rank = function;
    pending.ignores_nulls = call.ignore_nulls.value_or(false);
    std::vector<ExpressionPtr> arguments;
    std::string text;
    for (const ExprPtr& argument : call.arguments) {
        arguments.push_back(binder.bindRoot(*argument));
        text += (text.empty() ? "" : ", ") + arguments.back()->toString();
    }
    const auto takes = [&](size_t least, size_t most, const char* what) {
        if (arguments.size() < least || arguments.size() > most)
            failAt(span, "sql.bad-argument", fmt::format("{} takes {}", name, what));
    };
    // A whole number that is written as such.
    const auto literal = [&](size_t place, std::optional<int64_t> least, const char* what) {
        const ExpressionPtr& argument = arguments[place];
        if (argument->kind() != ExpressionKind::Literal || !argument->type().isInteger() ||
            argument->value().isNull() || (least && argument->value().asInt64() < *least)) {
            failAt(call.arguments[place]->span, "sql.bad-argument",
                   fmt::format("{} takes {} as a literal, a whole number{}", name, what,
                               least ? fmt::format(" from {}", *least) : ""));
        }
        return argument->value().asInt64();
    };
    LogicalType& type = pending.bound.call.type;
    switch (function) {
        case RankFunction::Ntile:
            takes(1, 1, "how many buckets there are");
            pending.offset = literal(0, 1, "how many buckets there are");
            arguments.clear();
            type = LogicalType::bigint().withNullable(false);
            break;
        case RankFunction::PercentRank:
        case RankFunction::CumeDist:
            takes(0, 0, "no arguments");
            type = LogicalType::of(TypeKind::Double).withNullable(false);
            break;
        case RankFunction::FirstValue:
        case RankFunction::LastValue:
            takes(1, 1, "a value");
            type = arguments[0]->type().withNullable(true);
            break;
        default: {
            takes(1, 3, "a value, how many rows away it is, and what stands where there is no such row");
            pending.offset = arguments.size() > 1 ? literal(1, {}, "how many rows away the value is") : 1;
            if (function == RankFunction::Lag) pending.offset = -pending.offset;
            type = arguments[0]->type();
            if (arguments.size() > 2) {
                const LogicalType both[] = {type, arguments[2]->type()};
                const auto common = commonType(both);
                if (!common) {
                    failAt(span, "sql.type-mismatch",
                           fmt::format("the value of {} is {}, and what stands where there is none {}", name,
                                       type.toString(), arguments[2]->type().toString()));
                }
                type = *common;
                arguments[1] = convert(arguments[2], type.withNullable(true));
                arguments.resize(2);
            } else {
                arguments.resize(1);
            }
            type = type.withNullable(true);
            arguments[0] = convert(arguments[0], type);
        }
    }
    pending.bound.arguments = std::move(arguments);
    pending.bound.call.text = fmt::format("{}({}){}", name, text,
                                          !call.ignore_nulls   ? ""
                                          : *call.ignore_nulls ? " IGNORE NULLS"
                                                               : " RESPECT NULLS");
    pending.text = fmt::format("{} {} {}", name, pending.offset, pending.ignores_nulls);
    for (const ExpressionPtr& argument : pending.bound.arguments)
        pending.text += " " + argument->canonical();
    return pending;
}

ExpressionPtr OverCalls::bind(const Call& call, const TextSpan& span, ExpressionBinder& binder) {
    if (inside_) {
        failAt(span, "sql.misplaced-window-function",
               fmt::format("{} OVER is inside another window function", call.name),
               "put the inner one into a sub-query");
    }
    if (call.ignore_nulls && !treatsNulls(call.name)) {
        failAt(span, "sql.bad-argument",
               fmt::format("IGNORE NULLS and RESPECT NULLS do not go with {}", call.name),
               "they stand behind LAG, LEAD, FIRST_VALUE and LAST_VALUE");
    }
    PendingCall pending;
    pending.rank = rankFunctionOf(call.name);
    std::optional<int64_t> lag;
    inside_ = true;
    if (const RankFunction function = partitionFunctionOf(call.name, call.ignore_nulls);
        function != RankFunction::None) {
        pending = bindPartitionCall(function, call, span, binder);
    } else if (pending.rank != RankFunction::None) {
        if (!call.arguments.empty() || call.star || call.distinct || call.filter) {
            failAt(span, "sql.bad-argument", fmt::format("{}() takes no arguments", call.name));
        }
        pending.bound.call.type = LogicalType::bigint().withNullable(false);
        pending.bound.call.text = call.name + "()";
        pending.text = call.name;
    } else if (const AggregateFunction* function = overFunctionOf(call.name)) {
        pending.bound = bindAggregateCall(*function, call, span, binder, binder);
        if (function == &lagFunction()) {
            if (call.filter) failAt(span, "sql.bad-argument", "LAG takes no FILTER");
            lag = lagOffset(pending.bound.call.infos);
        }
        pending.text = fmt::format("{} {}", pending.bound.call.function->name, call.distinct);
        for (const ExpressionPtr& argument : pending.bound.arguments)
            pending.text += " " + argument->canonical();
        if (pending.bound.filter) pending.text += " filter " + pending.bound.filter->canonical();
    } else {
        failAt(span, "sql.unknown-function", fmt::format("there is no window function '{}'", call.name),
               "window functions are ROW_NUMBER, RANK, DENSE_RANK, PERCENT_RANK, CUME_DIST, NTILE, LAG, LEAD "
               "and "
               "every aggregate function");
    }
    const size_t group = windowOf(*call.over, span, pending.rank, lag, binder);
    inside_ = false;

    const auto column = [&](size_t index) {
        return Expression::column(kFirst + index, calls_[index].bound.call.type,
                                  calls_[index].bound.call.text);
    };
    for (const size_t index : groups_[group].calls) {
        if (calls_[index].text == pending.text) return column(index);
    }
    groups_[group].calls.push_back(calls_.size());
    calls_.push_back(std::move(pending));
    return column(calls_.size() - 1);
}

LogicalPtr OverCalls::buildWindow(const LogicalPtr& input, const Window& window) const {
    // Behind the input's columns, what the calls and the window compute of them.
    const size_t width = input->schema().size();
    std::vector<ExpressionPtr> columns;
    std::vector<std::string> names;
    std::vector<std::string> texts;
    for (size_t i = 0; i < width; ++i) {
        columns.push_back(columnOf(input, i));
        names.push_back(input->schema()[i].name);
    }
    const auto need = [&](const ExpressionPtr& expression) {
        if (expression->kind() == ExpressionKind::Column) return expression->index();
        const std::string text = expression->canonical();
        const auto found = std::find(texts.begin(), texts.end(), text);
        if (found != texts.end()) return width + static_cast<size_t>(found - texts.begin());
        texts.push_back(text);
        columns.push_back(expression);
        names.push_back(fmt::format("$w{}", texts.size() - 1));
        return columns.size() - 1;
    };
    std::vector<size_t> partition;
    for (const ExpressionPtr& key : window.partition)
        partition.push_back(need(key));
    std::vector<SortKey> order;
    for (const Order& by : window.order)
        order.push_back({need(by.expression), by.descending, by.nulls_first});
    std::vector<OverCall> calls;
    for (const size_t index : window.calls) {
        const PendingCall& pending = calls_[index];
        OverCall call{pending.rank, pending.bound.call, pending.offset, pending.ignores_nulls};
        for (const ExpressionPtr& argument : pending.bound.arguments)
            call.aggregate.arguments.push_back(need(argument));
        if (pending.bound.filter) call.aggregate.filter = need(pending.bound.filter);
        calls.push_back(std::move(call));
    }
    const LogicalPtr below = project(input, columns, std::move(names), window.where);
    const LogicalPtr over = std::make_shared<LogicalOver>(below, std::move(partition), std::move(order),
                                                          window.frame, std::move(calls), window.where);
    std::vector<ExpressionPtr> kept;
    std::vector<std::string> kept_names;
    for (size_t i = 0; i < over->schema().size(); ++i) {
        if (i >= width && i < columns.size()) continue;
        kept.push_back(columnOf(over, i));
        kept_names.push_back(over->schema()[i].name);
    }
    makeUnique(kept_names);
    return project(over, std::move(kept), std::move(kept_names), window.where);
}

LogicalPtr OverCalls::build(LogicalPtr input, const TextSpan& where) {
    if (calls_.empty()) return input;
    size_t next = input->schema().size();
    if (next > kFirst) {
        failAt(where, "sql.too-large", fmt::format("window functions over rows of {} columns", next));
    }
    replacements_.resize(kFirst + calls_.size());
    for (size_t i = 0; i < next; ++i)
        replacements_[i] = columnOf(input, i);
    for (const Window& window : groups_) {
        input = buildWindow(input, window);
        for (const size_t index : window.calls)
            replacements_[kFirst + index] = columnOf(input, next++);
    }
    return input;
}

ExpressionPtr OverCalls::resolved(const ExpressionPtr& expression) const {
    return calls_.empty() ? expression : Expression::rewriteColumns(expression, replacements_);
}

}  // namespace millrace::sql

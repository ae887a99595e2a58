// Window table functions: TUMBLE, HOP, CUMULATE and SESSION over a table with a time attribute.
#include <algorithm>
#include <array>

#include "sql/bind/group_window.h"
#include "sql/bind/query_binder.h"
#include "sql/parse/lexer.h"

namespace millrace::sql {

namespace {

// What a function takes, in order; `required` of them, the rest may be left out.
struct WindowFunction {
    std::string_view name;
    WindowKind kind;
    std::array<std::string_view, 5> parameters;
    size_t count;
    size_t required;
    const char* signature;
};

constexpr std::array<WindowFunction, 4> kWindowFunctions = {{
    {"TUMBLE",
     WindowKind::Tumble,
     {"DATA", "TIMECOL", "SIZE", "OFFSET", ""},
     4,
     3,
     "TUMBLE(TABLE data, DESCRIPTOR(timecol), size [, offset])"},
    {"HOP",
     WindowKind::Hop,
     {"DATA", "TIMECOL", "SLIDE", "SIZE", "OFFSET"},
     5,
     4,
     "HOP(TABLE data, DESCRIPTOR(timecol), slide, size [, offset])"},
    {"CUMULATE",
     WindowKind::Cumulate,
     {"DATA", "TIMECOL", "STEP", "SIZE", "OFFSET"},
     5,
     4,
     "CUMULATE(TABLE data, DESCRIPTOR(timecol), step, size [, offset])"},
    {"SESSION",
     WindowKind::Session,
     {"DATA", "TIMECOL", "GAP", "", ""},
     3,
     3,
     "SESSION(TABLE data [PARTITION BY keys], DESCRIPTOR(timecol), gap)"},
}};

// The arguments by parameter, whether they were named or not; absent ones are nullptr.
std::array<const Expr*, 5> matchArguments(const WindowFunction& function, const Call& call,
                                          const TextSpan& span) {
    std::array<const Expr*, 5> matched{};
    const auto fail = [&](const TextSpan& where, std::string message) {
        failAt(where, "sql.bad-argument", std::move(message),
               fmt::format("the function is {}", function.signature));
    };
    size_t position = 0;
    for (const ExprPtr& argument : call.arguments) {
        if (const auto* named = std::get_if<NamedArgument>(&argument->node)) {
            const std::string upper = toUpper(named->name.name);
            const auto found =
                std::find(function.parameters.begin(), function.parameters.begin() + function.count, upper);
            const auto index = static_cast<size_t>(found - function.parameters.begin());
            if (index == function.count)
                fail(named->name.span, fmt::format("{} has no parameter {}", function.name, upper));
            if (matched[index] != nullptr)
                fail(named->name.span, fmt::format("parameter {} is given twice", upper));
            matched[index] = named->value.get();
            position = function.count;
        } else {
            if (position >= function.count)
                fail(argument->span,
                     fmt::format("{} takes at most {} arguments", function.name, function.count));
            matched[position++] = argument.get();
        }
    }
    for (size_t i = 0; i < function.required; ++i) {
        if (matched[i] == nullptr)
            fail(span, fmt::format("{} needs its argument {}", function.name, function.parameters[i]));
    }
    return matched;
}

size_t timeColumn(const Expr& expr, const Scope& scope) {
    const auto* descriptor = std::get_if<DescriptorArgument>(&expr.node);
    if (descriptor == nullptr || descriptor->columns.size() != 1) {
        failAt(expr.span, "sql.bad-argument", "the time column is given as DESCRIPTOR(column)");
    }
    const Identifier& name = descriptor->columns.front();
    const size_t column = scope.resolve({name}).column;
    if (!mayBeWindowed(scope, column)) failNoTimeAttribute(name.span, name.name);
    return column;
}

}  // namespace

int64_t windowLength(const Expr& expr, std::string_view parameter, bool may_be_negative) {
    const Scope empty;
    const std::string what = fmt::format("the argument {}", parameter);
    const ExpressionPtr bound = ExpressionBinder(empty, what).bindRoot(expr);
    if (bound->type().kind() != TypeKind::IntervalDayTime) {
        failAt(expr.span, "sql.bad-argument",
               fmt::format("{} must be an interval of days, hours, minutes or seconds", what),
               "such as INTERVAL '1' MINUTE");
    }
    const Value value = constantValue(bound, expr.span, what.c_str());
    if (value.isNull() || (!may_be_negative && value.asInt64() <= 0)) {
        failAt(expr.span, "sql.bad-argument", fmt::format("{} must be longer than nothing", what));
    }
    if (value.asInt64() % 1000 != 0)
        failAt(expr.span, "sql.bad-argument", fmt::format("{} must be whole milliseconds", what));
    return value.asInt64();
}

bool mayBeWindowed(const Scope& scope, size_t column) {
    const LogicalType& type = scope.field(column).type;
    return scope.traits(column).time != TimeAttribute::None || (type.isTimestamp() && !type.isNanos());
}

void failNoTimeAttribute(const TextSpan& span, const std::string& column) {
    failAt(
        span, "sql.no-time-attribute", fmt::format("column '{}' is no time attribute", column),
        fmt::format(
            "declare WATERMARK FOR {0} AS {0} - INTERVAL '5' SECOND in its table; expressions over it "
            "and unwindowed GROUP BY lose it. In batch mode windows are made over any TIMESTAMP of up to 6 "
            "digits",
            column));
}

LogicalPtr QueryBinder::bindTableArgument(const Expr& argument, std::vector<const Expr*>& partition_by) {
    if (const auto* query = std::get_if<ScalarQuery>(&argument.node)) return bindQuery(*query->query);
    const auto* table = std::get_if<TableArgument>(&argument.node);
    if (table == nullptr)
        failAt(argument.span, "sql.bad-argument",
               "the data is given as TABLE name or as a query in parentheses");
    for (const ExprPtr& key : table->partition_by)
        partition_by.push_back(key.get());
    if (!table->order_by.empty())
        failNotSupported(table->order_by.front().expression->span, "ORDER BY of a table argument is");
    if (table->query) return bindQuery(*table->query);
    NamedTable named;
    named.name = table->table;
    return bindNamed(named);
}

LogicalPtr QueryBinder::bindWindowFunction(const Call& call, const TextSpan& span) {
    const auto* function =
        std::find_if(kWindowFunctions.begin(), kWindowFunctions.end(),
                     [&](const WindowFunction& candidate) { return candidate.name == call.name; });
    if (function == kWindowFunctions.end()) {
        std::vector<std::string> names;
        names.reserve(kWindowFunctions.size());
        for (const WindowFunction& known : kWindowFunctions)
            names.emplace_back(known.name);
        const std::string near = nearestName(call.name, names);
        failAt(span, "sql.unknown-function",
               fmt::format("there is no table function '{}'", call.path.back().name),
               near.empty() ? "the window functions TUMBLE, HOP, CUMULATE and SESSION are"
                            : fmt::format("did you mean '{}'?", near));
    }
    const std::array<const Expr*, 5> arguments = matchArguments(*function, call, span);
    std::vector<const Expr*> partition_by;
    const LogicalPtr input = bindTableArgument(*arguments[0], partition_by);
    const Scope scope(input, "");

    WindowSpec window;
    window.kind = function->kind;
    const size_t time = timeColumn(*arguments[1], scope);
    window.time = scope.traits(time).time;
    window.time_type = scope.field(time).type;
    const bool two_lengths = function->kind == WindowKind::Hop || function->kind == WindowKind::Cumulate;
    window.step = windowLength(*arguments[2], function->parameters[2], false);
    window.size = two_lengths ? windowLength(*arguments[3], function->parameters[3], false) : window.step;
    if (window.size % window.step != 0) {
        failAt(arguments[3]->span, "sql.bad-argument",
               fmt::format("the size of {} must be a whole multiple of its {}", function->name,
                           function->parameters[2]));
    }
    const size_t offset = function->required;
    if (offset < function->count && arguments[offset] != nullptr) {
        window.offset = windowLength(*arguments[offset], "OFFSET", true);
    }
    if (!partition_by.empty() && function->kind != WindowKind::Session) {
        failAt(partition_by.front()->span, "sql.bad-argument",
               fmt::format("{} takes no PARTITION BY", function->name), "partition with GROUP BY");
    }
    std::vector<size_t> keys;
    ExpressionBinder binder(scope, "PARTITION BY");
    for (const Expr* key : partition_by) {
        const ExpressionPtr bound = binder.bindRoot(*key);
        if (bound->kind() != ExpressionKind::Column)
            failAt(key->span, "sql.bad-argument", "PARTITION BY takes columns");
        keys.push_back(bound->index());
    }
    const TextSpan& where = window.time == TimeAttribute::None ? arguments[1]->span : span;
    return std::make_shared<LogicalWindowTable>(input, std::make_shared<const WindowSpec>(std::move(window)),
                                                time, std::move(keys), where);
}

}  // namespace millrace::sql

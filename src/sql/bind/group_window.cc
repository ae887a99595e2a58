#include "sql/bind/group_window.h"

#include <algorithm>
#include <array>

#include "sql/bind/query_binder.h"
#include "sql/parse/to_sql.h"

namespace millrace::sql {

namespace {

struct GroupFunction {
    std::string_view name;
    WindowKind kind;
    size_t arguments;
    const char* signature;
};

constexpr std::array<GroupFunction, 3> kGroupFunctions = {{
    {"TUMBLE", WindowKind::Tumble, 2, "TUMBLE(time, size)"},
    {"HOP", WindowKind::Hop, 3, "HOP(time, slide, size)"},
    {"SESSION", WindowKind::Session, 2, "SESSION(time, gap)"},
}};

const GroupFunction* functionOf(std::string_view name) {
    const auto* found = std::find_if(kGroupFunctions.begin(), kGroupFunctions.end(),
                                     [&](const GroupFunction& f) { return f.name == name; });
    return found == kGroupFunctions.end() ? nullptr : found;
}

// The window function of TUMBLE_START and what it asks for.
struct Auxiliary {
    const GroupFunction* function = nullptr;
    GroupWindow::Part part{};
};

std::optional<Auxiliary> auxiliaryOf(std::string_view name) {
    static constexpr std::pair<std::string_view, GroupWindow::Part> kParts[] = {
        {"_START", GroupWindow::Part::Start},
        {"_END", GroupWindow::Part::End},
        {"_ROWTIME", GroupWindow::Part::Rowtime},
        {"_PROCTIME", GroupWindow::Part::Proctime}};
    for (const auto& [suffix, part] : kParts) {
        if (!name.ends_with(suffix)) continue;
        const GroupFunction* function = functionOf(name.substr(0, name.size() - suffix.size()));
        if (function) return Auxiliary{function, part};
    }
    return std::nullopt;
}

const Call* windowCall(const Expr& expr) {
    const auto* call = std::get_if<Call>(&expr.node);
    return call != nullptr && call->path.size() == 1 && functionOf(call->name) ? call : nullptr;
}

}  // namespace

bool isGroupWindowFunction(std::string_view name) {
    return functionOf(name) != nullptr || auxiliaryOf(name).has_value();
}

bool GroupWindow::is(const Expr& expr) { return windowCall(expr) != nullptr; }

std::vector<std::string> GroupWindow::argumentTexts(const Call& call, const Scope& scope) {
    ExpressionBinder binder(scope, fmt::format("the arguments of {}", call.name));
    std::vector<std::string> texts;
    for (const ExprPtr& argument : call.arguments)
        texts.push_back(binder.bindRoot(*argument)->canonical());
    return texts;
}

std::optional<GroupWindow> GroupWindow::find(const Select& select, const Scope& scope) {
    std::optional<GroupWindow> found;
    for (const GroupItem& item : select.group_by) {
        if (item.kind != GroupingKind::Expressions) continue;  // it is refused there
        for (const std::vector<ExprPtr>& set : item.sets) {
            for (const ExprPtr& expr : set) {
                const Call* call = windowCall(*expr);
                if (!call) continue;
                if (found) {
                    failAt(expr->span, "sql.bad-argument", "GROUP BY takes one window",
                           "window what one query makes of the other's rows: TUMBLE_ROWTIME(...) is a time "
                           "attribute");
                }
                const GroupFunction& function = *functionOf(call->name);
                if (call->arguments.size() != function.arguments) {
                    failAt(
                        expr->span, "sql.bad-argument",
                        fmt::format("{} in GROUP BY takes {} arguments", function.name, function.arguments),
                        fmt::format("the function is {}", function.signature));
                }
                const Expr& time = *call->arguments[0];
                const ExpressionPtr column = ExpressionBinder(scope, "GROUP BY").bindRoot(time);
                if (column->kind() != ExpressionKind::Column || !mayBeWindowed(scope, column->index()))
                    failNoTimeAttribute(time.span, column->toString());
                WindowSpec window;
                window.kind = function.kind;
                window.time = scope.traits(column->index()).time;
                window.time_type = column->type();
                const bool hop = function.kind == WindowKind::Hop;
                window.step = windowLength(*call->arguments[1],
                                           hop                                    ? "slide"
                                           : function.kind == WindowKind::Session ? "gap"
                                                                                  : "size",
                                           false);
                window.size = hop ? windowLength(*call->arguments[2], "size", false) : window.step;
                found.emplace();
                found->window_ = std::make_shared<const WindowSpec>(std::move(window));
                found->time_column_ = column->index();
                found->arguments_ = argumentTexts(*call, scope);
                found->text_ = toSql(*expr);
                found->where_ = expr->span;
            }
        }
    }
    return found;
}

LogicalPtr GroupWindow::table(const LogicalPtr& input, std::vector<ExpressionPtr>& keys) const {
    if (window_->kind != WindowKind::Session)
        return std::make_shared<LogicalWindowTable>(input, window_, time_column_, std::vector<size_t>{},
                                                    where_);
    std::vector<ExpressionPtr> columns;
    std::vector<std::string> names;
    for (size_t i = 0; i < input->schema().size(); ++i) {
        columns.push_back(columnOf(input, i));
        names.push_back(input->schema()[i].name);
    }
    std::vector<size_t> partition;
    for (ExpressionPtr& key : keys) {
        if (key->kind() != ExpressionKind::Column) {
            names.push_back(fmt::format("$k{}", partition.size()));
            columns.push_back(key);
            key = Expression::column(columns.size() - 1, key->type(), key->toString());
        }
        partition.push_back(key->index());
    }
    return std::make_shared<LogicalWindowTable>(project(input, std::move(columns), std::move(names), where_),
                                                window_, time_column_, std::move(partition), where_);
}

GroupWindow::Part GroupWindow::part(const Call& call, const TextSpan& span, const Scope& scope) const {
    const auto auxiliary = auxiliaryOf(call.name);
    if (!auxiliary) {
        failAt(span, "sql.bad-argument", fmt::format("{} stands only in GROUP BY", call.name),
               fmt::format("{0}_START({1}) and {0}_END({1}) are its bounds", call.name,
                           text_.substr(text_.find('(') + 1, text_.size() - text_.find('(') - 2)));
    }
    if (auxiliary->function->kind != window_->kind || argumentTexts(call, scope) != arguments_) {
        failAt(span, "sql.bad-argument",
               fmt::format("{} is not of the window in GROUP BY, which is {}", call.name, text_),
               "give it the same arguments");
    }
    if (auxiliary->part == Part::Rowtime && window_->time == TimeAttribute::Proctime) {
        failAt(span, "sql.bad-argument", "a window in processing time has no rowtime attribute",
               fmt::format("{}_PROCTIME is its processing-time attribute", auxiliary->function->name));
    }
    return auxiliary->part;
}

}  // namespace millrace::sql

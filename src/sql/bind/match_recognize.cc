// MATCH_RECOGNIZE (Flink documentation, "Pattern Recognition"). What MEASURES and DEFINE take from the rows
// of a match becomes cells; what they compute of a row alone, columns below, and of cells, expressions over
// them.
#include <algorithm>

#include "sql/bind/aggregate_call.h"
#include "sql/bind/group_window.h"
#include "sql/bind/logical_match.h"
#include "sql/bind/query_binder.h"

namespace millrace::sql {

namespace {

constexpr size_t kFirstCell = size_t{1} << 16;  // cell i is this column and i, until all are known

// The columns of the input with what is computed of them behind.
struct ComputedColumns {
    explicit ComputedColumns(LogicalPtr of) : input(std::move(of)) {
        for (size_t i = 0; i < input->schema().size(); ++i) {
            expressions.push_back(columnOf(input, i));
            names.push_back(input->schema()[i].name);
        }
    }
    size_t need(const ExpressionPtr& expression) {
        if (expression->kind() == ExpressionKind::Column) return expression->index();
        const std::string text = expression->canonical();
        for (size_t i = input->schema().size(); i < expressions.size(); ++i) {
            if (expressions[i]->canonical() == text) return i;
        }
        expressions.push_back(expression);
        names.push_back(fmt::format("$m{}", expressions.size() - 1 - input->schema().size()));
        return expressions.size() - 1;
    }

    LogicalPtr input;
    std::vector<ExpressionPtr> expressions;
    std::vector<std::string> names;
};

bool readsCells(const ExpressionPtr& expression) {
    if (expression->kind() == ExpressionKind::Column) return expression->index() >= kFirstCell;
    return std::any_of(expression->arguments().begin(), expression->arguments().end(), readsCells);
}

// Binds MEASURES, and DEFINE of one variable at a time.
class MatchBinder final : public ExpressionBinder {
  public:
    MatchBinder(const Scope& scope, const std::vector<PatternVariable>& variables, ComputedColumns& columns,
                std::vector<PatternCell>& cells, const char* clause)
        : ExpressionBinder(scope, clause), variables_(variables), columns_(columns), cells_(cells) {}

    void define(uint32_t variable) { defined_ = variable; }
    // The time attribute's column, if MATCH_ROWTIME() is to be had.
    void orderedBy(std::optional<size_t> rowtime) { rowtime_ = rowtime; }
    const std::optional<size_t>& rowtimeCell() const { return rowtime_cell_; }

    ExpressionPtr bind(const Expr& expr) override {
        const auto* call = std::get_if<Call>(&expr.node);
        if (call == nullptr || call->over) return ExpressionBinder::bind(expr);
        return located(expr.span, [&]() -> ExpressionPtr {
            if (call->name == "FIRST" || call->name == "LAST") return navigation(*call, expr.span);
            if (call->name == "PREV" || call->name == "NEXT") {
                failNotSupported(
                    expr.span,
                    fmt::format("{}, which looks at rows whether or not they match, is", call->name),
                    "LAST(A.column, 1) is the row of A before its last one");
            }
            if (call->name == "CLASSIFIER" || call->name == "MATCH_NUMBER")
                failNotSupported(expr.span, fmt::format("{} is", call->name));
            if (call->name == "MATCH_PROCTIME" || call->name == "MATCH_ROWTIME") {
                if (defined_ || inside_) {
                    failAt(expr.span, "sql.bad-argument",
                           fmt::format("{} stands in MEASURES, outside of other functions", call->name));
                }
                return call->name == "MATCH_PROCTIME" ? proctime(*call, expr.span)
                                                      : rowtime(*call, expr.span);
            }
            return ExpressionBinder::bind(expr);
        });
    }

  protected:
    ExpressionPtr bindColumn(const ColumnRef& column, const TextSpan& span) override {
        std::optional<uint32_t> variable;
        std::vector<Identifier> path = column.path;
        if (path.size() > 1) {
            variable = variableOf(path.front().name);
            if (variable) path.erase(path.begin());
        }
        const Scope::Resolved found = scope().resolve(path);
        if (inside_) {
            if (seen_ && *seen_ != variable) {
                failAt(span, "sql.bad-argument",
                       "what FIRST, LAST and aggregate functions are given must be of one pattern variable",
                       "as in SUM(A.price * A.amount)");
            }
            seen_ = variable;
            return fields(columnExpression(found.column), path, found.parts);
        }
        // The row at hand is the variable's last one, and the last of all.
        if (defined_ && (!variable || *variable == *defined_))
            return fields(columnExpression(found.column), path, found.parts);
        PatternCell cell;
        cell.variable = variable;
        cell.column = found.column;
        cell.type = scope().field(found.column).type.withNullable(true);
        cell.text = fmt::format("LAST({})", named(variable, scope().field(found.column).name));
        return fields(cellColumn(std::move(cell)), path, found.parts);
    }

    ExpressionPtr bindAggregate(const Call& call, const TextSpan& span) override {
        if (inside_) {
            failAt(span, "sql.misplaced-aggregate",
                   fmt::format("{} is inside another function over the rows of a match", call.name));
        }
        if (call.distinct || call.filter) {
            failNotSupported(
                span, fmt::format("{} in MATCH_RECOGNIZE is",
                                  call.distinct ? "an aggregate with DISTINCT" : "an aggregate with FILTER"));
        }
        PatternCell cell;
        cell.kind = PatternCell::Kind::Aggregate;
        inside_ = true;
        seen_.reset();
        BoundCall bound = bindAggregateCall(*findAggregateFunction(call.name), call, span, *this, *this);
        inside_ = false;
        if (seen_) cell.variable = *seen_;
        for (const ExpressionPtr& argument : bound.arguments)
            bound.call.arguments.push_back(columns_.need(argument));
        cell.type = bound.call.type;
        cell.text = named(cell.variable, bound.call.text);
        cell.aggregate = std::move(bound.call);
        return cellColumn(std::move(cell));
    }

  private:
    std::string named(const std::optional<uint32_t>& variable, const std::string& text) const {
        return variable ? variables_[*variable].name + "." + text : text;
    }
    std::optional<uint32_t> variableOf(const std::string& name) const {
        for (uint32_t i = 0; i < variables_.size(); ++i) {
            if (variables_[i].name == name) return i;
        }
        return std::nullopt;
    }

    // FIRST(expression [, n]) and LAST(expression [, n]).
    ExpressionPtr navigation(const Call& call, const TextSpan& span) {
        if (inside_) {
            failAt(span, "sql.bad-argument",
                   fmt::format("{} is inside another function over the rows of a match", call.name));
        }
        if (call.arguments.empty() || call.arguments.size() > 2 || call.star || call.distinct ||
            call.filter) {
            failAt(span, "sql.bad-argument",
                   fmt::format("{} takes a value of a pattern variable and how many rows on from there",
                               call.name),
                   fmt::format("as in {}(A.price, 1)", call.name));
        }
        PatternCell cell;
        cell.kind = call.name == "FIRST" ? PatternCell::Kind::First : PatternCell::Kind::Last;
        if (call.arguments.size() > 1) {
            const Scope empty;
            const ExpressionPtr offset =
                ExpressionBinder(empty, "FIRST and LAST").bindRoot(*call.arguments[1]);
            if (offset->kind() != ExpressionKind::Literal || !offset->type().isInteger() ||
                offset->value().isNull() || offset->value().asInt64() < 0) {
                failAt(call.arguments[1]->span, "sql.bad-argument",
                       fmt::format("{} takes how many rows as a literal, a whole number from 0", call.name));
            }
            cell.offset = offset->value().asInt64();
        }
        inside_ = true;
        seen_.reset();
        const ExpressionPtr value = bindRoot(*call.arguments[0]);
        inside_ = false;
        if (seen_) cell.variable = *seen_;
        cell.column = columns_.need(value);
        cell.type = value->type().withNullable(true);
        cell.text = fmt::format("{}({}{})", call.name, named(cell.variable, value->toString()),
                                cell.offset == 0 ? "" : fmt::format(", {}", cell.offset));
        return cellColumn(std::move(cell));
    }

    static ExpressionPtr proctime(const Call& call, const TextSpan& span) {
        if (!call.arguments.empty()) failAt(span, "sql.bad-argument", "MATCH_PROCTIME() takes no arguments");
        return Expression::call("PROCTIME", {});
    }

    ExpressionPtr rowtime(const Call& call, const TextSpan& span) {
        if (!rowtime_) {
            failAt(
                span, "sql.no-time-attribute",
                "MATCH_ROWTIME() is the time of a match's last row, and ORDER BY names no rowtime attribute",
                "MATCH_PROCTIME() is there with any ORDER BY");
        }
        if (!call.arguments.empty()) {
            const auto* column = std::get_if<ColumnRef>(&call.arguments.front()->node);
            if (call.arguments.size() > 1 || column == nullptr ||
                scope().resolve(column->path).column != *rowtime_) {
                failAt(span, "sql.bad-argument",
                       "MATCH_ROWTIME takes nothing, or the rowtime attribute of ORDER BY");
            }
        }
        PatternCell cell;
        cell.column = *rowtime_;
        cell.type = scope().field(*rowtime_).type;
        cell.text = "MATCH_ROWTIME()";
        ExpressionPtr result = cellColumn(std::move(cell));
        rowtime_cell_ = result->index() - kFirstCell;
        return result;
    }

    ExpressionPtr cellColumn(PatternCell cell) {
        const std::string text = cell.canonical();
        size_t at = 0;
        while (at < cells_.size() && (cells_[at].canonical() != text || cells_[at].type != cell.type))
            ++at;
        if (at == cells_.size()) cells_.push_back(std::move(cell));
        return Expression::column(kFirstCell + at, cells_[at].type, cells_[at].text);
    }

    const std::vector<PatternVariable>& variables_;
    ComputedColumns& columns_;
    std::vector<PatternCell>& cells_;
    std::optional<uint32_t> defined_;
    std::optional<size_t> rowtime_;
    std::optional<size_t> rowtime_cell_;
    bool inside_ = false;  // binding what FIRST, LAST or an aggregate function is given
    std::optional<std::optional<uint32_t>> seen_;  // there: whose rows they are
};

// `expression` over `schema`'s first columns and cells behind all of them.
ExpressionPtr withCells(const ExpressionPtr& expression, const Schema& schema,
                        const std::vector<PatternCell>& cells, size_t first_cell) {
    std::vector<ExpressionPtr> replacements(kFirstCell + cells.size());
    for (size_t i = 0; i < schema.size(); ++i)
        replacements[i] = Expression::column(i, schema[i].type, schema[i].name);
    for (size_t i = 0; i < cells.size(); ++i)
        replacements[kFirstCell + i] = Expression::column(first_cell + i, cells[i].type, cells[i].text);
    return Expression::rewriteColumns(expression, replacements);
}

uint32_t variableNamed(const MatchSpec& spec, const Identifier& name) {
    std::vector<std::string> names;
    for (uint32_t i = 0; i < spec.variables.size(); ++i) {
        if (spec.variables[i].name == name.name) return i;
        names.push_back(spec.variables[i].name);
    }
    const std::string near = nearestName(name.name, names);
    failAt(name.span, "sql.unknown-variable", fmt::format("PATTERN has no variable '{}'", name.name),
           near.empty() ? "" : fmt::format("did you mean '{}'?", near));
}

std::vector<PatternVariable> variablesOf(const MatchTable& match) {
    std::vector<PatternVariable> variables;
    for (const PatternItem& item : match.pattern) {
        const TextSpan& span = item.variable.span;
        for (const PatternVariable& other : variables) {
            if (other.name == item.variable.name) {
                failNotSupported(span,
                                 fmt::format("a pattern variable that stands twice in PATTERN, as '{}', is",
                                             item.variable.name));
            }
        }
        if (item.to && (*item.to == 0 || *item.to < item.from)) {
            failAt(span, "sql.bad-argument",
                   fmt::format("the quantifier of '{}' is one of at most {} rows, and at least {}",
                               item.variable.name, *item.to, item.from));
        }
        if (item.reluctant && item.from == 0 && item.to == 1) {
            failNotSupported(span,
                             fmt::format("a reluctant optional variable, as '{}?\?', is", item.variable.name),
                             "without the second '?', a match with a row of it and one without it are both "
                             "looked for");
        }
        variables.push_back(
            {item.variable.name, {item.from, item.to, item.reluctant}, std::nullopt, nullptr});
    }
    if (variables.size() > kPatternVariablesMax) {
        failAt(match.pattern.front().variable.span, "sql.too-large",
               fmt::format("a PATTERN of {} variables; there may be {}", variables.size(),
                           kPatternVariablesMax));
    }
    return variables;
}

// PARTITION BY and ORDER BY.
void bindRows(const MatchTable& match, const Scope& scope, const TextSpan& span, MatchSpec& spec) {
    for (const ExprPtr& key : match.partition_by) {
        const ExpressionPtr column = ExpressionBinder(scope, "PARTITION BY").bindRoot(*key);
        if (column->kind() != ExpressionKind::Column) {
            failAt(key->span, "sql.bad-argument", "PARTITION BY of MATCH_RECOGNIZE takes columns",
                   "compute what it is to be in a sub-query");
        }
        if (std::find(spec.partition.begin(), spec.partition.end(), column->index()) == spec.partition.end())
            spec.partition.push_back(column->index());
    }
    if (match.order_by.empty()) {
        failAt(span, "sql.no-time-attribute", "MATCH_RECOGNIZE needs ORDER BY a time attribute",
               "rows are matched in its order");
    }
    for (const OrderItem& item : match.order_by) {
        const ExpressionPtr column = ExpressionBinder(scope, "ORDER BY").bindRoot(*item.expression);
        if (column->kind() != ExpressionKind::Column)
            failAt(item.expression->span, "sql.bad-argument", "ORDER BY of MATCH_RECOGNIZE takes columns");
        spec.order.push_back({column->index(), item.descending, item.nulls_first.value_or(!item.descending)});
    }
    const OrderItem& first = match.order_by.front();
    const SortKey& time = spec.order.front();
    spec.time = scope.traits(time.column).time;
    if (spec.time == TimeAttribute::None)
        failNoTimeAttribute(first.expression->span, scope.field(time.column).name);
    if (time.descending) {
        failAt(first.expression->span, "sql.bad-argument",
               "ORDER BY of MATCH_RECOGNIZE starts with a time attribute that ascends");
    }
    if (spec.time == TimeAttribute::Proctime && spec.order.size() > 1) {
        failNotSupported(match.order_by[1].expression->span,
                         "a further column behind a processing-time attribute in ORDER BY is",
                         "every row has a processing time of its own");
    }
}

}  // namespace

LogicalPtr QueryBinder::bindMatch(const MatchTable& match, const TextSpan& span) {
    const Scope scope = bindTable(*match.input);
    auto spec = std::make_shared<MatchSpec>();
    bindRows(match, scope, span, *spec);
    spec->variables = variablesOf(match);
    std::vector<PatternPart> parts;
    for (const PatternVariable& variable : spec->variables)
        parts.push_back(variable.part);
    located(match.pattern.front().variable.span, [&] { return PatternAutomaton(parts).start(); });
    spec->after = static_cast<AfterMatch>(match.after);
    if (match.after_variable) spec->after_variable = variableNamed(*spec, *match.after_variable);
    if (match.within) spec->within_ms = windowLength(*match.within, "WITHIN", false) / 1000;

    ComputedColumns columns(scope.node());
    std::vector<ExpressionPtr> conditions(spec->variables.size());
    for (const MatchDefinition& definition : match.definitions) {
        const uint32_t variable = variableNamed(*spec, definition.variable);
        if (conditions[variable]) {
            failAt(definition.variable.span, "sql.duplicate-name",
                   fmt::format("'{}' is defined twice", definition.variable.name));
        }
        MatchBinder binder(scope, spec->variables, columns, spec->condition_cells, "DEFINE");
        binder.define(variable);
        conditions[variable] = binder.bindCondition(*definition.condition);
    }
    std::vector<std::string> names;
    std::vector<ExpressionPtr> measures;
    MatchBinder binder(scope, spec->variables, columns, spec->cells, "MEASURES");
    if (spec->time == TimeAttribute::Rowtime) binder.orderedBy(spec->order.front().column);
    for (const SelectItem& measure : match.measures) {
        measures.push_back(binder.bindRoot(*measure.expression));
        names.push_back(measure.alias->name);
    }

    // What is asked of the row alone is a column below.
    std::vector<ExpressionPtr> of_cells(conditions.size());
    for (size_t i = 0; i < conditions.size(); ++i) {
        if (!conditions[i]) continue;
        std::vector<ExpressionPtr> own, others;
        const bool several = conditions[i]->kind() == ExpressionKind::And;
        for (const ExpressionPtr& part :
             several ? conditions[i]->arguments() : std::vector<ExpressionPtr>{conditions[i]})
            (readsCells(part) ? others : own).push_back(part);
        const auto all = [](std::vector<ExpressionPtr> list) -> ExpressionPtr {
            if (list.empty()) return nullptr;
            return list.size() == 1 ? list.front() : Expression::logicalAnd(std::move(list));
        };
        if (const ExpressionPtr column = all(std::move(own)))
            spec->variables[i].column = columns.need(column);
        of_cells[i] = all(std::move(others));
    }
    const LogicalPtr below = project(scope.node(), columns.expressions, columns.names, span);
    for (size_t i = 0; i < of_cells.size(); ++i) {
        if (!of_cells[i]) continue;
        spec->variables[i].condition =
            withCells(of_cells[i], below->schema(), spec->condition_cells, below->schema().size());
    }
    const std::vector<PatternCell> cells = spec->cells;
    const size_t keys = spec->partition.size();
    const LogicalPtr node =
        std::make_shared<LogicalMatch>(below, std::move(spec), binder.rowtimeCell(), span);
    std::vector<ExpressionPtr> result;
    std::vector<std::string> result_names;
    for (size_t i = 0; i < keys; ++i) {
        result.push_back(columnOf(node, i));
        result_names.push_back(node->schema()[i].name);
    }
    for (size_t i = 0; i < measures.size(); ++i) {
        result.push_back(withCells(measures[i], Schema(), cells, keys));
        result_names.push_back(names[i]);
    }
    if (result.empty()) {
        failAt(span, "sql.bad-argument", "MATCH_RECOGNIZE without PARTITION BY and MEASURES has no columns",
               "MEASURES says what is told of a match");
    }
    makeUnique(result_names);
    return project(node, std::move(result), std::move(result_names), span);
}

}  // namespace millrace::sql

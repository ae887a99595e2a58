// A condition that a column has one of some values goes into the table's source, where the source takes it:
// the rows it leaves out are then never made. It passes a watermark, since a source only takes what does not
// hold up event time (ConnectorDescriptor::accepts_filter), and the table's computed columns. Where a single
// value is left, the column is that value, in the filter's own expressions and those below.
#include <map>

#include "sql/plan/connectors.h"
#include "sql/plan/nodes/calc.h"
#include "sql/plan/nodes/watermark.h"

namespace millrace::sql {

namespace {

// "$column IN (values)"
struct Membership {
    size_t column = 0;
    std::vector<Value> values;
};

std::optional<Membership> equality(const Expression& expression) {
    if (expression.kind() != ExpressionKind::Call || expression.name() != "=") return std::nullopt;
    const Expression* column = expression.arguments()[0].get();
    const Expression* literal = expression.arguments()[1].get();
    if (column->kind() != ExpressionKind::Column) std::swap(column, literal);
    if (column->kind() != ExpressionKind::Column || literal->kind() != ExpressionKind::Literal ||
        literal->value().isNull() || !column->type().sameIgnoringNullable(literal->type()))
        return std::nullopt;
    return Membership{column->index(), {literal->value()}};
}

std::optional<Membership> membership(const Expression& expression) {
    if (expression.kind() != ExpressionKind::Or) return equality(expression);
    std::optional<Membership> all;
    for (const ExpressionPtr& argument : expression.arguments()) {
        const std::optional<Membership> one = equality(*argument);
        if (!one || (all && all->column != one->column)) return std::nullopt;
        if (!all) {
            all = one;
        } else {
            all->values.push_back(one->values.front());
        }
    }
    return all;
}

// A scan below a filter, and the nodes between them from the top.
struct Chain {
    Rel* scan = nullptr;
    std::vector<Rel*> between;
};

using Parents = std::map<const Rel*, size_t>;

std::optional<Chain> chainBelow(const Rel& filter, const Parents& parents) {
    Chain chain;
    Rel* at = filter.input().get();
    while (parents.at(at) == 1) {
        if (at->get<ScanRel>()) {
            chain.scan = at;
            return chain;
        }
        if (!at->get<WatermarkRel>() && !at->get<CalcRel>()) break;
        chain.between.push_back(at);
        at = at->input().get();
    }
    return std::nullopt;
}

// Of which column of the scan `column` is a copy, where it is one.
std::optional<size_t> traced(const Chain& chain, size_t column) {
    for (const Rel* rel : chain.between) {
        const auto* calc = rel->get<CalcRel>();
        if (!calc) continue;
        const Expression& source = *calc->projection[column];
        if (source.kind() != ExpressionKind::Column) return std::nullopt;
        column = source.index();
    }
    return column;
}

// `column` of the rows that `calc` reads is the literal.
void substitute(CalcRel& calc, const Schema& input, size_t column, const ExpressionPtr& literal) {
    std::vector<ExpressionPtr> replacements = columnsOf(input);
    replacements[column] = literal;
    const auto rewritten = [&](const ExpressionPtr& expression) {
        return Expression::simplify(Expression::rewriteColumns(expression, replacements));
    };
    if (calc.condition) calc.condition = rewritten(calc.condition);
    for (ExpressionPtr& expression : calc.projection)
        expression = rewritten(expression);
}

void substitute(Rel& filter, const Chain& chain, size_t column, const ExpressionPtr& literal) {
    substitute(*filter.get<CalcRel>(), filter.input()->schema, column, literal);
    for (Rel* rel : chain.between) {
        auto* calc = rel->get<CalcRel>();
        if (!calc) continue;
        if (calc->projection[column]->kind() != ExpressionKind::Column) return;  // known already
        column = calc->projection[column]->index();
        substitute(*calc, rel->input()->schema, column, literal);
    }
}

void push(Rel& rel, const Parents& parents, const PlanOptions& options) {
    auto* calc = rel.get<CalcRel>();
    if (!calc || !calc->condition) return;
    const std::optional<Chain> chain = chainBelow(rel, parents);
    if (!chain) return;
    auto& scan = *chain->scan->get<ScanRel>();
    std::vector<ExpressionPtr> left;
    std::vector<std::pair<size_t, ExpressionPtr>> known;
    for (const ExpressionPtr& conjunct : conjunctsOf(calc->condition)) {
        const std::optional<Membership> wanted = membership(*conjunct);
        const std::optional<size_t> column = wanted ? traced(*chain, wanted->column) : std::nullopt;
        if (!column || scan.paths[*column].size() > 1) {
            left.push_back(conjunct);
            continue;
        }
        ColumnFilter filter{scan.paths[*column].front(), wanted->values};
        if (!acceptsFilter(*scan.table, filter, options)) {
            left.push_back(conjunct);
            continue;
        }
        if (filter.values.size() == 1) {
            known.emplace_back(wanted->column,
                               Expression::literal(filter.values.front(), chain->scan->schema[*column].type));
        }
        scan.filters.push_back(std::move(filter));
    }
    calc->condition = conjunctionOf(std::move(left));
    for (const auto& [column, literal] : known)
        substitute(rel, *chain, column, literal);
}

}  // namespace

void pushFiltersIntoSources(RelRoots& roots, const PlanOptions& options) {
    const std::vector<Rel*> order = inOrder(roots);
    Parents parents;
    for (const Rel* rel : order) {
        for (const RelPtr& input : rel->inputs)
            ++parents[input.get()];
    }
    for (Rel* rel : order)
        push(*rel, parents, options);
}

}  // namespace millrace::sql

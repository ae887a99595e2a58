// Where of a ROW column only fields are read, the source produces the fields, and the ROW around them is
// never put together: r.a becomes a column of its own from the scan up, through the nodes that pass the ROW
// on. Where the ROW itself is read too, it stays. The columns that nobody reads any more are for
// pruneColumns().
#include <map>
#include <set>

#include "sql/plan/connectors.h"
#include "sql/plan/nodes/calc.h"
#include "sql/plan/nodes/watermark.h"

namespace millrace::sql {

namespace {

// How a column is read: as it is, or these fields of it.
struct Uses {
    bool whole = false;
    std::set<ColumnPath> fields;
    bool fieldsAlone() const { return !whole && !fields.empty(); }
};
using ColumnUses = std::vector<Uses>;                                  // one a column of a node
using FieldColumns = std::map<std::pair<size_t, ColumnPath>, size_t>;  // of a node: where r.a now is

// The column and the fields that `expression` names: r.a.b.
struct FieldReference {
    size_t column = 0;
    ColumnPath fields;
};
std::optional<FieldReference> fieldReference(const Expression& expression) {
    if (expression.kind() == ExpressionKind::Column) return FieldReference{expression.index(), {}};
    if (expression.kind() != ExpressionKind::Call || expression.name() != ".") return std::nullopt;
    std::optional<FieldReference> reference = fieldReference(*expression.arguments()[0]);
    if (!reference) return std::nullopt;
    const std::vector<Field>& fields = expression.arguments()[0]->type().fields();
    const std::string& name = expression.arguments()[1]->value().asString();
    size_t field = 0;
    while (fields[field].name != name)
        ++field;
    reference->fields.push_back(field);
    return reference;
}

void collect(const ExpressionPtr& expression, ColumnUses& uses) {
    if (!expression) return;
    if (const std::optional<FieldReference> reference = fieldReference(*expression)) {
        Uses& column = uses[reference->column];
        if (reference->fields.empty()) {
            column.whole = true;
        } else {
            column.fields.insert(reference->fields);
        }
        return;
    }
    for (const ExpressionPtr& argument : expression->arguments())
        collect(argument, uses);
}

void merge(const Uses& from, Uses& into) {
    into.whole = into.whole || from.whole;
    into.fields.insert(from.fields.begin(), from.fields.end());
}

void collectOf(const Rel& rel, const ColumnUses& own, std::map<const Rel*, ColumnUses>& uses) {
    if (const auto* calc = rel.get<CalcRel>()) {
        ColumnUses& below = uses[rel.input().get()];
        collect(calc->condition, below);
        for (size_t i = 0; i < own.size(); ++i) {
            const Expression& expression = *calc->projection[i];
            if (expression.kind() == ExpressionKind::Column) {
                merge(own[i], below[expression.index()]);
            } else {
                collect(calc->projection[i], below);
            }
        }
    } else if (const auto* watermark = rel.get<WatermarkRel>()) {
        ColumnUses& below = uses[rel.input().get()];
        for (size_t i = 0; i < own.size(); ++i)
            merge(own[i], below[i]);
        below[watermark->column].whole = true;
        collect(watermark->expression, below);
    } else {
        for (const RelPtr& input : rel.inputs) {
            for (Uses& column : uses[input.get()])
                column.whole = true;
        }
    }
}

ExpressionPtr rewritten(const ExpressionPtr& expression, const FieldColumns& below, const Schema& input) {
    if (!expression) return nullptr;
    if (const std::optional<FieldReference> reference = fieldReference(*expression)) {
        const auto found = below.find({reference->column, reference->fields});
        if (found == below.end()) return expression;
        const Field& field = input[found->second];
        return Expression::column(found->second, field.type, field.name);
    }
    std::vector<ExpressionPtr> arguments;
    bool changed = false;
    for (const ExpressionPtr& argument : expression->arguments()) {
        arguments.push_back(rewritten(argument, below, input));
        changed = changed || arguments.back() != argument;
    }
    return changed ? Expression::withArguments(expression, std::move(arguments)) : expression;
}

void append(Rel& rel, Field field) {
    std::vector<Field> fields = rel.schema.fields();
    fields.push_back(std::move(field));
    rel.schema = Schema(std::move(fields));
}

FieldColumns widenScan(Rel& rel, ScanRel& scan, const ColumnUses& uses) {
    FieldColumns columns;
    const std::vector<const TableColumn*> stored = storedColumns(*scan.table);
    for (size_t i = 0; i < uses.size(); ++i) {
        if (!uses[i].fieldsAlone() || stored[scan.paths[i].front()]->kind == ColumnKind::Metadata) continue;
        for (const ColumnPath& fields : uses[i].fields) {
            ColumnPath path = scan.paths[i];
            path.insert(path.end(), fields.begin(), fields.end());
            columns[{i, fields}] = rel.schema.size();
            append(rel, fieldAt(scan.table->storedSchema(), path));
            scan.paths.push_back(std::move(path));
        }
    }
    return columns;
}

FieldColumns widenCalc(Rel& rel, CalcRel& calc, const ColumnUses& uses, const FieldColumns& below) {
    const Schema& input = rel.input()->schema;
    FieldColumns columns;
    calc.condition = rewritten(calc.condition, below, input);
    for (size_t i = 0; i < uses.size(); ++i) {
        const ExpressionPtr expression = calc.projection[i];
        if (expression->kind() != ExpressionKind::Column) {
            calc.projection[i] = rewritten(expression, below, input);
            continue;
        }
        if (!uses[i].fieldsAlone()) continue;
        for (const ColumnPath& fields : uses[i].fields) {
            const auto found = below.find({expression->index(), fields});
            if (found == below.end()) continue;
            const Field& field = input[found->second];
            columns[{i, fields}] = rel.schema.size();
            calc.projection.push_back(Expression::column(found->second, field.type, field.name));
            append(rel, field);
        }
    }
    return columns;
}

}  // namespace

void pushFieldsIntoSources(RelRoots& roots, const PlanOptions& options) {
    const std::vector<Rel*> order = inOrder(roots);
    std::map<const Rel*, ColumnUses> uses;
    for (const Rel* rel : order)
        uses[rel].resize(rel->schema.size());
    for (const RelPtr& root : roots) {
        for (Uses& column : uses[root.get()])
            column.whole = true;
    }
    for (auto at = order.rbegin(); at != order.rend(); ++at)
        collectOf(**at, uses[*at], uses);
    std::map<const Rel*, FieldColumns> widened;
    for (Rel* rel : order) {
        FieldColumns& columns = widened[rel];
        if (auto* scan = rel->get<ScanRel>()) {
            if (takesFields(*scan->table, options)) columns = widenScan(*rel, *scan, uses[rel]);
        } else if (auto* calc = rel->get<CalcRel>()) {
            columns = widenCalc(*rel, *calc, uses[rel], widened[rel->input().get()]);
        } else if (rel->get<WatermarkRel>()) {
            columns = widened[rel->input().get()];
            for (size_t i = rel->schema.size(); i < rel->input()->schema.size(); ++i)
                append(*rel, rel->input()->schema[i]);
        }
    }
}

}  // namespace millrace::sql

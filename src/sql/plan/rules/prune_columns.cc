// Columns that nobody reads are not produced, down to the scans: what a query does not use is not even
// decoded. The calls of an aggregation stay, used or not: they are its state.
#include <algorithm>

#include "sql/plan/rel.h"

namespace millrace::sql {

namespace {

using Used = std::vector<bool>;
// Of a node that is done: where its former columns are now.
using Moved = std::vector<std::optional<size_t>>;

void read(const ExpressionPtr& expression, Used& used) {
    if (expression) expression->collectColumns(used);
}

// What `rel` reads of its inputs, given which of its own columns are used.
void demand(const Rel& rel, const Used& used, std::map<const Rel*, Used>& demanded) {
    for (size_t i = 0; i < rel.inputs.size(); ++i) {
        Used& below = demanded[rel.inputs[i].get()];
        const size_t width = rel.inputs[i]->schema.size();
        below.resize(width, false);
        if (const auto* calc = rel.get<CalcRel>()) {
            read(calc->condition, below);
            for (size_t c = 0; c < used.size(); ++c) {
                if (used[c]) read(calc->projection[c], below);
            }
            continue;
        }
        if (const auto* aggregate = rel.get<AggregateRel>()) {
            for (size_t k = 0; k < aggregate->keys.size(); ++k) {
                if (!aggregate->isWindowKey(k)) below[aggregate->keys[k]] = true;
            }
            const bool in_processing_time = aggregate->window_use == WindowUse::Fused &&
                                            aggregate->window->time == TimeAttribute::Proctime;
            if (aggregate->window_use != WindowUse::None && !in_processing_time)
                below[aggregate->time_column] = true;
            for (const AggregateCall& call : aggregate->calls) {
                for (const size_t argument : call.arguments)
                    below[argument] = true;
                if (call.filter) below[*call.filter] = true;
            }
            continue;
        }
        for (size_t c = 0; c < width; ++c) {
            if (rel.get<SinkRel>() || used[c]) below[c] = true;
        }
        if (const auto* watermark = rel.get<WatermarkRel>()) {
            below[watermark->column] = true;
            read(watermark->expression, below);
        } else if (const auto* table = rel.get<WindowTableRel>()) {
            if (table->window->time == TimeAttribute::Rowtime) below[table->time_column] = true;
        } else if (rel.get<SortRel>()) {
            // Ties are broken by the whole row, so that the answer does not depend on the order of arrival.
            below.assign(width, true);
        }
    }
}

Schema keep(const Schema& schema, const Used& kept, Moved& moved) {
    std::vector<Field> fields;
    moved.assign(schema.size(), std::nullopt);
    for (size_t i = 0; i < schema.size(); ++i) {
        if (!kept[i]) continue;
        moved[i] = fields.size();
        fields.push_back(schema[i]);
    }
    return Schema(std::move(fields));
}

ExpressionPtr rewritten(const ExpressionPtr& expression, const Moved& moved, const Schema& now) {
    if (!expression) return nullptr;
    std::vector<ExpressionPtr> replacements(moved.size());
    for (size_t i = 0; i < moved.size(); ++i) {
        if (moved[i])
            replacements[i] = Expression::column(*moved[i], now[*moved[i]].type, now[*moved[i]].name);
    }
    return Expression::rewriteColumns(expression, replacements);
}

// A node must produce something for its rows to be counted by: what is cheapest.
void keepSomething(const Rel& rel, Used& used) {
    if (used.empty() || std::find(used.begin(), used.end(), true) != used.end()) return;
    const auto cost = [&](size_t column) {
        const LogicalType& type = rel.schema[column].type;
        const auto* calc = rel.get<CalcRel>();
        const bool computed = calc && calc->projection[column]->kind() != ExpressionKind::Column;
        return (computed ? 3 : 0) + (type.isNested() ? 2 : type.isCharacter() || type.isBinary() ? 1 : 0);
    };
    size_t best = 0;
    for (size_t i = 1; i < used.size(); ++i) {
        if (cost(i) < cost(best)) best = i;
    }
    used[best] = true;
}

// Takes exactly the columns `used` of `input`, whatever it still produces.
RelPtr narrowed(const RelPtr& input, const Used& used, const Moved& moved) {
    std::vector<Field> fields;
    CalcRel calc;
    for (size_t i = 0; i < used.size(); ++i) {
        if (!used[i]) continue;
        const Field& field = input->schema[*moved[i]];
        calc.projection.push_back(Expression::column(*moved[i], field.type, field.name));
        fields.push_back(field);
    }
    if (fields.size() == input->schema.size()) return input;
    return makeRel(std::move(calc), {input}, Schema(std::move(fields)), input->origin);
}

void shrink(Rel& rel, Used used, std::map<const Rel*, Moved>& moves) {
    Moved& moved = moves[&rel];
    const Schema before = rel.schema;
    if (auto* scan = rel.get<ScanRel>()) {
        rel.schema = keep(before, used, moved);
        std::vector<size_t> columns;
        for (size_t i = 0; i < used.size(); ++i) {
            if (used[i]) columns.push_back(scan->columns[i]);
        }
        scan->columns = std::move(columns);
        return;
    }
    if (auto* values = rel.get<ValuesRel>()) {
        rel.schema = keep(before, used, moved);
        for (auto& row : values->rows) {
            std::vector<ExpressionPtr> kept;
            for (size_t i = 0; i < used.size(); ++i) {
                if (used[i]) kept.push_back(row[i]);
            }
            row = std::move(kept);
        }
        return;
    }
    if (rel.get<UnionRel>()) {
        for (RelPtr& input : rel.inputs)
            input = narrowed(input, used, moves.at(input.get()));
        rel.schema = keep(before, used, moved);
        return;
    }
    const Moved& below = moves.at(rel.input().get());
    const Schema& now = rel.input()->schema;
    if (auto* calc = rel.get<CalcRel>()) {
        calc->condition = rewritten(calc->condition, below, now);
        std::vector<ExpressionPtr> projection;
        for (size_t i = 0; i < used.size(); ++i) {
            if (used[i]) projection.push_back(rewritten(calc->projection[i], below, now));
        }
        calc->projection = std::move(projection);
        rel.schema = keep(before, used, moved);
    } else if (auto* aggregate = rel.get<AggregateRel>()) {
        for (size_t k = 0; k < aggregate->keys.size(); ++k) {
            if (!aggregate->isWindowKey(k)) aggregate->keys[k] = *below[aggregate->keys[k]];
        }
        if (aggregate->window_use != WindowUse::None && aggregate->time_column < below.size()) {
            aggregate->time_column = below[aggregate->time_column].value_or(0);
        }
        for (AggregateCall& call : aggregate->calls) {
            for (size_t& argument : call.arguments)
                argument = *below[argument];
            if (call.filter) call.filter = *below[*call.filter];
        }
        keep(before, Used(before.size(), true), moved);
    } else if (rel.get<SinkRel>()) {
        keep(before, Used(before.size(), true), moved);
        Used all(below.size(), true);
        rel.inputs = {narrowed(rel.input(), all, below)};
    } else {
        // Rows pass: so do all columns that the input still has. A window function adds its own.
        moved = below;
        std::vector<Field> fields = now.fields();
        for (size_t i = below.size(); i < before.size(); ++i) {
            moved.push_back(fields.size());
            fields.push_back(before[i]);
        }
        rel.schema = Schema(std::move(fields));
        if (auto* watermark = rel.get<WatermarkRel>()) {
            watermark->column = *below[watermark->column];
            watermark->expression = rewritten(watermark->expression, below, now);
        } else if (auto* table = rel.get<WindowTableRel>()) {
            table->time_column = below[table->time_column].value_or(0);
        } else if (auto* sort = rel.get<SortRel>()) {
            for (SortKey& key : sort->keys)
                key.column = *below[key.column];
        }
    }
}

}  // namespace

void pruneColumns(RelRoots& roots) {
    const std::vector<Rel*> order = inOrder(roots);
    std::map<const Rel*, Used> demanded;
    for (const RelPtr& root : roots)
        demanded[root.get()].assign(root->schema.size(), true);
    for (auto rel = order.rbegin(); rel != order.rend(); ++rel) {
        Used& used = demanded[*rel];
        used.resize((*rel)->schema.size(), false);
        if ((*rel)->get<CalcRel>() || (*rel)->get<UnionRel>() || (*rel)->get<ScanRel>() ||
            (*rel)->get<ValuesRel>()) {
            keepSomething(**rel, used);
        }
        demand(**rel, used, demanded);
    }
    std::map<const Rel*, Moved> moves;
    for (Rel* rel : order)
        shrink(*rel, demanded[rel], moves);
}

}  // namespace millrace::sql

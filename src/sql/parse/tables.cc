// The FROM clause: tables, joins, sub-queries, table functions.
#include <algorithm>

#include "sql/parse/parser_impl.h"

namespace millrace::sql {

TableRefPtr Parser::makeTable(decltype(TableRef::node) node, size_t first_token) {
    auto table = std::make_unique<TableRef>();
    table->span = spanFrom(first_token);
    if (const auto* join = std::get_if<JoinTable>(&node)) {
        table->height = std::max(join->left->height, join->right->height) + 1;
        if (table->height > kHeightMax) {
            fail(table->span, "too many tables are joined in one FROM clause", "name parts of it in views",
                 "sql.too-deep");
        }
    } else if (const auto* match = std::get_if<MatchTable>(&node)) {
        table->height = match->input->height + 1;
    }
    table->node = std::move(node);
    return table;
}

TableRefPtr Parser::fromClause() {
    const size_t first = pos_;
    TableRefPtr left = joins();
    while (accept(",")) {
        JoinTable cross;
        cross.kind = JoinKind::Cross;
        cross.left = std::move(left);
        cross.right = joins();
        left = makeTable(std::move(cross), first);
    }
    return left;
}

bool Parser::atJoin() { return atAnyOf({"JOIN", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "NATURAL"}); }

TableRefPtr Parser::joins() {
    const size_t first = pos_;
    TableRefPtr left = tablePrimary();
    while (atJoin()) {
        JoinTable join;
        join.natural = accept("NATURAL");
        if (accept("CROSS")) {
            join.kind = JoinKind::Cross;
        } else if (accept("LEFT")) {
            join.kind = JoinKind::Left;
        } else if (accept("RIGHT")) {
            join.kind = JoinKind::Right;
        } else if (accept("FULL")) {
            join.kind = JoinKind::Full;
        } else {
            accept("INNER");
        }
        if (join.kind == JoinKind::Left || join.kind == JoinKind::Right || join.kind == JoinKind::Full)
            accept("OUTER");
        expect("JOIN");
        join.left = std::move(left);
        join.right = tablePrimary();
        if (join.kind != JoinKind::Cross && !join.natural) {
            if (accept("USING")) {
                join.using_columns = identifierList("a column");
            } else if (accept("ON")) {
                join.on = expression();
            } else {
                fail();
            }
        }
        left = makeTable(std::move(join), first);
    }
    return left;
}

TableRefPtr Parser::tablePrimary() {
    const Nesting nesting(*this);
    const size_t first = pos_;
    TableRefPtr table;
    const bool lateral = accept("LATERAL");
    if (is(current(), "TABLE") && is(ahead(1), "(")) {
        advance();
        advance();
        FunctionTable function{expression(), lateral};
        expect(")");
        table = makeTable(std::move(function), first);
    } else if (is(current(), "UNNEST") && is(ahead(1), "(")) {
        advance();
        advance();
        UnnestTable unnest;
        unnest.collections = expressionList();
        expect(")");
        if (acceptSequence({"WITH", "ORDINALITY"})) unnest.with_ordinality = true;
        table = makeTable(std::move(unnest), first);
    } else if (is(current(), "(")) {
        // (SELECT ...) or (a JOIN b): what stands behind the parentheses tells.
        bool is_query = atQuery();
        if (is_query && is(ahead(1), "(")) {
            const size_t before = pos_;
            try {
                advance();
                DerivedTable derived{query(), lateral};
                expect(")");
                table = makeTable(std::move(derived), first);
            } catch (const UserError& error) {
                if (error.code() != "sql.syntax") throw;
                pos_ = before;
                is_query = false;
            }
        } else if (is_query) {
            advance();
            DerivedTable derived{query(), lateral};
            expect(")");
            table = makeTable(std::move(derived), first);
        }
        if (!is_query) {
            expect("(");
            table = fromClause();
            expect(")");
        }
    } else {
        ObjectName name = objectName("a table");
        if (is(current(), "(")) {
            advance();
            Call call;
            call.name = toUpper(name.parts.back().name);
            call.path = std::move(name.parts);
            callArguments(call);
            table = makeTable(FunctionTable{make(std::move(call), first), lateral}, first);
        } else {
            NamedTable named;
            named.name = std::move(name);
            named.hints = hints();
            if (acceptSequence({"FOR", "SYSTEM_TIME"})) {
                expectSequence({"AS", "OF"});
                named.system_time = expression();
            }
            table = makeTable(std::move(named), first);
        }
    }
    if (is(current(), "MATCH_RECOGNIZE")) table = matchRecognize(std::move(table), first);
    if (is(current(), "TABLESAMPLE") && is(ahead(2), "(")) {
        fail(spanOf(current()), "there is no TABLESAMPLE, as there is none in Flink",
             "WHERE RAND() < 0.1 takes every tenth row or so", "sql.not-supported");
    }
    if (std::optional<Identifier> name = alias()) {
        table->alias = std::move(name);
        if (is(current(), "(")) table->column_aliases = identifierList("a column's name");
    }
    return table;
}

}  // namespace millrace::sql

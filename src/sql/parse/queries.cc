// Queries: WITH, set operations, SELECT, VALUES, ORDER BY, LIMIT.
#include <algorithm>

#include "sql/parse/parser_impl.h"

namespace millrace::sql {

QueryBodyPtr Parser::makeBody(decltype(QueryBody::node) node, size_t first_token) {
    auto body = std::make_unique<QueryBody>();
    body->span = spanFrom(first_token);
    body->height = nesting_;
    body->node = std::move(node);
    return body;
}

QueryPtr Parser::query() {
    const Nesting nesting(*this);
    const size_t first = pos_;
    auto result = std::make_unique<Query>();
    if (accept("WITH")) {
        if (is(current(), "RECURSIVE") && !is(ahead(1), "AS")) {
            fail(spanOf(current()), "there are no recursive queries, as there are none in Flink", "",
                 "sql.not-supported");
        }
        commaSeparated([&] {
            CommonTable table;
            table.name = identifier("a name");
            if (is(current(), "(")) table.columns = identifierList("a column's name");
            expect("AS");
            expect("(");
            table.query = query();
            expect(")");
            result->with.push_back(std::move(table));
        });
    }
    result->body = setOperation(false);
    if (accept("ORDER")) {
        expect("BY");
        result->order_by = orderItems();
    }
    const auto rows = [&] {
        if (!accept("ROWS")) accept("ROW");
    };
    for (;;) {  // LIMIT and OFFSET come in either order
        if (!result->limit && accept("LIMIT")) {
            if (!accept("ALL")) result->limit = expression();
        } else if (!result->offset && accept("OFFSET")) {
            result->offset = expression();
            rows();
        } else if (!result->limit && accept("FETCH")) {
            if (!accept("FIRST")) expect("NEXT");
            const size_t one = pos_;
            result->limit = atAnyOf({"ROW", "ROWS"}) ? make(Literal{LiteralKind::Number, "1", {}, false}, one)
                                                     : expression();
            rows();
            expect("ONLY");
        } else {
            break;
        }
    }
    result->span = spanFrom(first);
    return result;
}

QueryBodyPtr Parser::setOperation(bool intersect_only) {
    const size_t first = pos_;
    QueryBodyPtr left = intersect_only ? queryPrimary() : setOperation(true);
    for (;;) {
        SetOperator op = SetOperator::Intersect;
        if (intersect_only) {
            if (!accept("INTERSECT")) return left;
        } else if (accept("UNION")) {
            op = SetOperator::Union;
        } else if (accept("EXCEPT") || accept("MINUS")) {
            op = SetOperator::Except;
        } else {
            return left;
        }
        const bool all = accept("ALL");
        if (!all) accept("DISTINCT");
        QueryBodyPtr right = intersect_only ? queryPrimary() : setOperation(true);
        auto* same = std::get_if<SetOperation>(&left->node);
        if (same != nullptr && same->op == op && same->all == all && op != SetOperator::Except) {
            same->inputs.push_back(std::move(right));
            continue;
        }
        if (left->height - nesting_ >= kHeightMax) {
            fail(spanFrom(first), "too many set operations in a row", "name parts of it in views",
                 "sql.too-deep");
        }
        const int height = left->height + 1;
        SetOperation node;
        node.op = op;
        node.all = all;
        node.inputs.push_back(std::move(left));
        node.inputs.push_back(std::move(right));
        left = makeBody(std::move(node), first);
        left->height = height;
    }
}

QueryBodyPtr Parser::queryPrimary() {
    const size_t first = pos_;
    if (at("SELECT")) return makeBody(select(), first);
    if (at("VALUES")) return makeBody(values(), first);
    if (is(current(), "TABLE") && ahead(1).kind != TokenKind::Symbol) {  // TABLE t is SELECT * FROM t
        advance();
        Select all;
        all.items.push_back({make(Star{}, first), std::nullopt});
        const size_t name = pos_;
        NamedTable table;
        table.name = objectName("a table");
        all.from = makeTable(std::move(table), name);
        return makeBody(std::move(all), first);
    }
    if (accept("(")) {
        QueryPtr inner = query();
        expect(")");
        return makeBody(std::move(inner), first);
    }
    fail();
}

ValuesBody Parser::values() {
    expect("VALUES");
    ValuesBody body;
    commaSeparated([&] {
        std::vector<ExprPtr> row;
        const bool keyword = is(current(), "ROW") && is(ahead(1), "(");
        if (keyword) advance();
        if (is(current(), "(") && !atQuery()) {
            expect("(");
            row = expressionList();
            expect(")");
        } else {
            row.push_back(expression());
        }
        body.rows.push_back(std::move(row));
    });
    return body;
}

Select Parser::select() {
    Select select;
    expect("SELECT");
    select.hints = hints();
    if (accept("DISTINCT")) {
        select.distinct = true;
    } else {
        accept("ALL");
    }
    commaSeparated([&] { select.items.push_back(selectItem()); });
    if (accept("FROM")) select.from = fromClause();
    if (accept("WHERE")) select.where = expression();
    if (accept("GROUP")) {
        expect("BY");
        select.group_by_distinct = accept("DISTINCT");
        if (!select.group_by_distinct) accept("ALL");
        commaSeparated([&] { select.group_by.push_back(groupItem()); });
    }
    if (accept("HAVING")) select.having = expression();
    if (accept("WINDOW")) {
        commaSeparated([&] {
            Identifier name = identifier("a window's name");
            expect("AS");
            select.windows.push_back({std::move(name), overSpec()});
        });
    }
    if (accept("QUALIFY")) select.qualify = expression();
    return select;
}

SelectItem Parser::selectItem() {
    const size_t first = pos_;
    if (accept("*")) return {make(Star{}, first), std::nullopt};
    SelectItem item;
    item.expression = expression();
    if (!std::holds_alternative<Star>(item.expression->node)) item.alias = alias();
    return item;
}

std::vector<ExprPtr> Parser::groupingSet() {
    std::vector<ExprPtr> set;
    if (is(current(), "(") && !atQuery()) {
        advance();
        if (accept(")")) return set;
        set = expressionList();
        expect(")");
    } else {
        set.push_back(expression());
    }
    return set;
}

GroupItem Parser::groupItem() {
    const Nesting nesting(*this);
    const size_t first = pos_;
    GroupItem item;
    const auto sets = [&] {
        expect("(");
        commaSeparated([&] { item.sets.push_back(groupingSet()); });
        expect(")");
    };
    if (is(current(), "GROUPING") && is(ahead(1), "SETS")) {
        expectSequence({"GROUPING", "SETS"});
        item.kind = GroupingKind::Sets;
        expect("(");
        commaSeparated([&] { item.items.push_back(groupItem()); });
        expect(")");
    } else if ((is(current(), "ROLLUP") || is(current(), "CUBE")) && is(ahead(1), "(")) {
        item.kind = is(current(), "CUBE") ? GroupingKind::Cube : GroupingKind::Rollup;
        advance();
        sets();
    } else if (is(current(), "(") && is(ahead(1), ")")) {
        advance();
        advance();
        item.sets.emplace_back();
    } else {
        ExprPtr key = expression();
        item.sets.emplace_back();
        if (auto* row = std::get_if<RowConstructor>(&key->node); row != nullptr && !row->keyword) {
            item.sets.back() = std::move(row->items);  // GROUP BY (a, b)
        } else {
            item.sets.back().push_back(std::move(key));
        }
    }
    item.span = spanFrom(first);
    return item;
}

std::vector<Hint> Parser::hints() {
    std::vector<Hint> hints;
    if (!accept("/*+")) return hints;
    do {
        Hint hint;
        hint.name = identifier("a hint");
        if (accept("(")) {
            commaSeparated([&] {
                std::string text = current().text;
                const bool is_value =
                    current().kind == TokenKind::String || current().kind == TokenKind::Number;
                if (!is_value) {
                    text = objectName("an option or a table").toString();
                } else {
                    advance();
                }
                if (accept("=")) {
                    hint.options[text] = stringLiteral("the option's value in quotes");
                } else {
                    hint.arguments.push_back(std::move(text));
                }
            });
            expect(")");
        }
        hints.push_back(std::move(hint));
        accept(",");
    } while (!at("*/"));
    expect("*/");
    return hints;
}

}  // namespace millrace::sql

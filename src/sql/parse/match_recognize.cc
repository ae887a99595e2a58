// MATCH_RECOGNIZE behind a table: what is measured of the rows that match a pattern.
#include "sql/parse/parser_impl.h"

namespace millrace::sql {

namespace {

constexpr int64_t kQuantifierMax = 1'000'000;

}  // namespace

int64_t Parser::quantifierBound() {
    const Token& token = current();
    const TextSpan span = spanOf(token);
    int64_t bound = 0;
    for (const char digit : token.text) {
        if (token.kind != TokenKind::Number || digit < '0' || digit > '9')
            fail(span, "a quantifier counts rows in whole numbers", "such as {2}, {1,3} or {2,}");
        bound = std::min(bound * 10 + (digit - '0'), kQuantifierMax);
    }
    advance();
    return bound;
}

PatternItem Parser::patternItem() {
    const auto refuse = [&](std::string_view what) { notYet(spanOf(current()), what); };
    if (is(current(), "(")) refuse("a group inside of PATTERN");
    if (is(current(), "^") || is(current(), "$")) refuse("an anchor in PATTERN");
    if (is(current(), "{")) refuse("an exclusion in PATTERN");
    if (is(current(), "PERMUTE") && is(ahead(1), "(")) refuse("PERMUTE in PATTERN");
    PatternItem item;
    item.variable = identifier("a pattern variable");
    if (is(current(), "{") && is(ahead(1), "-")) refuse("an exclusion in PATTERN");
    if (accept("*")) {
        item.from = 0;
        item.to.reset();
    } else if (accept("+")) {
        item.to.reset();
    } else if (accept("?")) {
        item.from = 0;
    } else if (accept("{")) {
        item.from = is(current(), ",") ? 0 : quantifierBound();
        item.to = item.from;
        if (accept(",")) {
            item.to.reset();
            if (!is(current(), "}")) item.to = quantifierBound();
        }
        expect("}");
    } else {
        return item;
    }
    item.reluctant = accept("?");
    return item;
}

TableRefPtr Parser::matchRecognize(TableRefPtr input, size_t first) {
    expect("MATCH_RECOGNIZE");
    MatchTable match;
    match.input = std::move(input);
    expect("(");
    if (acceptSequence({"PARTITION", "BY"})) match.partition_by = expressionList();
    if (acceptSequence({"ORDER", "BY"})) match.order_by = orderItems();
    if (accept("MEASURES")) {
        commaSeparated([&] {
            if (!acceptSequence({"FINAL"})) acceptSequence({"RUNNING"});
            SelectItem measure;
            measure.expression = expression();
            expect("AS");
            measure.alias = identifier("a measure's name");
            match.measures.push_back(std::move(measure));
        });
    }
    if (is(current(), "ALL") && is(ahead(1), "ROWS")) notYet(spanOf(current()), "ALL ROWS PER MATCH");
    acceptSequence({"ONE", "ROW", "PER", "MATCH"});
    if (acceptSequence({"AFTER", "MATCH"})) {
        expect("SKIP");
        if (acceptSequence({"PAST", "LAST", "ROW"})) {
            match.after = AfterMatchClause::PastLastRow;
        } else {
            expect("TO");
            if (acceptSequence({"NEXT", "ROW"})) {
                match.after = AfterMatchClause::ToNextRow;
            } else {
                match.after = accept("FIRST") ? AfterMatchClause::ToFirst : AfterMatchClause::ToLast;
                if (match.after == AfterMatchClause::ToLast) accept("LAST");
                match.after_variable = identifier("a pattern variable");
            }
        }
    }
    expect("PATTERN");
    expect("(");
    while (!is(current(), ")")) {
        match.pattern.push_back(patternItem());
        if (is(current(), "|")) notYet(spanOf(current()), "an alternative in PATTERN");
    }
    if (match.pattern.empty())
        fail(spanOf(current()), "a PATTERN has no variable", "such as PATTERN (A B+ C)");
    expect(")");
    if (accept("WITHIN")) match.within = expression();
    if (is(current(), "SUBSET")) notYet(spanOf(current()), "SUBSET");
    if (accept("DEFINE")) {
        commaSeparated([&] {
            MatchDefinition definition;
            definition.variable = identifier("a pattern variable");
            expect("AS");
            definition.condition = expression();
            match.definitions.push_back(std::move(definition));
        });
    }
    expect(")");
    return makeTable(std::move(match), first);
}

}  // namespace millrace::sql

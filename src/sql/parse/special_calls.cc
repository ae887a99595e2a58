// Functions with a syntax of their own. Their keywords become KeywordArguments, so that behind the parser
// they are plain calls: EXTRACT(YEAR FROM d) is EXTRACT(keyword YEAR, d), TRIM(BOTH ' ' FROM s) is
// TRIM(keyword BOTH, ' ', s).
#include <algorithm>
#include <array>

#include "sql/parse/parser_impl.h"

namespace millrace::sql {

ExprPtr Parser::specialCall() {
    using Method = ExprPtr (Parser::*)();
    struct Special {
        std::string_view name;
        Method parse;
    };
    static constexpr std::array<Special, 18> kSpecials = {{
        {"EXTRACT", &Parser::extractCall},
        {"POSITION", &Parser::positionCall},
        {"TRIM", &Parser::trimCall},
        {"OVERLAY", &Parser::overlayCall},
        {"SUBSTRING", &Parser::substringCall},
        {"SUBSTR", &Parser::substringCall},
        {"CEIL", &Parser::roundToUnitCall},
        {"CEILING", &Parser::roundToUnitCall},
        {"FLOOR", &Parser::roundToUnitCall},
        {"TIMESTAMPADD", &Parser::timestampUnitCall},
        {"TIMESTAMPDIFF", &Parser::timestampUnitCall},
        {"JSON_EXISTS", &Parser::jsonCall},
        {"JSON_VALUE", &Parser::jsonCall},
        {"JSON_QUERY", &Parser::jsonCall},
        {"JSON_OBJECT", &Parser::jsonObjectCall},
        {"JSON_OBJECTAGG", &Parser::jsonObjectCall},
        {"JSON_ARRAY", &Parser::jsonObjectCall},
        {"JSON_ARRAYAGG", &Parser::jsonObjectCall},
    }};
    if (!is(ahead(1), "(")) return nullptr;
    if (is(current(), "CAST")) return castCall(false);
    if (is(current(), "TRY_CAST")) return castCall(true);
    for (const Special& special : kSpecials) {
        if (is(current(), special.name)) return (this->*special.parse)();
    }
    return nullptr;
}

ExprPtr Parser::castCall(bool try_cast) {
    const size_t first = pos_;
    advance();
    expect("(");
    ExprPtr value = expression();
    expect("AS");
    TypeSpec to = type();
    expect(")");
    return make(CastExpr{std::move(value), std::move(to), try_cast}, first);
}

namespace {

constexpr std::array<std::string_view, 19> kUnits = {
    "YEAR",    "QUARTER",     "MONTH",       "WEEK",       "DAY",       "HOUR", "MINUTE",
    "SECOND",  "MILLISECOND", "MICROSECOND", "NANOSECOND", "DOW",       "DOY",  "ISODOW",
    "ISOYEAR", "EPOCH",       "DECADE",      "CENTURY",    "MILLENNIUM"};

}  // namespace

// A unit's canonical name, or "" where there is none. Intervals and TIMESTAMPADD take plurals too.
std::string Parser::timeUnit(bool with_plural) {
    if (current().kind != TokenKind::Word) return "";
    std::string word = current().upper;
    if (word.starts_with("SQL_TSI_")) word = word.substr(8);
    if (with_plural && word.size() > 2 && word.back() == 'S') word.pop_back();
    if (std::find(kUnits.begin(), kUnits.end(), word) == kUnits.end()) {
        for (const std::string_view unit : kUnits)
            noteExpected(unit);
        return "";
    }
    advance();
    return word;
}

ExprPtr Parser::extractCall() {
    const size_t first = pos_;
    advance();
    expect("(");
    const size_t unit_token = pos_;
    const std::string unit = timeUnit(false);
    if (unit.empty()) fail();
    ExprPtr unit_argument = keyword(unit, unit_token);
    expect("FROM");
    ExprPtr value = expression();
    expect(")");
    return callOf("EXTRACT", first, std::move(unit_argument), std::move(value));
}

ExprPtr Parser::positionCall() {
    const size_t first = pos_;
    advance();
    expect("(");
    std::vector<ExprPtr> arguments;
    arguments.push_back(expression(61));  // IN separates the arguments here
    expect("IN");
    arguments.push_back(expression());
    if (accept("FROM")) arguments.push_back(expression());
    expect(")");
    return call("POSITION", std::move(arguments), first);
}

ExprPtr Parser::trimCall() {
    const size_t first = pos_;
    advance();
    expect("(");
    ExprPtr side;
    for (const char* word : {"BOTH", "LEADING", "TRAILING"}) {
        const size_t side_token = pos_;
        if (!side && !is(ahead(1), ",") && !is(ahead(1), ")") && accept(word))
            side = keyword(word, side_token);
    }
    ExprPtr characters;
    ExprPtr value;
    if (!(side && at("FROM"))) value = expression();
    if (accept("FROM")) {
        characters = std::move(value);
        value = expression();
    }
    expect(")");
    if (!side && !characters) return callOf("TRIM", first, std::move(value));
    if (!side) side = keyword("BOTH", first);
    if (!characters) characters = make(Literal{LiteralKind::String, " ", {}, false}, first);
    return callOf("TRIM", first, std::move(side), std::move(characters), std::move(value));
}

ExprPtr Parser::overlayCall() {
    const size_t first = pos_;
    advance();
    expect("(");
    std::vector<ExprPtr> arguments;
    arguments.push_back(expression());
    if (accept(",")) {
        for (ExprPtr& argument : expressionList())
            arguments.push_back(std::move(argument));
    } else {
        expect("PLACING");
        arguments.push_back(expression());
        expect("FROM");
        arguments.push_back(expression());
        if (accept("FOR")) arguments.push_back(expression());
    }
    expect(")");
    return call("OVERLAY", std::move(arguments), first);
}

ExprPtr Parser::substringCall() {
    const size_t first = pos_;
    advance();
    expect("(");
    std::vector<ExprPtr> arguments;
    arguments.push_back(expression());
    if (accept("FROM")) {
        arguments.push_back(expression());
        if (accept("FOR")) arguments.push_back(expression());
    } else {
        while (accept(","))
            arguments.push_back(expression());
    }
    expect(")");
    return call("SUBSTRING", std::move(arguments), first);
}

ExprPtr Parser::roundToUnitCall() {
    const size_t first = pos_;
    std::string name = current().upper == "FLOOR" ? "FLOOR" : "CEIL";
    advance();
    expect("(");
    std::vector<ExprPtr> arguments;
    arguments.push_back(expression());
    if (accept("TO")) {
        const size_t unit_token = pos_;
        const std::string unit = timeUnit(false);
        if (unit.empty()) fail();
        arguments.push_back(keyword(unit, unit_token));
    }
    expect(")");
    return call(std::move(name), std::move(arguments), first);
}

ExprPtr Parser::timestampUnitCall() {
    const size_t first = pos_;
    std::string name = current().upper;
    advance();
    expect("(");
    const size_t unit_token = pos_;
    const std::string unit = timeUnit(true);
    if (unit.empty()) fail();
    std::vector<ExprPtr> arguments;
    arguments.push_back(keyword(unit, unit_token));
    while (accept(","))
        arguments.push_back(expression());
    expect(")");
    return call(std::move(name), std::move(arguments), first);
}

// JSON_VALUE(json, path [RETURNING type] [{NULL | ERROR | DEFAULT x} ON {EMPTY | ERROR}] ...),
// JSON_QUERY(json, path [RETURNING type] [{WITHOUT | WITH [CONDITIONAL | UNCONDITIONAL]} [ARRAY] WRAPPER]
// ...), JSON_EXISTS(json, path [{TRUE | ...} ON ERROR]). Each clause is one keyword argument ("NULL ON
// EMPTY"), followed by its value where it has one.
ExprPtr Parser::jsonCall() {
    const size_t first = pos_;
    std::string name = current().upper;
    advance();
    expect("(");
    std::vector<ExprPtr> arguments;
    arguments.push_back(expression());
    expect(",");
    arguments.push_back(expression());
    while (!at(")")) {
        const size_t clause = pos_;
        if (accept("RETURNING")) {
            TypeSpec to = typeName();  // a NULL behind it begins NULL ON EMPTY
            arguments.push_back(keyword("RETURNING", clause));
            arguments.push_back(make(CastExpr{make(Literal{}, clause), std::move(to), false}, clause));
        } else if (atAnyOf({"WITH", "WITHOUT"})) {
            std::string text = current().upper;
            advance();
            for (const char* word : {"CONDITIONAL", "UNCONDITIONAL"}) {
                if (accept(word)) text += std::string(" ") + word;
            }
            accept("ARRAY");
            expect("WRAPPER");
            arguments.push_back(keyword(text + " WRAPPER", clause));
        } else {
            std::string text;
            ExprPtr value;
            if (accept("DEFAULT")) {
                text = "DEFAULT";
                value = expression();
            } else if (accept("EMPTY")) {
                const bool array = accept("ARRAY");
                if (!array) expect("OBJECT");
                text = array ? "EMPTY ARRAY" : "EMPTY OBJECT";
            } else if (atAnyOf({"NULL", "ERROR", "TRUE", "FALSE", "UNKNOWN"})) {
                text = current().upper;
                advance();
            } else {
                fail();
            }
            expect("ON");
            const bool empty = accept("EMPTY");
            if (!empty) expect("ERROR");
            arguments.push_back(keyword(text + (empty ? " ON EMPTY" : " ON ERROR"), clause));
            if (value) arguments.push_back(std::move(value));
        }
    }
    expect(")");
    return call(std::move(name), std::move(arguments), first);
}

// JSON_OBJECT([KEY] k VALUE v | k : v, ... [{NULL | ABSENT} ON NULL]), JSON_ARRAY(v, ... [...]) and their
// aggregates: keys and values in turn, then the keyword "NULL ON NULL" or "ABSENT ON NULL" where it is
// written.
ExprPtr Parser::jsonObjectCall() {
    const size_t first = pos_;
    Call node;
    node.name = current().upper;
    const bool object = node.name.starts_with("JSON_OBJECT");
    advance();
    expect("(");
    while (!at(")")) {
        const size_t clause = pos_;
        if ((is(current(), "NULL") || is(current(), "ABSENT")) && is(ahead(1), "ON")) {
            std::string text = current().upper + " ON NULL";
            advance();
            expectSequence({"ON", "NULL"});
            node.arguments.push_back(keyword(text, clause));
            break;
        }
        if (object) {
            accept("KEY");
            node.arguments.push_back(expression());
            if (!accept("VALUE")) expect(":");
        }
        node.arguments.push_back(expression());
        if (!accept(",") && !is(current(), "NULL") && !is(current(), "ABSENT")) break;
    }
    expect(")");
    callSuffixes(node);
    return make(std::move(node), first);
}

ExprPtr Parser::intervalLiteral() {
    const size_t first = pos_;
    expect("INTERVAL");
    Literal node;
    node.kind = LiteralKind::Interval;
    node.negative = accept("-");
    if (!node.negative) accept("+");
    node.text = stringLiteral("the interval's length in quotes, as in INTERVAL '10' SECOND");
    const auto unit = [&] {
        std::string name = timeUnit(true);
        if (name.empty()) fail();
        if (accept("(")) {
            integerLiteral("a precision");
            if (accept(",")) integerLiteral("a precision");
            expect(")");
        }
        return name;
    };
    node.unit = unit();
    if (accept("TO")) node.unit += " TO " + unit();
    return make(std::move(node), first);
}

}  // namespace millrace::sql

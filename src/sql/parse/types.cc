// Types, in every spelling of Flink's documentation.
#include <algorithm>
#include <array>

#include "sql/parse/parser_impl.h"

namespace millrace::sql {

namespace {

enum class Parameters : uint8_t { None, Precision, PrecisionAndScale };

struct TypeWord {
    std::string_view word;
    std::string_view canonical;
    Parameters parameters;
};

constexpr std::array<TypeWord, 25> kTypeWords = {{
    {"BOOLEAN", "BOOLEAN", Parameters::None},
    {"TINYINT", "TINYINT", Parameters::None},
    {"SMALLINT", "SMALLINT", Parameters::None},
    {"INT", "INT", Parameters::None},
    {"INTEGER", "INT", Parameters::None},
    {"BIGINT", "BIGINT", Parameters::None},
    {"FLOAT", "FLOAT", Parameters::None},
    {"REAL", "FLOAT", Parameters::None},
    {"DOUBLE", "DOUBLE", Parameters::None},
    {"DECIMAL", "DECIMAL", Parameters::PrecisionAndScale},
    {"DEC", "DECIMAL", Parameters::PrecisionAndScale},
    {"NUMERIC", "DECIMAL", Parameters::PrecisionAndScale},
    {"CHAR", "CHAR", Parameters::Precision},
    {"CHARACTER", "CHAR", Parameters::Precision},
    {"VARCHAR", "VARCHAR", Parameters::Precision},
    {"STRING", "STRING", Parameters::None},
    {"BINARY", "BINARY", Parameters::Precision},
    {"VARBINARY", "VARBINARY", Parameters::Precision},
    {"BYTES", "BYTES", Parameters::None},
    {"DATE", "DATE", Parameters::None},
    {"TIME", "TIME", Parameters::Precision},
    {"TIMESTAMP", "TIMESTAMP", Parameters::Precision},
    {"TIMESTAMP_LTZ", "TIMESTAMP_LTZ", Parameters::Precision},
    {"NULL", "NULL", Parameters::None},
    {"VARIANT", "VARIANT", Parameters::None},
}};

}  // namespace

std::optional<bool> Parser::nullability() {
    if (is(current(), "NOT") && is(ahead(1), "NULL")) {
        advance();
        advance();
        return false;
    }
    if (accept("NULL")) return true;
    return std::nullopt;
}

TypeSpec Parser::type() {
    const Nesting nesting(*this);
    const size_t first = pos_;
    TypeSpec spec = typeName();
    spec.nullable = nullability();
    while (atAnyOf({"ARRAY", "MULTISET"})) {  // INT ARRAY, the postfix form
        TypeSpec outer;
        outer.name = current().upper;
        advance();
        outer.children.push_back({{}, std::move(spec), ""});
        outer.nullable = nullability();
        spec = std::move(outer);
    }
    spec.span = spanFrom(first);
    return spec;
}

void Parser::fieldOf(TypeSpec& row) {
    TypeSpec::Field field;
    field.name = identifier("a field's name");
    field.type = type();
    if (current().kind == TokenKind::String) field.comment = stringLiteral("a comment");
    row.children.push_back(std::move(field));
}

TypeSpec Parser::typeName() {
    TypeSpec spec;
    const auto child = [&](std::string name) {
        TypeSpec::Field field;
        field.name.name = std::move(name);
        field.type = type();
        spec.children.push_back(std::move(field));
    };
    if ((is(current(), "ARRAY") || is(current(), "MULTISET") || is(current(), "MAP")) && is(ahead(1), "<")) {
        spec.name = current().upper;
        advance();
        advance();
        child("");
        if (spec.name == "MAP") {
            expect(",");
            child("");
        }
        expect(">");
        return spec;
    }
    if (is(current(), "ROW") && (is(ahead(1), "<") || is(ahead(1), "("))) {
        advance();
        const char* close = is(current(), "<") ? ">" : ")";
        advance();
        spec.name = "ROW";
        commaSeparated([&] { fieldOf(spec); });
        expect(close);
        return spec;
    }
    if (is(current(), "STRUCTURED") && is(ahead(1), "<")) {
        advance();
        advance();
        spec.name = "STRUCTURED";
        spec.class_name = stringLiteral("the name of a class");
        while (accept(","))
            fieldOf(spec);
        expect(">");
        return spec;
    }
    if (accept("INTERVAL")) {
        const auto unit = [&] {
            std::string name = timeUnit(false);
            if (name.empty()) fail();
            if (accept("(")) {
                spec.precision = integerLiteral("a precision");
                expect(")");
            }
            return name;
        };
        spec.name = "INTERVAL " + unit();
        if (accept("TO")) spec.name += " TO " + unit();
        return spec;
    }
    const auto* known = std::find_if(kTypeWords.begin(), kTypeWords.end(), [&](const TypeWord& candidate) {
        return is(current(), candidate.word);
    });
    if (known == kTypeWords.end()) {
        for (const TypeWord& candidate : kTypeWords)
            noteExpected(candidate.word);
        for (const char* word : {"ARRAY", "MAP", "MULTISET", "ROW", "STRUCTURED", "INTERVAL"})
            noteExpected(word);
        if (current().kind != TokenKind::Word) {
            noteExpected("a type");
            fail();
        }
        const std::vector<std::string> names(expected_.begin(), expected_.end());
        const std::string near = nearestName(current().text, names);
        fail(spanOf(current()), fmt::format("'{}' is not a type", current().text),
             near.empty() ? "" : fmt::format("did you mean {}?", near), "sql.unknown-type");
    }
    advance();
    spec.name = std::string(known->canonical);
    if (spec.name == "DOUBLE") accept("PRECISION");
    if ((spec.name == "CHAR" || spec.name == "BINARY") && accept("VARYING")) spec.name = "VAR" + spec.name;
    if (known->parameters != Parameters::None && accept("(")) {
        spec.precision = integerLiteral("a precision or length");
        if (known->parameters == Parameters::PrecisionAndScale && accept(","))
            spec.scale = integerLiteral("a scale");
        expect(")");
    }
    if (spec.name == "TIME" || spec.name == "TIMESTAMP") {
        const size_t zone = pos_;
        if (acceptSequence({"WITHOUT", "TIME", "ZONE"})) {
        } else if (acceptSequence({"WITH", "LOCAL", "TIME", "ZONE"})) {
            if (spec.name == "TIME") notYet(spanFrom(zone), "TIME WITH LOCAL TIME ZONE");
            spec.name = "TIMESTAMP_LTZ";
        } else if (acceptSequence({"WITH", "TIME", "ZONE"})) {
            notYet(spanFrom(zone), spec.name + " WITH TIME ZONE");
        }
    }
    return spec;
}

}  // namespace millrace::sql

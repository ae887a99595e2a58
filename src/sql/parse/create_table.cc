// CREATE TABLE.
#include "sql/parse/parser_impl.h"

namespace millrace::sql {

CreateTable Parser::createTable(bool temporary, bool or_replace) {
    CreateTable table;
    table.temporary = temporary;
    table.or_replace = or_replace;
    table.if_not_exists = acceptSequence({"IF", "NOT", "EXISTS"});
    table.name = objectName("the table's name");
    if (accept("(")) {
        if (!at(")")) commaSeparated([&] { tableElement(table); });
        expect(")");
    }
    if (accept("COMMENT")) table.comment = stringLiteral("a comment");
    const size_t distributed = pos_;
    if (accept("DISTRIBUTED")) {
        if (accept("BY")) {
            if (!accept("HASH")) accept("RANGE");
            identifierList("a column");
        }
        if (accept("INTO")) {
            integerLiteral("a number of buckets");
            expect("BUCKETS");
        }
        table.distributed = spanFrom(distributed);
    }
    if (accept("PARTITIONED")) {
        expect("BY");
        table.partitioned_by = identifierList("a column");
    }
    if (accept("WITH")) table.options = options();
    if (at("LIKE")) {
        table.like = likeClause();
    } else if (accept("AS")) {
        table.as = query();
    }
    for (const ColumnDefinition& column : table.columns) {
        if (!column.type && !column.computed && !table.as)
            fail(column.span, fmt::format("column '{}' has no type", column.name.name));
    }
    return table;
}

void Parser::tableElement(CreateTable& table) {
    if (is(current(), "WATERMARK") && is(ahead(1), "FOR")) return watermark(table);
    if ((is(current(), "PRIMARY") && is(ahead(1), "KEY")) || is(current(), "CONSTRAINT"))
        return primaryKey(table);
    table.columns.push_back(column());
}

void Parser::watermark(CreateTable& table) {
    const size_t first = pos_;
    expectSequence({"WATERMARK", "FOR"});
    WatermarkClause clause;
    do
        clause.column.push_back(identifier("the time column's name"));
    while (accept("."));
    expect("AS");
    clause.expression = expression();
    clause.span = spanFrom(first);
    if (table.watermark) fail(clause.span, "a table has at most one watermark");
    table.watermark = std::move(clause);
}

void Parser::primaryKey(CreateTable& table) {
    const size_t first = pos_;
    if (accept("CONSTRAINT")) identifier("the constraint's name");
    if (is(current(), "UNIQUE"))
        fail(spanOf(current()), "UNIQUE constraints do not exist in Flink SQL", "use PRIMARY KEY");
    expectSequence({"PRIMARY", "KEY"});
    PrimaryKeyClause key;
    key.columns = identifierList("a column");
    if (!acceptSequence({"NOT", "ENFORCED"})) {
        fail(spanFrom(first), "a primary key must be declared NOT ENFORCED",
             "nothing checks it: write PRIMARY KEY (...) NOT ENFORCED");
    }
    key.span = spanFrom(first);
    if (table.primary_key) fail(key.span, "a table has at most one primary key");
    table.primary_key = std::move(key);
}

ColumnDefinition Parser::column() {
    const size_t first = pos_;
    ColumnDefinition column;
    column.name = identifier("a column's name");
    if (accept("AS")) {
        column.computed = expression();
    } else if (!is(current(), ",") && !is(current(), ")")) {  // the names of AS SELECT may stand alone
        column.type = type();
        if (accept("METADATA")) {
            column.metadata = true;
            if (accept("FROM")) column.metadata_from = stringLiteral("a metadata key in quotes");
            column.is_virtual = accept("VIRTUAL");
        } else {
            columnConstraint(column);
        }
    }
    if (accept("COMMENT")) column.comment = stringLiteral("a comment");
    column.span = spanFrom(first);
    return column;
}

void Parser::columnConstraint(ColumnDefinition& column) {
    const size_t first = pos_;
    const bool named = accept("CONSTRAINT");
    if (named) identifier("the constraint's name");
    if (!named && !at("PRIMARY")) return;
    expectSequence({"PRIMARY", "KEY"});
    if (!acceptSequence({"NOT", "ENFORCED"})) {
        fail(spanFrom(first), "a primary key must be declared NOT ENFORCED",
             "nothing checks it: write PRIMARY KEY NOT ENFORCED");
    }
    column.primary_key = true;
}

LikeClause Parser::likeClause() {
    const size_t first = pos_;
    expect("LIKE");
    LikeClause like;
    like.table = objectName("a table");
    if (accept("(")) {
        while (!at(")")) {
            LikeOption option;
            for (const char* merge : {"INCLUDING", "EXCLUDING", "OVERWRITING"}) {
                if (option.merge.empty() && accept(merge)) option.merge = merge;
            }
            if (option.merge.empty()) fail();
            for (const char* feature : {"ALL", "CONSTRAINTS", "DISTRIBUTION", "PARTITIONS", "GENERATED",
                                        "METADATA", "OPTIONS", "WATERMARKS"}) {
                if (option.feature.empty() && accept(feature)) option.feature = feature;
            }
            if (option.feature.empty()) fail();
            if (option.merge == "OVERWRITING" &&
                (option.feature == "ALL" || option.feature == "CONSTRAINTS" ||
                 option.feature == "DISTRIBUTION" || option.feature == "PARTITIONS")) {
                fail(spanFrom(pos_ - 2), fmt::format("{} cannot be OVERWRITING", option.feature),
                     "it is INCLUDING or EXCLUDING");
            }
            like.options.push_back(std::move(option));
            accept(",");
        }
        expect(")");
    }
    like.span = spanFrom(first);
    return like;
}

}  // namespace millrace::sql

// ALTER TABLE, VIEW, DATABASE, CATALOG and FUNCTION.
#include "sql/parse/parser_impl.h"

namespace millrace::sql {

decltype(Statement::node) Parser::alter(size_t first) {
    AlterObject alter;
    if (accept("TABLE")) {
        alter.kind = ObjectKind::Table;
    } else if (accept("VIEW")) {
        alter.kind = ObjectKind::View;
    } else if (accept("DATABASE")) {
        alter.kind = ObjectKind::Database;
    } else if (accept("CATALOG")) {
        alter.kind = ObjectKind::Catalog;
    } else if (is(current(), "FUNCTION") || is(current(), "TEMPORARY")) {
        const bool temporary = accept("TEMPORARY");
        if (temporary) accept("SYSTEM");
        expect("FUNCTION");
        if (temporary) {
            skipToSemicolon();
            fail(spanFrom(first), "a temporary function cannot be altered", "DROP it and CREATE it again",
                 "sql.not-supported");
        }
        alter.kind = ObjectKind::Function;
    } else {
        for (const char* what : {"MATERIALIZED", "MODEL", "CONNECTION"}) {
            if (!at(what)) continue;
            skipToSemicolon();
            return UnsupportedStatement{std::string("ALTER ") + what};
        }
        fail();
    }
    alter.if_exists = acceptSequence({"IF", "EXISTS"});
    alter.name = objectName("a name");
    switch (alter.kind) {
        case ObjectKind::Table:
            alter.change = alterTable(first);
            break;
        case ObjectKind::View:
            if (accept("RENAME")) {
                expect("TO");
                alter.change = RenameObject{objectName("the view's new name")};
            } else {
                expect("AS");
                alter.change = RedefineView{query()};
            }
            break;
        case ObjectKind::Function: {
            expect("AS");
            RedefineFunction change;
            change.class_span = spanOf(current());
            change.class_name = stringLiteral("a class name in quotes");
            if (accept("LANGUAGE") && !accept("JAVA") && !accept("SCALA")) expect("PYTHON");
            alter.change = std::move(change);
            break;
        }
        default:
            if (alter.kind == ObjectKind::Catalog && accept("RESET")) {
                alter.change = ResetObjectOptions{optionKeys()};
            } else {
                expect("SET");
                alter.change = SetObjectOptions{options()};
            }
    }
    return alter;
}

decltype(AlterObject::change) Parser::alterTable(size_t first) {
    if (accept("RENAME")) {
        if (accept("TO")) return RenameObject{objectName("the table's new name")};
        RenameColumn rename{identifier("a column"), {}};
        expect("TO");
        rename.to = identifier("the column's new name");
        return rename;
    }
    if (accept("SET")) return SetObjectOptions{options()};
    if (accept("RESET")) return ResetObjectOptions{optionKeys()};
    const bool modify = at("MODIFY");
    const bool partition = is(ahead(1), "PARTITION") || (is(ahead(1), "IF") && !modify);
    if ((at("ADD") || at("DROP")) && partition) {
        skipToSemicolon();
        fail(spanFrom(first), "partitions are not kept in the catalog",
             "they are the folders of the table: INSERT makes them", "sql.not-supported");
    }
    if (modify || at("ADD")) {
        advance();
        return alterColumns(modify);
    }
    expect("DROP");
    if (is(current(), "PRIMARY") && is(ahead(1), "KEY")) {
        advance();
        advance();
        return DropPrimaryKey{};
    }
    if (is(current(), "CONSTRAINT")) {
        advance();
        identifier("the constraint's name");
        return DropPrimaryKey{};
    }
    if (accept("WATERMARK")) return DropWatermark{};
    if (is(current(), "DISTRIBUTION")) notYet(spanOf(current()), "DISTRIBUTION");
    if (is(current(), "(")) return DropColumns{identifierList("a column")};
    return DropColumns{{identifier("a column")}};
}

AlterColumns Parser::alterColumns(bool modify) {
    AlterColumns change;
    change.modify = modify;
    if (is(current(), "DISTRIBUTION")) notYet(spanOf(current()), "DISTRIBUTION");
    if (accept("(")) {
        commaSeparated([&] { alterElement(change); });
        expect(")");
    } else {
        accept("COLUMN");
        alterElement(change);
    }
    return change;
}

void Parser::alterElement(AlterColumns& change) {
    // A table that takes what is read.
    CreateTable table;
    tableElement(table);
    const auto once = [&](const TextSpan& where, bool twice, const char* what) {
        if (twice) fail(where, fmt::format("a table has at most one {}", what));
    };
    if (table.watermark) {
        once(table.watermark->span, change.watermark.has_value(), "watermark");
        change.watermark = std::move(table.watermark);
    } else if (table.primary_key) {
        once(table.primary_key->span, change.primary_key.has_value(), "primary key");
        change.primary_key = std::move(table.primary_key);
    } else {
        AlterColumns::Column column{std::move(table.columns.front()), false, std::nullopt};
        column.first = accept("FIRST");
        if (!column.first && accept("AFTER")) column.after = identifier("a column");
        change.columns.push_back(std::move(column));
    }
}

std::vector<OptionItem> Parser::optionKeys() {
    std::vector<OptionItem> keys;
    expect("(");
    commaSeparated([&] {
        OptionItem item;
        item.key_span = spanOf(current());
        item.key = stringLiteral("a key in quotes");
        keys.push_back(std::move(item));
    });
    expect(")");
    return keys;
}

}  // namespace millrace::sql

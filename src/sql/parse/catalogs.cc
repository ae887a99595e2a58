// CREATE CATALOG and DATABASE, USE, SHOW and DESCRIBE.
#include "sql/parse/parser_impl.h"

namespace millrace::sql {

CreateCatalog Parser::createCatalog() {
    CreateCatalog catalog;
    catalog.if_not_exists = acceptSequence({"IF", "NOT", "EXISTS"});
    const size_t first = pos_;
    catalog.name.parts = {identifier("the catalog's name")};
    catalog.name.span = spanFrom(first);
    if (accept("COMMENT")) catalog.comment = stringLiteral("a comment");
    if (accept("WITH")) catalog.options = options();
    return catalog;
}

CreateDatabase Parser::createDatabase() {
    CreateDatabase database;
    database.if_not_exists = acceptSequence({"IF", "NOT", "EXISTS"});
    database.name = objectName("the database's name");
    if (accept("COMMENT")) database.comment = stringLiteral("a comment");
    if (accept("WITH")) database.options = options();
    return database;
}

decltype(Statement::node) Parser::use(size_t first) {
    if (is(current(), "MODULES")) {
        const TextSpan where = spanFrom(first);
        skipToSemicolon();
        fail(where, "USE MODULES is not supported", "the functions that are built in are one module, 'core'",
             "sql.not-supported");
    }
    Use use;
    if (is(current(), "CATALOG") && ahead(1).kind != TokenKind::End && !is(ahead(1), ";") &&
        !is(ahead(1), ".")) {
        advance();
        use.kind = ObjectKind::Catalog;
        const size_t name = pos_;
        use.name.parts = {identifier("a catalog")};
        use.name.span = spanFrom(name);
    } else {
        use.name = objectName("a database");
    }
    return use;
}

Describe Parser::describe() {
    const auto named = [&] {
        return ahead(1).kind != TokenKind::End && !is(ahead(1), ";") && !is(ahead(1), ".");
    };
    Describe describe;
    static constexpr std::pair<const char*, ObjectKind> kKinds[] = {{"CATALOG", ObjectKind::Catalog},
                                                                    {"DATABASE", ObjectKind::Database},
                                                                    {"FUNCTION", ObjectKind::Function}};
    for (const auto& [word, kind] : kKinds) {
        if (!is(current(), word) || !named()) continue;
        advance();
        describe.kind = kind;
        break;
    }
    for (const char* word : {"MODEL", "JOB"}) {
        if (is(current(), word) && named()) notYet(spanOf(current()), std::string("DESCRIBE ") + word);
    }
    if (is(current(), "EXTENDED") && named()) advance();
    describe.table = objectName("a name");
    return describe;
}

// (k = 'v', ...), behind PARTITION.
std::vector<OptionItem> Parser::partitionValues() {
    std::vector<OptionItem> values;
    expect("(");
    commaSeparated([&] {
        OptionItem item;
        item.key_span = spanOf(current());
        item.key = identifier("a partition column").name;
        expect("=");
        item.value_span = spanOf(current());
        const TokenKind kind = current().kind;
        if (kind != TokenKind::String && kind != TokenKind::Number) {
            noteExpected("a value");
            fail();
        }
        item.value = current().text;
        advance();
        values.push_back(std::move(item));
    });
    expect(")");
    return values;
}

Show Parser::show() {
    expect("SHOW");
    Show show;
    show.span = spanOf(current());
    if (accept("CREATE")) {
        for (const char* what : {"TABLE", "VIEW", "CATALOG"}) {
            if (show.what.empty() && accept(what)) show.what = std::string("CREATE ") + what;
        }
        if (show.what.empty()) fail();
        show.object = objectName("a name");
        return show;
    }
    const bool user = accept("USER");
    for (const char* what : {"TABLES", "VIEWS", "FUNCTIONS", "COLUMNS", "CATALOGS", "DATABASES", "MODULES",
                             "JARS", "JOBS", "CURRENT", "FULL", "PARTITIONS", "PROCEDURES"}) {
        if (show.what.empty() && accept(what)) show.what = what;
    }
    if (show.what.empty()) fail();
    if (user) {
        if (show.what != "FUNCTIONS") fail(show.span, "USER stands only before FUNCTIONS");
        show.what = "USER FUNCTIONS";
    }
    if (show.what == "CURRENT") {
        const bool catalog = accept("CATALOG");
        if (!catalog) expect("DATABASE");
        show.what = catalog ? "CURRENT CATALOG" : "CURRENT DATABASE";
        return show;
    }
    if (show.what == "FULL") {
        expect("MODULES");
        show.what = "FULL MODULES";
    }
    if (accept("FROM") || accept("IN")) {
        show.object = objectName("a name");
    } else if (show.what == "COLUMNS") {
        fail();
    } else if (show.what == "PARTITIONS") {
        show.object = objectName("a table");
        if (accept("PARTITION")) show.partition = partitionValues();
        return show;
    }
    show.not_like = is(current(), "NOT") && (is(ahead(1), "LIKE") || is(ahead(1), "ILIKE"));
    if (show.not_like) advance();
    show.any_case = is(current(), "ILIKE");
    if (accept("LIKE") || accept("ILIKE")) show.like = stringLiteral("a pattern in quotes");
    return show;
}

}  // namespace millrace::sql

// Scripts and the statements without a file of their own.
#include <algorithm>

#include "sql/parse/parser_impl.h"

namespace millrace::sql {

ParseResult Parser::parseScript() {
    ParseResult result;
    problems_ = source_.problems();
    while (current().kind != TokenKind::End) {
        if (accept(";")) continue;
        const size_t first = pos_;
        try {
            Statement parsed = statement();
            endOfStatement();
            result.statements.push_back(std::move(parsed));
        } catch (const UserError& error) {
            // What stands in for an unfilled placeholder makes no sense to the parser either.
            const bool placeholder =
                std::any_of(source_.problems().begin(), source_.problems().end(), [&](const Problem& other) {
                    return other.where.line == error.problem().where.line &&
                           other.where.column == error.problem().where.column;
                });
            if (!placeholder) problems_.push_back(error.problem());
            if (std::string name = definedName(first); !name.empty()) {
                result.failed_definitions.push_back(std::move(name));
            }
            if (pos_ == first) advance();
            skipToSemicolon();
        }
        expected_.clear();
    }
    std::stable_sort(problems_.begin(), problems_.end(), [](const Problem& a, const Problem& b) {
        return std::pair(a.where.line, a.where.column) < std::pair(b.where.line, b.where.column);
    });
    result.problems = std::move(problems_);
    return result;
}

void Parser::skipToSemicolon() {
    while (current().kind != TokenKind::End && !is(current(), ";"))
        advance();
}

std::string Parser::definedName(size_t first_token) const {
    size_t i = first_token;
    const auto skip = [&](std::string_view word) {
        i += is(tokens_[i], word) ? 1 : 0;
    };  // never past the End
    if (!is(tokens_[i], "CREATE")) return "";
    for (const char* word : {"CREATE", "OR", "REPLACE", "TEMPORARY"})
        skip(word);
    if (!is(tokens_[i], "TABLE") && !is(tokens_[i], "VIEW")) return "";
    for (const char* word : {"TABLE", "VIEW", "IF", "NOT", "EXISTS"})
        skip(word);
    while (is(tokens_[i + (tokens_[i].kind == TokenKind::End ? 0 : 1)], "."))
        i += 2;
    return i < tokens_.size() ? tokens_[i].text : "";
}

void Parser::endOfStatement() {
    if (current().kind == TokenKind::End || accept(";")) return;
    noteExpected(";");
    fail();
}

Statement Parser::statement() {
    const size_t first = pos_;
    Statement statement;
    statement.span = spanOf(current());
    statement.node = statementNode();
    const size_t begin = tokens_[first].begin;
    statement.text = source_.text().substr(begin, tokens_[pos_ - 1].end - begin);
    return statement;
}

decltype(Statement::node) Parser::statementNode() {
    if (atAnyOf({"SELECT", "WITH", "VALUES"}) || is(current(), "(")) return QueryStatement{query()};
    if (accept("CREATE")) return create();
    if (accept("DROP")) return drop();
    if (at("INSERT")) return insert();
    if ((is(current(), "EXECUTE") || is(current(), "BEGIN")) && is(ahead(1), "STATEMENT"))
        return statementSet();
    if (accept("EXECUTE")) {  // EXECUTE INSERT ..., EXECUTE SELECT ...
        if (at("INSERT")) return insert();
        if (!atQuery()) fail();
        return QueryStatement{query()};
    }
    noteExpected("EXECUTE STATEMENT SET");
    const size_t first = pos_;
    if (accept("SET") || accept("RESET")) {
        const bool set = is(tokens_[first], "SET");
        std::optional<OptionItem> option;
        if (!is(current(), ";") && current().kind != TokenKind::End) {
            option.emplace();
            option->key_span = spanOf(current());
            if (current().kind == TokenKind::String) {
                option->key = stringLiteral("a key");
            } else {  // SET execution.parallelism = 2, as the SQL client takes it too
                while (current().kind == TokenKind::Word || is(current(), ".") || is(current(), "-")) {
                    option->key += current().text;
                    advance();
                }
                if (option->key.empty()) {
                    noteExpected("a key in quotes, such as 'parallelism.default'");
                    fail();
                }
            }
            if (set) {
                expect("=");
                option->value_span = spanOf(current());
                if (current().kind == TokenKind::String) {
                    option->value = stringLiteral("a value");
                } else if (current().kind == TokenKind::Number || current().kind == TokenKind::Word) {
                    while (current().kind == TokenKind::Number || current().kind == TokenKind::Word) {
                        option->value += (option->value.empty() ? "" : " ") + current().text;
                        advance();
                    }
                } else {
                    noteExpected("a value in quotes");
                    fail();
                }
            }
        }
        if (set) return SetOption{std::move(option)};
        return ResetOption{std::move(option)};
    }
    if (at("EXPLAIN")) return explain();
    if (at("SHOW")) return show();
    if (accept("DESCRIBE") || accept("DESC")) {
        return describe();
    }
    if (accept("USE")) return use(first);
    if (accept("ALTER")) return alter(first);
    if (is(current(), "REPLACE") && is(ahead(1), "TABLE")) {
        advance();
        advance();
        CreateTable table = createTable(false, true);
        table.must_exist = true;
        return table;
    }
    // What of Flink's statements is known but not read any further.
    for (const char* word : {"ANALYZE", "CALL", "LOAD", "UNLOAD", "UPDATE", "DELETE", "TRUNCATE", "ADD",
                             "REMOVE", "COMPILE", "STOP"}) {
        if (at(word)) return unsupported({word});
    }
    if (current().kind == TokenKind::Word) {
        const std::vector<std::string> names(expected_.begin(), expected_.end());
        const std::string near = nearestName(current().text, names);
        fail(spanOf(current()), fmt::format("'{}' does not begin a statement", current().text),
             near.empty()
                 ? "statements begin with SELECT, INSERT, CREATE, DROP, SET, EXPLAIN, SHOW, DESCRIBE..."
                 : fmt::format("did you mean {}?", near));
    }
    fail();
}

decltype(Statement::node) Parser::unsupported(std::initializer_list<std::string_view> words) {
    std::string what;
    for (const std::string_view word : words)
        what += (what.empty() ? "" : " ") + std::string(word);
    advance();
    if (current().kind == TokenKind::Word && words.size() == 1) {
        for (const char* object : {"TABLE", "VIEW", "FUNCTION", "CATALOG", "DATABASE", "MODULE", "JAR", "JOB",
                                   "PLAN", "MATERIALIZED"}) {
            if (is(current(), object)) what += std::string(" ") + object;
        }
    }
    skipToSemicolon();
    return UnsupportedStatement{std::move(what)};
}

decltype(Statement::node) Parser::create() {
    const bool or_replace = acceptSequence({"OR", "REPLACE"});
    const bool temporary = accept("TEMPORARY");
    if (accept("TABLE")) return createTable(temporary, or_replace);
    if (accept("VIEW")) return createView(temporary, or_replace);
    if (is(current(), "FUNCTION") || is(current(), "SYSTEM")) return createFunction(temporary);
    if (accept("CATALOG")) return createCatalog();
    if (accept("DATABASE")) return createDatabase();
    for (const char* what : {"MATERIALIZED", "MODEL", "CONNECTION"}) {
        if (!at(what)) continue;
        skipToSemicolon();
        return UnsupportedStatement{std::string("CREATE ") + what};
    }
    fail();
}

CreateView Parser::createView(bool temporary, bool or_replace) {
    CreateView view;
    view.temporary = temporary;
    view.or_replace = or_replace;
    view.if_not_exists = acceptSequence({"IF", "NOT", "EXISTS"});
    view.name = objectName("the view's name");
    if (is(current(), "(")) {
        expect("(");
        commaSeparated([&] {
            view.columns.push_back(identifier("a column's name"));
            if (accept("COMMENT")) stringLiteral("a comment");
        });
        expect(")");
    }
    if (accept("COMMENT")) view.comment = stringLiteral("a comment");
    expect("AS");
    view.query = query();
    return view;
}

CreateFunction Parser::createFunction(bool temporary) {
    CreateFunction function;
    function.temporary = temporary;
    function.system = accept("SYSTEM");
    expect("FUNCTION");
    function.if_not_exists = acceptSequence({"IF", "NOT", "EXISTS"});
    function.name = objectName("the function's name");
    expect("AS");
    function.class_span = spanOf(current());
    function.class_name = stringLiteral("a class name in quotes");
    if (accept("LANGUAGE")) {
        for (const char* language : {"JAVA", "SCALA", "PYTHON"}) {
            if (function.language.empty() && accept(language)) function.language = language;
        }
        if (function.language.empty()) fail();
    }
    if (accept("USING")) {
        commaSeparated([&] {
            if (!accept("JAR")) expect("ARTIFACT");
            stringLiteral("a path in quotes");
        });
    }
    if (accept("WITH")) options();
    return function;
}

decltype(Statement::node) Parser::drop() {
    DropObject drop;
    drop.temporary = accept("TEMPORARY");
    const bool system = accept("SYSTEM");
    if (!system && accept("TABLE")) {
        drop.kind = ObjectKind::Table;
    } else if (!system && accept("VIEW")) {
        drop.kind = ObjectKind::View;
    } else if (accept("FUNCTION")) {
        drop.kind = ObjectKind::Function;
    } else if (!system && !drop.temporary && accept("CATALOG")) {
        drop.kind = ObjectKind::Catalog;
    } else if (!system && !drop.temporary && accept("DATABASE")) {
        drop.kind = ObjectKind::Database;
    } else {
        for (const char* what : {"MATERIALIZED", "MODEL", "CONNECTION"}) {
            if (!at(what)) continue;
            skipToSemicolon();
            return UnsupportedStatement{std::string("DROP ") + what};
        }
        fail();
    }
    drop.if_exists = acceptSequence({"IF", "EXISTS"});
    drop.name = objectName("a name");
    if (drop.kind == ObjectKind::Database && !accept("RESTRICT")) drop.cascade = accept("CASCADE");
    return drop;
}

Insert Parser::insert() {
    const size_t first = pos_;
    Insert insert;
    expect("INSERT");
    insert.overwrite = accept("OVERWRITE");
    if (!insert.overwrite) expect("INTO");
    accept("TABLE");
    insert.table = objectName("a table");
    insert.hints = hints();
    if (accept("PARTITION")) insert.partition = partitionValues();
    if (is(current(), "(") && !atQuery()) insert.columns = identifierList("a column");
    if (!at("SELECT") && !at("VALUES") && !atQuery() && !is(current(), "TABLE")) fail();
    insert.query = query();
    insert.span = spanFrom(first);
    return insert;
}

// [EXECUTE] STATEMENT SET BEGIN ...; END, or BEGIN STATEMENT SET; ...; END. An error inside is noted and the
// next INSERT is read; the set as a whole is dropped then.
StatementSet Parser::statementSet() {
    const TextSpan start = spanOf(current());
    if (accept("BEGIN")) {
        expectSequence({"STATEMENT", "SET"});
        expect(";");
    } else {
        accept("EXECUTE");
        expectSequence({"STATEMENT", "SET"});
        expect("BEGIN");
    }
    StatementSet set;
    const size_t problems_before = problems_.size();
    for (;;) {
        while (accept(";")) {
        }
        if (is(current(), "END") && (is(ahead(1), ";") || ahead(1).kind == TokenKind::End)) break;
        if (current().kind == TokenKind::End)
            fail(start, "the statement set is not closed", "close it with END;");
        try {
            if (!at("INSERT")) {
                noteExpected("END");
                fail();
            }
            set.inserts.push_back(insert());
            if (!is(current(), ";") && !is(current(), "END")) {
                noteExpected(";");
                fail();
            }
        } catch (const UserError& error) {
            problems_.push_back(error.problem());
            skipToSemicolon();
        }
    }
    expect("END");
    if (set.inserts.empty() && problems_.size() == problems_before)
        fail(start, "the statement set is empty", "put INSERTs into it");
    return set;
}

Explain Parser::explain() {
    expect("EXPLAIN");
    Explain explain;
    if (accept("ANALYZE")) {
        explain.analyze = true;
    } else if (!acceptSequence({"PLAN", "FOR"})) {
        bool more = true;
        while (more) {
            more = false;
            for (const char* detail :
                 {"ESTIMATED_COST", "CHANGELOG_MODE", "JSON_EXECUTION_PLAN", "PLAN_ADVICE"}) {
                if (!accept(detail)) continue;
                explain.details.emplace_back(detail);
                more = accept(",");
                break;
            }
        }
    }
    if (is(current(), "EXPLAIN")) fail(spanOf(current()), "EXPLAIN cannot explain itself");
    explain.statement = std::make_unique<Statement>();
    if (is(current(), "STATEMENT")) {  // EXPLAIN takes a set without EXECUTE, as Flink does
        explain.statement->span = spanOf(current());
        explain.statement->node = statementSet();
    } else {
        *explain.statement = statement();
    }
    const auto& node = explain.statement->node;
    const auto* create = std::get_if<CreateTable>(&node);
    const bool creates_as = create != nullptr && create->as && !explain.analyze;
    if (!creates_as && !std::holds_alternative<QueryStatement>(node) &&
        !std::holds_alternative<Insert>(node) && !std::holds_alternative<StatementSet>(node)) {
        fail(explain.statement->span, "EXPLAIN takes a query, an INSERT or a statement set");
    }
    return explain;
}

ExprPtr Parser::parseOnlyExpression() {
    ExprPtr parsed = expression();
    if (current().kind != TokenKind::End) fail();
    return parsed;
}

QueryPtr Parser::parseOnlyQuery() {
    QueryPtr parsed = query();
    if (current().kind != TokenKind::End) fail();
    return parsed;
}

ParseResult parseStatements(const SourceText& source) { return Parser(source).parseScript(); }

namespace {

void rejectUnfilled(const SourceText& source) {
    if (!source.problems().empty()) throw UserError(source.problems().front());
}

}  // namespace

ExprPtr parseExpression(const SourceText& source) {
    rejectUnfilled(source);
    return Parser(source).parseOnlyExpression();
}

QueryPtr parseQuery(const SourceText& source) {
    rejectUnfilled(source);
    return Parser(source).parseOnlyQuery();
}

}  // namespace millrace::sql

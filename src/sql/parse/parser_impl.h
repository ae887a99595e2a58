// The recursive-descent parser. One class, its methods in one file per family: cursor.cc (tokens, errors,
// names), expressions.cc, special_calls.cc, types.cc, queries.cc, tables.cc, create_table.cc, statements.cc.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sql/parse/ast.h"
#include "sql/parse/lexer.h"
#include "sql/parse/parser.h"

namespace millrace::sql {

class Parser {
  public:
    explicit Parser(const SourceText& source) : source_(source), tokens_(tokenize(source)) {}

    ParseResult parseScript();
    ExprPtr parseOnlyExpression();
    QueryPtr parseOnlyQuery();

  private:
    // cursor.cc
    // ------------------------------------------------------------------------------------------------
    const Token& current() const { return tokens_[pos_]; }
    const Token& ahead(size_t count) const { return tokens_[std::min(pos_ + count, tokens_.size() - 1)]; }
    void advance();
    // Whether the current token is this keyword or symbol. What was asked for in vain is what an error says
    // was expected.
    bool at(std::string_view word_or_symbol);
    bool atAnyOf(std::initializer_list<std::string_view> words);
    static bool is(const Token& token, std::string_view word_or_symbol);
    bool accept(std::string_view word_or_symbol);
    bool acceptSequence(std::initializer_list<std::string_view> words);  // all or nothing
    void expect(std::string_view word_or_symbol);
    void expectSequence(std::initializer_list<std::string_view> words);
    bool atIdentifier();  // a name that is not reserved, or quoted
    Identifier identifier(const char* what);
    std::vector<Identifier> identifierList(const char* what);  // (a, b, c)
    ObjectName objectName(const char* what);
    std::string stringLiteral(const char* what);
    int integerLiteral(const char* what);
    std::optional<Identifier> alias();  // [AS] name
    std::vector<OptionItem> options();  // ('key' = 'value', ...)
    void noteExpected(std::string_view what) {
        expected_.push_back(what);
    }                          // a literal: it is kept as a view
    [[noreturn]] void fail();  // at the current token, with what was expected
    [[noreturn]] void fail(TextSpan where, std::string message, std::string hint = "",
                           const char* code = "sql.syntax");
    [[noreturn]] void notYet(TextSpan where, std::string_view what);
    std::string describe(const Token& token) const;
    TextSpan spanOf(const Token& token) const { return source_.span(token.begin, token.end); }
    TextSpan spanFrom(size_t first_token) const;  // up to the last token read
    template <class Item>
    void commaSeparated(Item item) {
        do
            item();
        while (accept(","));
    }

    // Counts one level of nesting for as long as it lives.
    class Nesting {
      public:
        explicit Nesting(Parser& parser);
        ~Nesting() { --parser_.nesting_; }
        Nesting(const Nesting&) = delete;
        Nesting& operator=(const Nesting&) = delete;

      private:
        Parser& parser_;
    };

    // expressions.cc
    // -------------------------------------------------------------------------------------------
    ExprPtr expression() { return expression(0); }
    ExprPtr expression(int binding_power_min);
    ExprPtr prefix();
    ExprPtr postfix(ExprPtr left, size_t first);
    ExprPtr primary();
    ExprPtr word();
    ExprPtr parenthesized();
    ExprPtr columnOrCall();
    ExprPtr isTest(ExprPtr left, size_t first);
    ExprPtr predicate(ExprPtr left, size_t first);  // [NOT] BETWEEN, IN, LIKE, SIMILAR TO
    ExprPtr comparison(ExprPtr left, size_t first);
    ExprPtr inPredicate(ExprPtr left, size_t first);
    ExprPtr caseExpression();
    ExprPtr argument();
    void callArguments(Call& call);  // behind the opening parenthesis, up to and with the closing one
    void callSuffixes(Call& call);   // FILTER, WITHIN GROUP, OVER
    OverSpec overSpec();
    FrameBound frameBound();
    std::vector<OrderItem> orderItems();
    std::vector<ExprPtr> expressionList();
    bool atQuery() const;  // SELECT, VALUES, WITH here, maybe behind parentheses
    ExprPtr make(Expr::Node node, size_t first_token);
    ExprPtr call(std::string name, std::vector<ExprPtr> arguments, size_t first_token);
    template <class... Args>
    ExprPtr callOf(std::string name, size_t first_token, Args... args) {
        std::vector<ExprPtr> list;
        (list.push_back(std::move(args)), ...);
        return call(std::move(name), std::move(list), first_token);
    }
    ExprPtr keyword(std::string_view word, size_t first_token);

    // special_calls.cc: functions with a syntax of their own
    // ----------------------------------------------------
    ExprPtr specialCall();  // nullptr if the current word is none
    ExprPtr castCall(bool try_cast);
    ExprPtr extractCall();
    ExprPtr positionCall();
    ExprPtr trimCall();
    ExprPtr overlayCall();
    ExprPtr substringCall();
    ExprPtr roundToUnitCall();  // CEIL, FLOOR
    ExprPtr timestampUnitCall();
    ExprPtr jsonCall();
    ExprPtr jsonObjectCall();
    ExprPtr intervalLiteral();
    std::string timeUnit(bool with_plural);

    // types.cc
    // -------------------------------------------------------------------------------------------------
    TypeSpec type();
    TypeSpec typeName();
    void fieldOf(TypeSpec& row);
    std::optional<bool> nullability();

    // queries.cc
    // -----------------------------------------------------------------------------------------------
    QueryPtr query();
    QueryBodyPtr setOperation(bool intersect_only);
    QueryBodyPtr queryPrimary();
    Select select();
    SelectItem selectItem();
    ValuesBody values();
    GroupItem groupItem();
    std::vector<ExprPtr> groupingSet();
    std::vector<Hint> hints();
    QueryBodyPtr makeBody(decltype(QueryBody::node) node, size_t first_token);

    // tables.cc
    // ------------------------------------------------------------------------------------------------
    TableRefPtr fromClause();
    TableRefPtr joins();
    TableRefPtr tablePrimary();
    TableRefPtr makeTable(decltype(TableRef::node) node, size_t first_token);
    bool atJoin();

    // match_recognize.cc
    // ------------------------------------------------------------------------------------------
    TableRefPtr matchRecognize(TableRefPtr input, size_t first);
    PatternItem patternItem();
    int64_t quantifierBound();

    // create_table.cc
    // ------------------------------------------------------------------------------------------
    CreateTable createTable(bool temporary, bool or_replace);
    void tableElement(CreateTable& table);
    ColumnDefinition column();
    void columnConstraint(ColumnDefinition& column);
    void primaryKey(CreateTable& table);
    void watermark(CreateTable& table);
    LikeClause likeClause();

    // statements.cc
    // --------------------------------------------------------------------------------------------
    Statement statement();
    decltype(Statement::node) statementNode();
    decltype(Statement::node) create();
    CreateView createView(bool temporary, bool or_replace);
    CreateFunction createFunction(bool temporary);
    decltype(Statement::node) drop();
    Insert insert();
    StatementSet statementSet();
    Explain explain();

    // catalogs.cc: CREATE CATALOG and DATABASE, USE, SHOW, DESCRIBE
    // --------------------------------------------------------------------------
    CreateCatalog createCatalog();
    CreateDatabase createDatabase();
    decltype(Statement::node) use(size_t first);
    std::vector<OptionItem> partitionValues();
    Show show();
    Describe describe();

    // alter.cc
    // ------------------------------------------------------------------------------------------------
    decltype(Statement::node) alter(size_t first);
    decltype(AlterObject::change) alterTable(size_t first);
    AlterColumns alterColumns(bool modify);
    void alterElement(AlterColumns& change);
    std::vector<OptionItem> optionKeys();  // ('key', ...)

    decltype(Statement::node) unsupported(std::initializer_list<std::string_view> words);
    void skipToSemicolon();
    std::string definedName(size_t first_token) const;  // of CREATE TABLE or VIEW; "" for anything else
    void endOfStatement();

    const SourceText& source_;
    std::vector<Token> tokens_;
    size_t pos_ = 0;
    int nesting_ = 0;
    std::vector<std::string_view> expected_;         // at the current token
    std::vector<std::string_view> expected_before_;  // at the one before it
    std::vector<Problem> problems_;
};

}  // namespace millrace::sql

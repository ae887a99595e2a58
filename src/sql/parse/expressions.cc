// Expressions, by binding power (Calcite's order, which is Flink's): OR, AND, NOT, IS, comparison,
// BETWEEN/IN/LIKE,
// + - ||, * / %, unary sign, field and element access.
#include <algorithm>
#include <array>

#include "sql/parse/parser_impl.h"

namespace millrace::sql {

namespace {

enum BindingPower {
    kOr = 10,
    kAnd = 20,
    kNot = 30,
    kIs = 40,
    kComparison = 50,
    kPredicate = 60,
    kSum = 70,
    kProduct = 80,
    kUnary = 90
};

int heightOf(const ExprPtr& expr) { return expr ? expr->height : 0; }
int heightOf(const QueryPtr& query) { return query ? query->height : 0; }
int heightOf(const std::vector<ExprPtr>& list) {
    int height = 0;
    for (const ExprPtr& expr : list)
        height = std::max(height, expr->height);
    return height;
}
int heightOf(const std::vector<OrderItem>& list) {
    int height = 0;
    for (const OrderItem& item : list)
        height = std::max(height, heightOf(item.expression));
    return height;
}

struct HeightOfNode {
    int operator()(const Literal&) const { return 0; }
    int operator()(const ColumnRef&) const { return 0; }
    int operator()(const Star&) const { return 0; }
    int operator()(const KeywordArgument&) const { return 0; }
    int operator()(const DescriptorArgument&) const { return 0; }
    int operator()(const NamedArgument& node) const { return heightOf(node.value); }
    int operator()(const Call& node) const {
        int height = std::max({heightOf(node.arguments), heightOf(node.filter), heightOf(node.within_group)});
        if (node.over)
            height = std::max({height, heightOf(node.over->partition_by), heightOf(node.over->order_by)});
        return height;
    }
    int operator()(const TableArgument& node) const {
        return std::max({heightOf(node.query), heightOf(node.partition_by), heightOf(node.order_by)});
    }
    int operator()(const CaseExpr& node) const {
        int height = std::max(heightOf(node.operand), heightOf(node.otherwise));
        for (const auto& branch : node.branches)
            height = std::max({height, heightOf(branch.when), heightOf(branch.then)});
        return height;
    }
    int operator()(const CastExpr& node) const { return heightOf(node.value); }
    int operator()(const InList& node) const { return std::max(heightOf(node.value), heightOf(node.items)); }
    int operator()(const InQuery& node) const { return std::max(heightOf(node.value), heightOf(node.query)); }
    int operator()(const ExistsQuery& node) const { return heightOf(node.query); }
    int operator()(const ScalarQuery& node) const { return heightOf(node.query); }
    int operator()(const FieldAccess& node) const { return heightOf(node.value); }
    int operator()(const ElementAccess& node) const {
        return std::max(heightOf(node.value), heightOf(node.index));
    }
    int operator()(const ArrayConstructor& node) const { return heightOf(node.items); }
    int operator()(const MapConstructor& node) const { return heightOf(node.items); }
    int operator()(const RowConstructor& node) const { return heightOf(node.items); }
};

}  // namespace

ExprPtr Parser::make(Expr::Node node, size_t first_token) {
    auto expr = std::make_unique<Expr>();
    expr->span = spanFrom(first_token);
    expr->height = std::visit(HeightOfNode{}, node) + 1;
    expr->node = std::move(node);
    if (expr->height > kHeightMax) {
        fail(expr->span, fmt::format("an expression of more than {} operators in a row", kHeightMax),
             "split it with parentheses or a view", "sql.too-deep");
    }
    return expr;
}

ExprPtr Parser::call(std::string name, std::vector<ExprPtr> arguments, size_t first_token) {
    Call node;
    node.name = std::move(name);
    node.arguments = std::move(arguments);
    return make(std::move(node), first_token);
}

ExprPtr Parser::keyword(std::string_view word, size_t first_token) {
    return make(KeywordArgument{std::string(word)}, first_token);
}

ExprPtr Parser::expression(int binding_power_min) {
    const Nesting nesting(*this);
    const size_t first = pos_;
    ExprPtr left = prefix();
    for (;;) {
        const auto binary = [&](const char* symbol, const char* name, int power) {
            if (power < binding_power_min || !at(symbol)) return false;
            advance();
            left = callOf(name, first, std::move(left), expression(power + 1));
            return true;
        };
        // AND and OR chains are one n-ary node, so that generated conditions of any length stay flat.
        const auto chain = [&](const char* name, int power) {
            if (power < binding_power_min || !at(name)) return false;
            std::vector<ExprPtr> operands;
            operands.push_back(std::move(left));
            while (accept(name))
                operands.push_back(expression(power + 1));
            left = call(name, std::move(operands), first);
            return true;
        };
        if (binary("*", "*", kProduct) || binary("/", "/", kProduct) || binary("%", "%", kProduct)) continue;
        if (binary("+", "+", kSum) || binary("-", "-", kSum) || binary("||", "||", kSum)) continue;
        if (kPredicate >= binding_power_min) {
            const bool negated = is(current(), "NOT") && (is(ahead(1), "BETWEEN") || is(ahead(1), "IN") ||
                                                          is(ahead(1), "LIKE") || is(ahead(1), "SIMILAR"));
            if (negated || atAnyOf({"BETWEEN", "IN", "LIKE", "SIMILAR"})) {
                left = predicate(std::move(left), first);
                continue;
            }
            noteExpected("NOT");
            if (std::holds_alternative<RowConstructor>(left->node) &&
                binary("OVERLAPS", "OVERLAPS", kPredicate))
                continue;
        }
        if (kComparison >= binding_power_min && atAnyOf({"=", "<>", "!=", "<", "<=", ">", ">="})) {
            left = comparison(std::move(left), first);
            continue;
        }
        if (kIs >= binding_power_min && at("IS")) {
            left = isTest(std::move(left), first);
            continue;
        }
        if (chain("AND", kAnd) || chain("OR", kOr)) continue;
        return left;
    }
}

ExprPtr Parser::prefix() {
    const size_t first = pos_;
    if (accept("NOT")) return callOf("NOT", first, expression(kNot));
    if (accept("+")) return expression(kUnary);
    if (is(current(), "-")) {
        advance();
        if (current().kind == TokenKind::Number) {  // so that -9223372036854775808 is a BIGINT
            Literal number{LiteralKind::Number, "-" + current().text, {}, false};
            advance();
            return postfix(make(std::move(number), first), first);
        }
        return callOf("NEGATE", first, expression(kUnary));
    }
    return postfix(primary(), first);
}

ExprPtr Parser::postfix(ExprPtr left, size_t first) {
    for (;;) {
        if (is(current(), ".")) {
            advance();
            left = make(FieldAccess{std::move(left), identifier("a field's name")}, first);
        } else if (is(current(), "[")) {
            advance();
            ExprPtr index = expression();
            expect("]");
            left = make(ElementAccess{std::move(left), std::move(index)}, first);
        } else {
            return left;
        }
    }
}

ExprPtr Parser::comparison(ExprPtr left, size_t first) {
    std::string symbol = current().text == "!=" ? "<>" : current().text;
    advance();
    if (atAnyOf({"ANY", "SOME", "ALL"}) && is(ahead(1), "(")) {
        std::string quantifier = current().upper == "ALL" ? "ALL" : "ANY";
        advance();
        advance();
        InQuery node{std::move(left), query(), std::move(symbol), std::move(quantifier)};
        expect(")");
        return make(std::move(node), first);
    }
    return callOf(std::move(symbol), first, std::move(left), expression(kComparison + 1));
}

ExprPtr Parser::isTest(ExprPtr left, size_t first) {
    expect("IS");
    const bool negated = accept("NOT");
    if (accept("DISTINCT")) {
        expect("FROM");
        ExprPtr right = expression(kIs + 1);
        return callOf(negated ? "IS NOT DISTINCT FROM" : "IS DISTINCT FROM", first, std::move(left),
                      std::move(right));
    }
    for (const char* what : {"NULL", "TRUE", "FALSE", "UNKNOWN"}) {
        if (!accept(what)) continue;
        const std::string tested = std::string(what) == "UNKNOWN" ? "NULL" : what;
        return callOf((negated ? "IS NOT " : "IS ") + tested, first, std::move(left));
    }
    if (accept("JSON")) {
        std::string name = negated ? "IS NOT JSON" : "IS JSON";
        for (const char* what : {"VALUE", "ARRAY", "OBJECT", "SCALAR"}) {
            if (accept(what)) name += std::string(" ") + what;
        }
        return callOf(std::move(name), first, std::move(left));
    }
    fail();
}

ExprPtr Parser::predicate(ExprPtr left, size_t first) {
    const bool negated = accept("NOT");
    ExprPtr result;
    if (accept("BETWEEN")) {
        const bool symmetric = accept("SYMMETRIC");
        if (!symmetric) accept("ASYMMETRIC");
        ExprPtr low = expression(kPredicate + 1);
        expect("AND");
        ExprPtr high = expression(kPredicate + 1);
        result = callOf(symmetric ? "BETWEEN SYMMETRIC" : "BETWEEN", first, std::move(left), std::move(low),
                        std::move(high));
    } else if (accept("IN")) {
        result = inPredicate(std::move(left), first);
    } else {
        const bool like = accept("LIKE");
        if (!like) expectSequence({"SIMILAR", "TO"});
        std::vector<ExprPtr> arguments;
        arguments.push_back(std::move(left));
        arguments.push_back(expression(kPredicate + 1));
        if (accept("ESCAPE")) arguments.push_back(expression(kPredicate + 1));
        result = call(like ? "LIKE" : "SIMILAR TO", std::move(arguments), first);
    }
    return negated ? callOf("NOT", first, std::move(result)) : std::move(result);
}

ExprPtr Parser::inPredicate(ExprPtr left, size_t first) {
    expect("(");
    if (atQuery()) {
        InQuery node{std::move(left), query(), {}, {}};
        expect(")");
        return make(std::move(node), first);
    }
    InList node{std::move(left), expressionList()};
    expect(")");
    return make(std::move(node), first);
}

std::vector<ExprPtr> Parser::expressionList() {
    std::vector<ExprPtr> list;
    commaSeparated([&] { list.push_back(expression()); });
    return list;
}

bool Parser::atQuery() const {
    size_t i = 0;
    while (is(ahead(i), "("))
        ++i;
    return is(ahead(i), "SELECT") || is(ahead(i), "VALUES") || is(ahead(i), "WITH");
}

ExprPtr Parser::primary() {
    const size_t first = pos_;
    const Token& token = current();
    const auto literal = [&](LiteralKind kind) {
        Literal node{kind, token.text, {}, false};
        advance();
        return make(std::move(node), first);
    };
    switch (token.kind) {
        case TokenKind::Number:
            return literal(LiteralKind::Number);
        case TokenKind::String:
            return literal(LiteralKind::String);
        case TokenKind::Binary:
            return literal(LiteralKind::Binary);
        case TokenKind::QuotedWord:
            return columnOrCall();
        case TokenKind::Word:
            return word();
        default:
            break;
    }
    if (is(token, "(")) return parenthesized();
    noteExpected("an expression");
    fail();
}

ExprPtr Parser::parenthesized() {
    const size_t first = pos_;
    if (atQuery()) {
        // ((SELECT ...) + 1) starts like a query too: read it as one, and if that does not work out, as an
        // expression.
        const size_t before = pos_;
        const bool certain = !is(ahead(1), "(");
        try {
            expect("(");
            QueryPtr inner = query();
            expect(")");
            return make(ScalarQuery{std::move(inner)}, first);
        } catch (const UserError& error) {
            if (certain || error.code() != "sql.syntax") throw;
            pos_ = before;
        }
    }
    expect("(");
    std::vector<ExprPtr> items = expressionList();
    expect(")");
    if (items.size() > 1) return make(RowConstructor{std::move(items), false}, first);
    return std::move(items.front());
}

ExprPtr Parser::word() {
    const size_t first = pos_;
    const auto literal = [&](LiteralKind kind, std::string text) {
        advance();
        return make(Literal{kind, std::move(text), {}, false}, first);
    };
    const std::string& upper = current().upper;
    if (upper == "NULL" || upper == "UNKNOWN") {
        if (upper == "NULL" || !(is(ahead(1), ".") || is(ahead(1), "(")))
            return literal(LiteralKind::Null, "NULL");
    }
    if (upper == "TRUE" || upper == "FALSE") return literal(LiteralKind::Boolean, upper);
    if (upper == "CASE") return caseExpression();
    if (upper == "EXISTS") {
        advance();
        expect("(");
        ExistsQuery node{query()};
        expect(")");
        return make(std::move(node), first);
    }
    if (upper == "INTERVAL") return intervalLiteral();
    if (ahead(1).kind == TokenKind::String && (upper == "DATE" || upper == "TIME" || upper == "TIMESTAMP")) {
        const LiteralKind kind = upper == "DATE"   ? LiteralKind::Date
                                 : upper == "TIME" ? LiteralKind::Time
                                                   : LiteralKind::Timestamp;
        advance();
        return literal(kind, current().text);
    }
    if ((upper == "ARRAY" || upper == "MAP") && is(ahead(1), "[")) {
        const bool array = upper == "ARRAY";
        advance();
        advance();
        std::vector<ExprPtr> items;
        if (!at("]")) items = expressionList();
        expect("]");
        if (array) return make(ArrayConstructor{std::move(items)}, first);
        if (items.size() % 2 != 0)
            fail(spanFrom(first), "MAP[...] takes keys and values in turn; the last key has no value");
        return make(MapConstructor{std::move(items)}, first);
    }
    if (upper == "ROW" && is(ahead(1), "(")) {
        advance();
        advance();
        std::vector<ExprPtr> items;
        if (!at(")")) items = expressionList();
        expect(")");
        return make(RowConstructor{std::move(items), true}, first);
    }
    if (ExprPtr special = specialCall()) return special;
    return columnOrCall();
}

ExprPtr Parser::columnOrCall() {
    const size_t first = pos_;
    // Functions whose names are reserved for clauses: LEFT(s, 1), RIGHT(s, 1).
    const bool reserved_function = current().kind == TokenKind::Word && is(ahead(1), "(") &&
                                   (is(current(), "LEFT") || is(current(), "RIGHT"));
    std::vector<Identifier> path;
    if (reserved_function) {
        path.push_back({current().text, spanOf(current())});
        advance();
    } else {
        path.push_back(identifier("an expression"));
    }
    while (is(current(), ".")) {
        if (is(ahead(1), "*")) {
            advance();
            advance();
            return make(Star{std::move(path)}, first);
        }
        advance();
        path.push_back(identifier("a name"));
    }
    if (is(current(), "(")) {
        advance();
        Call node;
        node.name = toUpper(path.back().name);
        node.path = std::move(path);
        callArguments(node);
        callSuffixes(node);
        return make(std::move(node), first);
    }
    static constexpr std::array<std::string_view, 5> kWithoutParentheses = {
        "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP"};
    if (path.size() == 1 && tokens_[first].kind == TokenKind::Word &&
        std::find(kWithoutParentheses.begin(), kWithoutParentheses.end(), tokens_[first].upper) !=
            kWithoutParentheses.end()) {
        return call(tokens_[first].upper, {}, first);
    }
    return make(ColumnRef{std::move(path)}, first);
}

void Parser::callArguments(Call& call) {
    if (accept(")")) return;
    if (accept("DISTINCT")) {
        call.distinct = true;
    } else {
        accept("ALL");
    }
    if (is(current(), "*") && is(ahead(1), ")")) {
        advance();
        call.star = true;
    } else {
        commaSeparated([&] { call.arguments.push_back(argument()); });
        if (accept("ORDER")) {  // ARRAY_AGG(x ORDER BY y), LISTAGG
            expect("BY");
            call.within_group = orderItems();
        }
        if (acceptSequence({"IGNORE", "NULLS"})) call.ignore_nulls = true;
        if (acceptSequence({"RESPECT", "NULLS"})) call.ignore_nulls = false;
    }
    expect(")");
}

ExprPtr Parser::argument() {
    const Nesting nesting(*this);
    const size_t first = pos_;
    if (atIdentifier() && is(ahead(1), "=>")) {
        Identifier name = identifier("a parameter's name");
        advance();
        return make(NamedArgument{std::move(name), argument()}, first);
    }
    if (accept("DEFAULT")) return keyword("DEFAULT", first);
    if (is(current(), "DESCRIPTOR") && is(ahead(1), "(")) {
        advance();
        return make(DescriptorArgument{identifierList("a column")}, first);
    }
    const auto partitioning = [&](TableArgument& table) {
        if (accept("PARTITION")) {
            expect("BY");
            // Without parentheses one: a comma ends the argument.
            if (accept("(")) {
                table.partition_by = expressionList();
                expect(")");
            } else {
                table.partition_by.push_back(expression());
            }
        }
        if (accept("ORDER")) {
            expect("BY");
            table.order_by = orderItems();
        }
    };
    if (is(current(), "TABLE")) {
        advance();
        TableArgument table;
        if (is(current(), "(")) {
            expect("(");
            table.query = query();
            expect(")");
        } else {
            table.table = objectName("a table");
        }
        partitioning(table);
        return make(std::move(table), first);
    }
    return expression();
}

void Parser::callSuffixes(Call& call) {
    if (is(current(), "WITHIN") && is(ahead(1), "GROUP")) {
        expectSequence({"WITHIN", "GROUP", "(", "ORDER", "BY"});
        call.within_group = orderItems();
        expect(")");
    }
    if (is(current(), "FILTER") && is(ahead(1), "(")) {
        expectSequence({"FILTER", "(", "WHERE"});
        call.filter = expression();
        expect(")");
    }
    if (acceptSequence({"IGNORE", "NULLS"})) call.ignore_nulls = true;
    if (acceptSequence({"RESPECT", "NULLS"})) call.ignore_nulls = false;
    if (accept("OVER")) {
        call.over = std::make_unique<OverSpec>();
        if (is(current(), "(")) {
            *call.over = overSpec();
        } else {
            call.over->name = identifier("a window");
            call.over->span = call.over->name.span;
        }
    }
}

OverSpec Parser::overSpec() {
    const size_t first = pos_;
    OverSpec spec;
    expect("(");
    if (atIdentifier() && !is(current(), "ROWS") && !is(current(), "RANGE"))
        spec.name = identifier("a window");
    if (accept("PARTITION")) {
        expect("BY");
        spec.partition_by = expressionList();
    }
    if (accept("ORDER")) {
        expect("BY");
        spec.order_by = orderItems();
    }
    if (atAnyOf({"ROWS", "RANGE"})) {
        spec.frame = current().upper == "ROWS" ? FrameUnit::Rows : FrameUnit::Range;
        advance();
        if (accept("BETWEEN")) {
            spec.from = frameBound();
            expect("AND");
            spec.to = frameBound();
        } else {
            spec.from = frameBound();
            spec.to.kind = FrameBoundKind::CurrentRow;
        }
    }
    expect(")");
    spec.span = spanFrom(first);
    return spec;
}

FrameBound Parser::frameBound() {
    FrameBound bound;
    if (acceptSequence({"CURRENT", "ROW"})) {
        bound.kind = FrameBoundKind::CurrentRow;
        return bound;
    }
    const bool unbounded = accept("UNBOUNDED");
    if (!unbounded) bound.offset = expression(kSum);
    const bool preceding = accept("PRECEDING");
    if (!preceding) expect("FOLLOWING");
    bound.kind = preceding ? (unbounded ? FrameBoundKind::UnboundedPreceding : FrameBoundKind::Preceding)
                           : (unbounded ? FrameBoundKind::UnboundedFollowing : FrameBoundKind::Following);
    return bound;
}

std::vector<OrderItem> Parser::orderItems() {
    std::vector<OrderItem> items;
    commaSeparated([&] {
        OrderItem item;
        item.expression = expression();
        if (accept("DESC")) {
            item.descending = true;
        } else {
            accept("ASC");
        }
        if (accept("NULLS")) {
            item.nulls_first = accept("FIRST");
            if (!*item.nulls_first) expect("LAST");
        }
        items.push_back(std::move(item));
    });
    return items;
}

ExprPtr Parser::caseExpression() {
    const size_t first = pos_;
    expect("CASE");
    CaseExpr node;
    if (!at("WHEN")) node.operand = expression();
    do {
        expect("WHEN");
        ExprPtr when = expression();
        expect("THEN");
        ExprPtr then = expression();
        node.branches.push_back({std::move(when), std::move(then)});
    } while (at("WHEN"));
    if (accept("ELSE")) node.otherwise = expression();
    expect("END");
    return make(std::move(node), first);
}

}  // namespace millrace::sql

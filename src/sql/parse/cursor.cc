// Tokens, names and errors.
#include <algorithm>

#include "sql/parse/parser_impl.h"

namespace millrace::sql {

std::string ObjectName::toString() const {
    std::string text;
    for (const Identifier& part : parts)
        text += (text.empty() ? "" : ".") + part.name;
    return text;
}

Parser::Nesting::Nesting(Parser& parser) : parser_(parser) {
    if (parser.nesting_ >= kNestingMax) {
        parser.fail(parser.spanOf(parser.current()),
                    fmt::format("nested more than {} levels deep", kNestingMax), "name parts of it in views",
                    "sql.too-deep");
    }
    ++parser.nesting_;
}

void Parser::advance() {
    if (current().kind == TokenKind::End) return;
    ++pos_;
    expected_before_.swap(expected_);
    expected_.clear();
}

bool Parser::is(const Token& token, std::string_view text) {
    if (token.kind == TokenKind::Word) return token.upper == text;
    return token.kind == TokenKind::Symbol && token.text == text;
}

bool Parser::at(std::string_view text) {
    if (is(current(), text)) return true;
    noteExpected(text);
    return false;
}

bool Parser::atAnyOf(std::initializer_list<std::string_view> words) {
    return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return at(word); });
}

bool Parser::accept(std::string_view text) {
    if (!at(text)) return false;
    advance();
    return true;
}

bool Parser::acceptSequence(std::initializer_list<std::string_view> words) {
    size_t i = 0;
    for (const std::string_view word : words) {
        if (!is(ahead(i++), word)) {
            if (i == 1) noteExpected(word);
            return false;
        }
    }
    for (i = 0; i < words.size(); ++i)
        advance();
    return true;
}

void Parser::expect(std::string_view text) {
    if (!accept(text)) fail();
}

void Parser::expectSequence(std::initializer_list<std::string_view> words) {
    for (const std::string_view word : words)
        expect(word);
}

bool Parser::atIdentifier() {
    if (current().kind == TokenKind::QuotedWord) return true;
    return current().kind == TokenKind::Word && !isReserved(current().upper);
}

Identifier Parser::identifier(const char* what) {
    if (!atIdentifier()) {
        if (current().kind == TokenKind::Word) {
            fail(spanOf(current()),
                 fmt::format("expected {}, but {} is a reserved word", what, current().upper),
                 fmt::format("as a name, write it in back-quotes: `{}`", current().text));
        }
        noteExpected(what);
        fail();
    }
    Identifier name{current().text, spanOf(current())};
    advance();
    return name;
}

std::vector<Identifier> Parser::identifierList(const char* what) {
    std::vector<Identifier> names;
    expect("(");
    commaSeparated([&] { names.push_back(identifier(what)); });
    expect(")");
    return names;
}

ObjectName Parser::objectName(const char* what) {
    const size_t first = pos_;
    ObjectName name;
    name.parts.push_back(identifier(what));
    while (accept("."))
        name.parts.push_back(identifier(what));
    name.span = spanFrom(first);
    if (name.parts.size() > 3) fail(name.span, "a name has at most three parts: catalog.database.name");
    return name;
}

std::string Parser::stringLiteral(const char* what) {
    if (current().kind != TokenKind::String) {
        noteExpected(what);
        fail();
    }
    std::string text = current().text;
    advance();
    return text;
}

int Parser::integerLiteral(const char* what) {
    const Token& token = current();
    if (token.kind != TokenKind::Number) {
        noteExpected(what);
        fail();
    }
    if (token.text.size() > 10 || token.text.find_first_not_of("0123456789") != std::string::npos ||
        std::stoll(token.text) > 2147483647) {
        fail(spanOf(token), fmt::format("{} must be a whole number up to 2147483647", what));
    }
    const int value = std::stoi(token.text);
    advance();
    return value;
}

std::optional<Identifier> Parser::alias() {
    if (accept("AS")) return identifier("a name");
    if (!atIdentifier()) return std::nullopt;
    // A misspelt keyword is read as an alias: remember what else could have stood here.
    for (const char* clause :
         {"FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "UNION", "JOIN", "INNER", "LEFT", "CROSS"}) {
        noteExpected(clause);
    }
    return identifier("a name");
}

std::vector<OptionItem> Parser::options() {
    std::vector<OptionItem> items;
    expect("(");
    if (accept(")")) return items;
    commaSeparated([&] {
        OptionItem item;
        item.key_span = spanOf(current());
        item.key = stringLiteral("an option's key in quotes, such as 'connector'");
        expect("=");
        item.value_span = spanOf(current());
        item.value = stringLiteral("the option's value in quotes");
        for (const OptionItem& other : items) {
            if (other.key == item.key)
                fail(item.key_span, fmt::format("option '{}' is given twice", item.key));
        }
        items.push_back(std::move(item));
    });
    expect(")");
    return items;
}

std::string Parser::describe(const Token& token) const {
    switch (token.kind) {
        case TokenKind::End:
            return "the end of the text";
        case TokenKind::String:
            return "a string";
        case TokenKind::Binary:
            return "a binary string";
        case TokenKind::Number:
            return "the number " + token.text;
        case TokenKind::QuotedWord:
            return "`" + token.text + "`";
        default:
            return "'" + token.text + "'";
    }
}

namespace {

bool isKeyword(std::string_view expected) {
    return expected.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == std::string::npos;
}

// The keyword that was probably meant by a word one or two letters away.
std::string meant(const Token& token, const std::vector<std::string_view>& expected) {
    if (token.kind != TokenKind::Word || token.text.size() < 2) return "";
    std::vector<std::string> keywords;
    for (const std::string_view candidate : expected) {
        if (isKeyword(candidate) && candidate.size() > 2) keywords.emplace_back(candidate);
    }
    const std::string near = nearestName(token.text, keywords);
    return near == token.upper ? "" : near;
}

}  // namespace

void Parser::fail() {
    const Token& token = current();
    if (token.kind == TokenKind::Bad) fail(spanOf(token), token.text, token.hint);

    // Names and values say more than the many operators that could follow an operand.
    std::vector<std::string> shown;
    const auto show = [&](std::string what) {
        if (std::find(shown.begin(), shown.end(), what) == shown.end()) shown.push_back(std::move(what));
    };
    for (const std::string_view what : expected_) {
        if (what.find_first_of("abcdefghijklmnopqrstuvwxyz") != std::string_view::npos)
            show(std::string(what));
    }
    if (shown.empty()) {
        for (const std::string_view what : expected_)
            show(fmt::format("'{}'", what));
    }
    std::string message = "unexpected " + describe(token);
    if (!shown.empty() && shown.size() <= 8) {
        message += ", expected ";
        for (size_t i = 0; i < shown.size(); ++i) {
            message += (i == 0 ? "" : i + 1 == shown.size() ? " or " : ", ") + shown[i];
        }
    }
    std::string hint;
    if (const std::string near = meant(token, expected_); !near.empty()) {
        hint = fmt::format("did you mean {}?", near);
    } else if (pos_ > 0) {
        const Token& before = tokens_[pos_ - 1];
        if (const std::string clause = meant(before, expected_before_); !clause.empty()) {
            const TextSpan place = spanOf(before);
            hint = fmt::format("did you mean {} instead of '{}' at {}:{}?", clause, before.text, place.line,
                               place.column);
        }
    }
    if (hint.empty() && token.kind == TokenKind::Word && isReserved(token.upper)) {
        hint = fmt::format("{} is a reserved word; as a name, write it in back-quotes: `{}`", token.upper,
                           token.text);
    }
    fail(spanOf(token), std::move(message), std::move(hint));
}

void Parser::fail(TextSpan where, std::string message, std::string hint, const char* code) {
    throw UserError(Problem{code, std::move(message), std::move(hint), where});
}

void Parser::notYet(TextSpan where, std::string_view what) {
    fail(where, fmt::format("{} is not supported yet", what), "", "sql.not-supported");
}

TextSpan Parser::spanFrom(size_t first_token) const {
    const Token& first = tokens_[first_token];
    const Token& last = tokens_[pos_ > first_token ? pos_ - 1 : first_token];
    return source_.span(first.begin, std::max(first.end, last.end));
}

}  // namespace millrace::sql

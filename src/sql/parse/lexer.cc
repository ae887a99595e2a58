#include "sql/parse/lexer.h"

#include <algorithm>
#include <array>

#include "functions/utf8.h"

namespace millrace::sql {

std::string toUpper(std::string_view text) {
    std::string upper(text);
    for (char& c : upper) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return upper;
}

bool isReserved(std::string_view upper) {
    static constexpr std::array<std::string_view, 64> kReserved = {"ALL",       "AND",
                                                                   "ANY",       "AS",
                                                                   "ASC",       "BETWEEN",
                                                                   "BY",        "CASE",
                                                                   "CAST",      "CREATE",
                                                                   "CROSS",     "DESC",
                                                                   "DISTINCT",  "DROP",
                                                                   "ELSE",      "END",
                                                                   "EXCEPT",    "EXISTS",
                                                                   "FALSE",     "FETCH",
                                                                   "FOR",       "FROM",
                                                                   "FULL",      "GROUP",
                                                                   "HAVING",    "IN",
                                                                   "INNER",     "INSERT",
                                                                   "INTERSECT", "INTERVAL",
                                                                   "INTO",      "IS",
                                                                   "JOIN",      "LATERAL",
                                                                   "LEFT",      "LIKE",
                                                                   "LIMIT",     "MATCH_RECOGNIZE",
                                                                   "MINUS",     "NATURAL",
                                                                   "NOT",       "NULL",
                                                                   "OFFSET",    "ON",
                                                                   "OR",        "ORDER",
                                                                   "OUTER",     "OVER",
                                                                   "PARTITION", "QUALIFY",
                                                                   "RIGHT",     "SELECT",
                                                                   "SIMILAR",   "SOME",
                                                                   "TABLE",     "THEN",
                                                                   "TRUE",      "UNION",
                                                                   "USING",     "VALUES",
                                                                   "WHEN",      "WHERE",
                                                                   "WINDOW",    "WITH"};
    static_assert(std::is_sorted(kReserved.begin(), kReserved.end()));
    return std::binary_search(kReserved.begin(), kReserved.end(), upper);
}

namespace {

bool isBlank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isWordStart(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}
bool isWordPart(char c) { return isWordStart(c) || isDigit(c) || c == '$'; }
int hexDigit(char c) {
    if (isDigit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

class Lexer {
  public:
    explicit Lexer(const std::string& text) : text_(text) {}

    std::vector<Token> run() {
        while (skipBlanks())
            next();
        add(TokenKind::End, "", text_.size(), text_.size());
        return std::move(tokens_);
    }

  private:
    char at(size_t i) const { return i < text_.size() ? text_[i] : '\0'; }

    void add(TokenKind kind, std::string decoded, size_t begin, size_t end) {
        Token token{kind, std::move(decoded), {}, begin, end, {}};
        if (kind == TokenKind::Word) token.upper = toUpper(token.text);
        tokens_.push_back(std::move(token));
        pos_ = end;
    }
    void bad(std::string message, std::string hint, size_t begin, size_t shown_end, size_t end) {
        tokens_.push_back({TokenKind::Bad, std::move(message), {}, begin, shown_end, std::move(hint)});
        pos_ = end;
    }

    // False at the end of the text.
    bool skipBlanks() {
        while (pos_ < text_.size()) {
            const char c = text_[pos_];
            if (isBlank(c)) {
                ++pos_;
            } else if (text_.compare(pos_, 3, "\xEF\xBB\xBF") == 0) {  // a byte order mark
                pos_ += 3;
            } else if (text_.compare(pos_, 2, "--") == 0) {
                pos_ = std::min(text_.find('\n', pos_), text_.size());
            } else if (text_.compare(pos_, 2, "/*") == 0 && at(pos_ + 2) != '+') {
                const size_t end = text_.find("*/", pos_ + 2);
                if (end == std::string::npos) {
                    bad("a comment is not closed", "close it with */", pos_, pos_ + 2, text_.size());
                } else {
                    pos_ = end + 2;
                }
            } else {
                return true;
            }
        }
        return false;
    }

    void next() {
        const char c = text_[pos_];
        if ((c == 'x' || c == 'X') && at(pos_ + 1) == '\'') return binary();
        if ((c == 'u' || c == 'U') && at(pos_ + 1) == '&' && at(pos_ + 2) == '\'') return unicode();
        if (isWordStart(c)) {
            size_t end = pos_;
            while (isWordPart(at(end)))
                ++end;
            return add(TokenKind::Word, text_.substr(pos_, end - pos_), pos_, end);
        }
        if (isDigit(c) || (c == '.' && isDigit(at(pos_ + 1)) && !afterOperand())) return number();
        if (c == '\'') return quoted(c, TokenKind::String, "a string");
        if (c == '`') return quoted(c, TokenKind::QuotedWord, "a quoted name");
        symbol();
    }

    // Whether the previous token ends an operand, so that a '.' accesses a field of it.
    bool afterOperand() const {
        if (tokens_.empty() || tokens_.back().end != pos_) return false;
        const Token& last = tokens_.back();
        return last.kind == TokenKind::Word || last.kind == TokenKind::QuotedWord || last.text == ")" ||
               last.text == "]";
    }

    void number() {
        size_t end = pos_;
        while (isDigit(at(end)))
            ++end;
        if (at(end) == '.') {
            ++end;
            while (isDigit(at(end)))
                ++end;
        }
        if (at(end) == 'e' || at(end) == 'E') {
            size_t digits = end + 1;
            if (at(digits) == '+' || at(digits) == '-') ++digits;
            if (isDigit(at(digits))) {
                while (isDigit(at(digits)))
                    ++digits;
                end = digits;
            }
        }
        if (isWordPart(at(end))) {
            size_t word_end = end;
            while (isWordPart(at(word_end)))
                ++word_end;
            return bad(
                fmt::format("'{}' is neither a number nor a name", text_.substr(pos_, word_end - pos_)),
                "a name that starts with a digit needs back-quotes", pos_, word_end, word_end);
        }
        add(TokenKind::Number, text_.substr(pos_, end - pos_), pos_, end);
    }

    // Decodes from the opening quote at `begin`; false if there is no closing one.
    bool decodeQuoted(size_t begin, std::string& decoded, size_t& end) const {
        const char quote = text_[begin];
        size_t i = begin + 1;
        for (;;) {
            const size_t found = text_.find(quote, i);
            if (found == std::string::npos) return false;
            decoded.append(text_, i, found - i);
            if (at(found + 1) != quote) {
                end = found + 1;
                return true;
            }
            decoded += quote;
            i = found + 2;
        }
    }

    void quoted(char quote, TokenKind kind, const char* what) {
        std::string decoded;
        size_t end = 0;
        if (!decodeQuoted(pos_, decoded, end)) {
            return bad(fmt::format("{} is not closed", what),
                       fmt::format("close it with {0}; inside, {0} is written twice", quote), pos_, pos_ + 1,
                       text_.size());
        }
        if (kind == TokenKind::QuotedWord && decoded.empty())
            return bad("a name is empty", "", pos_, end, end);
        add(kind, std::move(decoded), pos_, end);
    }

    void binary() {
        std::string digits;
        size_t end = 0;
        if (!decodeQuoted(pos_ + 1, digits, end)) {
            return bad("a binary string is not closed", "close it with '", pos_, pos_ + 2, text_.size());
        }
        std::string bytes;
        for (size_t i = 0; i + 1 < digits.size() + (digits.size() % 2); i += 2) {
            const int high = hexDigit(digits[i]);
            const int low = i + 1 < digits.size() ? hexDigit(digits[i + 1]) : -1;
            if (high < 0 || low < 0) {
                return bad("a binary string must hold pairs of hexadecimal digits", "such as X'00FF'", pos_,
                           end, end);
            }
            bytes += static_cast<char>(high * 16 + low);
        }
        add(TokenKind::Binary, std::move(bytes), pos_, end);
    }

    // U&'\263A' and U&'#263A' UESCAPE '#': four hexadecimal digits of a UTF-16 unit behind the character,
    // which stands for itself when it is doubled.
    void unicode() {
        const size_t begin = pos_;
        std::string written, text;
        size_t end = 0;
        if (!decodeQuoted(begin + 2, written, end))
            return bad("a string is not closed", "close it with '", begin, begin + 3, text_.size());
        char escape = '\\';
        pos_ = end;
        if (skipBlanks() && toUpper(text_.substr(pos_, 7)) == "UESCAPE" && !isWordPart(at(pos_ + 7))) {
            const size_t word = pos_;
            pos_ += 7;
            std::string given;
            if (!skipBlanks() || text_[pos_] != '\'' || !decodeQuoted(pos_, given, end) ||
                given.size() != 1 || hexDigit(given[0]) >= 0 || isBlank(given[0]) || given[0] == '+' ||
                given[0] == '\'') {
                return bad("UESCAPE takes one character that is no hexadecimal digit", "such as UESCAPE '#'",
                           word, word + 7, std::max(end, word + 7));
            }
            escape = given[0];
        }
        uint32_t high = 0;  // the first half of a pair of units
        for (size_t i = 0; i < written.size();) {
            if (written[i] != escape || written.substr(i + 1, 1) == std::string(1, escape)) {
                i += written[i] == escape ? 2 : 1;
                text += written[i - 1];
                high = 0;
                continue;
            }
            uint32_t unit = 0;
            for (size_t k = 1; k <= 4; ++k) {
                const int digit = i + k < written.size() ? hexDigit(written[i + k]) : -1;
                if (digit < 0) {
                    return bad(fmt::format("'{}' stands before four hexadecimal digits, or twice for itself",
                                           escape),
                               fmt::format("such as U&'{0}263A'", escape), begin, end, end);
                }
                unit = unit * 16 + static_cast<uint32_t>(digit);
            }
            i += 5;
            const bool low = unit >= 0xDC00 && unit < 0xE000;
            if (low && high != 0) {
                text.resize(text.size() - 3);  // U+FFFD, for the half that stood alone so far
                appendCodePoint(text, 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00));
                high = 0;
                continue;
            }
            high = unit >= 0xD800 && unit < 0xDC00 ? unit : 0;
            appendCodePoint(text, low || high != 0 ? 0xFFFD : unit);
        }
        add(TokenKind::String, std::move(text), begin, end);
    }

    void symbol() {
        static constexpr std::array<std::string_view, 9> kLong = {
            "/*+", "*/", "<>", "!=", "<=", ">=", "||", "=>", "->"};
        for (const std::string_view candidate : kLong) {
            if (text_.compare(pos_, candidate.size(), candidate) != 0) continue;
            if (candidate == "*/" && !in_hint_) continue;
            if (candidate == "/*+") in_hint_ = true;
            if (candidate == "*/") in_hint_ = false;
            return add(TokenKind::Symbol, std::string(candidate), pos_, pos_ + candidate.size());
        }
        const char c = text_[pos_];
        if (std::string_view("+-*/%=<>()[]{},.;:?|^$").find(c) != std::string_view::npos) {
            return add(TokenKind::Symbol, std::string(1, c), pos_, pos_ + 1);
        }
        const std::string shown =
            c >= ' ' && c < 0x7F ? fmt::format("'{}'", c) : fmt::format("\\x{:02X}", c & 0xFF);
        const std::string hint =
            c == '"' ? "names are quoted with back-quotes: `name`; strings with single quotes: 'text'" : "";
        bad(fmt::format("unexpected character {}", shown), hint, pos_, pos_ + 1, pos_ + 1);
    }

    const std::string& text_;
    size_t pos_ = 0;
    bool in_hint_ = false;
    std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(const SourceText& source) { return Lexer(source.text()).run(); }

}  // namespace millrace::sql

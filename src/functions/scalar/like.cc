#include <re2/re2.h>

#include "functions/regex.h"
#include "functions/simple.h"
#include "functions/text_search.h"
#include "functions/utf8.h"

namespace millrace {

namespace {

// A pattern as pieces between %, each of characters and single-character blanks.
class LikePattern {
  public:
    LikePattern(std::string_view pattern, char escape, bool escapes) {
        pieces_.emplace_back();
        for (size_t at = 0; at < pattern.size(); ++at) {
            const char c = pattern[at];
            if (escapes && c == escape) {
                if (++at == pattern.size() ||
                    (pattern[at] != '%' && pattern[at] != '_' && pattern[at] != escape)) {
                    throw UserError("data.bad-pattern",
                                    fmt::format("'{}' is not a LIKE pattern: the escape character must stand "
                                                "before %, _ or itself",
                                                pattern));
                }
                add(pattern[at], false);
            } else if (c == '%') {
                pieces_.emplace_back();
            } else {
                add(c, c == '_');
            }
        }
    }

    bool matches(std::string_view text) const {
        if (pieces_.size() == 1) {
            size_t end = 0;
            return matchAt(pieces_[0], text, 0, end) && end == text.size();
        }
        size_t at = 0;
        if (!matchAt(pieces_.front(), text, 0, at)) return false;
        for (size_t i = 1; i + 1 < pieces_.size(); ++i) {
            if (!find(pieces_[i], text, at)) return false;
        }
        return matchesEnd(pieces_.back(), text, at);
    }

  private:
    struct Piece {
        std::string bytes;
        std::vector<bool> any;  // by byte: stands for any one character
        bool plain = true;
        size_t characters = 0;
    };

    void add(char c, bool any) {
        Piece& piece = pieces_.back();
        piece.bytes.push_back(c);
        piece.any.push_back(any);
        piece.plain &= !any;
        piece.characters += isContinuation(c) ? 0 : 1;
    }

    static bool matchAt(const Piece& piece, std::string_view text, size_t at, size_t& end) {
        if (piece.plain) {
            end = at + piece.bytes.size();
            return text.substr(at).starts_with(piece.bytes);
        }
        for (size_t i = 0; i < piece.bytes.size(); ++i) {
            if (at >= text.size()) return false;
            if (piece.any[i]) {
                at += characterOffset(text.substr(at), 1);
            } else if (text[at++] != piece.bytes[i]) {
                return false;
            }
        }
        end = at;
        return true;
    }

    static bool find(const Piece& piece, std::string_view text, size_t& at) {
        if (piece.plain) {
            const size_t found = findText(text, piece.bytes, at);
            if (found == std::string_view::npos) return false;
            at = found + piece.bytes.size();
            return true;
        }
        for (size_t begin = at; begin <= text.size(); ++begin) {
            if (begin < text.size() && isContinuation(text[begin])) continue;
            if (matchAt(piece, text, begin, at)) return true;
        }
        return false;
    }

    static bool matchesEnd(const Piece& piece, std::string_view text, size_t from) {
        size_t begin = text.size();
        for (size_t i = 0; i < piece.characters; ++i) {
            if (begin <= from) return false;
            do {
                --begin;
            } while (begin > from && isContinuation(text[begin]));
        }
        size_t end = 0;
        return matchAt(piece, text, begin, end) && end == text.size();
    }

    std::vector<Piece> pieces_;
};

constexpr std::string_view kLikeSignature = "string LIKE pattern [ESCAPE character]";

bool escapeOf(const Arguments& a, size_t i, char& escape) {
    if (a.count() < 3) return false;
    const std::string_view text = a.text(2, i);
    if (text.size() != 1)
        throw UserError("data.bad-pattern", fmt::format("ESCAPE takes one character, not '{}'", text));
    escape = text[0];
    return true;
}

ScalarFunction like() {
    const SimpleSpec spec{.name = "LIKE", .pattern = "ss[s", .signature = std::string(kLikeSignature)};
    return {
        .name = spec.name,
        .signature = spec.signature,
        .documentation =
            "TRUE if the string matches the pattern, in which % stands for any characters and _ for one.",
        .examples = {{"'Flink' LIKE 'F%k'", "TRUE"},
                     {"'10%' LIKE '10!%' ESCAPE '!'", "TRUE"},
                     {"'abc' LIKE '_'", "FALSE"}},
        .bind = [spec](std::span<const ArgumentInfo> arguments) {
            BoundScalar bound;
            bound.arguments = matchPattern(spec, arguments);
            bound.result = LogicalType::boolean().withNullable(anyNullable(arguments));
            bound.kernel = [result = bound.result](const FunctionContext&, std::span<const ColumnPtr> columns,
                                                   size_t rows) {
                auto column = makeResult(result, columns, rows);
                auto* const out = column->mutableData<uint8_t>();
                const Arguments given(columns);
                std::fill_n(out, rows, uint8_t(0));
                std::optional<LikePattern> pattern;  // of the row before; most often all rows have the same
                std::string pattern_text;
                char pattern_escape = 0;
                forValidRows(*column, rows, [&](size_t i) {
                    char escape = 0;
                    const bool escapes = escapeOf(given, i, escape);
                    if (!pattern || given.text(1, i) != pattern_text || escape != pattern_escape) {
                        pattern_text = given.text(1, i);
                        pattern_escape = escape;
                        pattern.emplace(pattern_text, escape, escapes);
                    }
                    out[i] = pattern->matches(given.text(0, i));
                    return true;
                });
                return ColumnPtr(column);
            };
            return bound;
        }};
}

// SIMILAR TO's pattern as a regular expression over the whole string.
std::string similarToRegex(std::string_view pattern, char escape, bool escapes) {
    std::string regex = "(?s)^(?:";
    bool in_class = false;
    for (size_t at = 0; at < pattern.size(); ++at) {
        const char c = pattern[at];
        if (escapes && c == escape && at + 1 < pattern.size()) {
            regex += RE2::QuoteMeta(pattern.substr(++at, 1));
        } else if (in_class) {
            in_class = c != ']';
            regex.push_back(c);
        } else if (c == '%') {
            regex += ".*";
        } else if (c == '_') {
            regex.push_back('.');
        } else if (c == '^' || c == '$' || c == '\\') {
            regex += {'\\', c};
        } else {
            in_class = c == '[';
            regex.push_back(c);
        }
    }
    return regex + ")$";
}

bool similar(const Arguments& a, size_t i, uint8_t& out) {
    char escape = 0;
    const bool escapes = escapeOf(a, i, escape);
    const std::string_view pattern = a.text(1, i);
    const RE2* regex = compiledRegex(similarToRegex(pattern, escape, escapes));
    if (regex == nullptr)
        throw UserError("data.bad-pattern", fmt::format("'{}' is not a SIMILAR TO pattern", pattern));
    out = RE2::PartialMatch(toPiece(a.text(0, i)), *regex);
    return true;
}

}  // namespace

std::vector<ScalarFunction> describeScalarLike() {
    return {
        like(),
        valueFunction<uint8_t>(
            {.name = "SIMILAR TO",
             .pattern = "ss[s",
             .signature = "string SIMILAR TO pattern [ESCAPE character]",
             .documentation = "TRUE if the whole string matches the SQL regular expression: % and _ as in "
                              "LIKE, | * + ? ( ) [ ] { }, and as in Flink also a dot for any character.",
             .examples = {{"'abc' SIMILAR TO '(a|x)b_'", "TRUE"}, {"'abc' SIMILAR TO 'b'", "FALSE"}}},
            LogicalType::boolean(), similar),
    };
}

}  // namespace millrace

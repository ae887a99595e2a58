// Text to tokens. Never throws: what is no token becomes a Bad one that carries its problem.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "sql/parse/source_text.h"

namespace millrace::sql {

enum class TokenKind : uint8_t {
    Word,        // keyword or plain identifier
    QuotedWord,  // `identifier`
    String,      // '...'
    Binary,      // X'...'
    Number,
    Symbol,
    Bad,
    End,  // the last one
};

struct Token {
    TokenKind kind = TokenKind::End;
    std::string text;   // decoded; a symbol's or number's own text; a Bad one's message
    std::string upper;  // Word: in upper case
    size_t begin = 0;   // in SourceText::text()
    size_t end = 0;
    std::string hint;  // Bad
};

std::vector<Token> tokenize(const SourceText& source);

// Words that cannot name a table or column without back-quotes.
bool isReserved(std::string_view upper);

std::string toUpper(std::string_view text);  // ASCII only, as SQL keywords are

}  // namespace millrace::sql

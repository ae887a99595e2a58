#include "cli/shell/statement_text.h"

#include <array>
#include <utility>

#include "sql/parse/lexer.h"

namespace millrace::cli {

namespace {

using sql::Token;
using sql::TokenKind;

std::vector<Token> tokensOf(std::string_view text) { return sql::tokenize(sql::SourceText(text, {})); }

bool isSymbol(const Token& token, std::string_view text) {
    return token.kind == TokenKind::Symbol && token.text == text;
}

bool isWord(const Token& token, std::string_view upper) {
    return token.kind == TokenKind::Word && token.upper == upper;
}

// EXECUTE STATEMENT SET BEGIN ...; ...; END; and the like, from tokens[start] on.
bool beginsStatementSet(const std::vector<Token>& tokens, size_t start) {
    if (tokens.size() - start < 3 || !isWord(tokens[start + 1], "STATEMENT") ||
        !isWord(tokens[start + 2], "SET"))
        return false;
    return isWord(tokens[start], "EXECUTE") || isWord(tokens[start], "BEGIN") ||
           isWord(tokens[start], "EXPLAIN");
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlank = " \t\r\n";
    const size_t begin = text.find_first_not_of(kBlank);
    if (begin == std::string_view::npos) return "";
    return text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin);
}

}  // namespace

bool isWhole(std::string_view text) {
    const std::string_view words = trimmed(text);
    if (words.empty() || words.front() == '\\') return true;
    const std::vector<Token> tokens = tokensOf(text);
    size_t start = 0;       // of the statement
    size_t open_cases = 0;  // CASE ends with END, too
    size_t set_end = 0;     // where its END stands
    bool whole = false;
    for (size_t i = 0; i + 1 < tokens.size(); ++i) {  // the last one is the end
        whole = false;
        if (isWord(tokens[i], "CASE")) ++open_cases;
        const bool ends_set = isWord(tokens[i], "END") && open_cases == 0;
        if (isWord(tokens[i], "END") && open_cases > 0) --open_cases;
        if (ends_set) set_end = i;
        if (!isSymbol(tokens[i], ";")) continue;
        if (beginsStatementSet(tokens, start) && (set_end <= start || set_end + 1 != i)) continue;
        whole = true;
        start = i + 1;
        open_cases = 0;
    }
    return whole;
}

std::optional<ShellCommand> shellCommandOf(std::string_view text) {
    std::string_view words = trimmed(text);
    while (!words.empty() && words.back() == ';')
        words = trimmed(words.substr(0, words.size() - 1));
    if (words.empty()) return ShellCommand::Nothing;
    const bool escaped = words.front() == '\\';
    const std::string upper = sql::toUpper(escaped ? trimmed(words.substr(1)) : words);
    static constexpr std::array<std::pair<std::string_view, ShellCommand>, 6> kCommands = {
        {{"HELP", ShellCommand::Help},
         {"QUIT", ShellCommand::Quit},
         {"EXIT", ShellCommand::Quit},
         {"CLEAR", ShellCommand::Clear},
         {"Q", ShellCommand::Quit},
         {"?", ShellCommand::Help}}};
    for (const auto& [name, command] : kCommands)
        if (upper == name && (escaped || name.size() > 1)) return command;
    if (escaped) return ShellCommand::Help;
    return std::nullopt;
}

}  // namespace millrace::cli

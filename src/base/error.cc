#include "base/error.h"

#include <algorithm>
#include <cctype>
#include <vector>

namespace millrace {

UserError::UserError(Problem problem) : std::runtime_error(problem.message), problem_(std::move(problem)) {}

UserError::UserError(std::string code, std::string message, std::string hint)
    : UserError(Problem{std::move(code), std::move(message), std::move(hint), {}}) {}

void throwInternalError(const char* file, int line, const char* condition, const std::string& message) {
    throw InternalError(fmt::format("{}:{}: broken invariant: {}{}{}", file, line, condition,
                                    message.empty() ? "" : ": ", message));
}

namespace {

std::string_view lineOf(std::string_view text, int line) {
    size_t begin = 0;
    for (int i = 1; i < line; ++i) {
        const size_t end = text.find('\n', begin);
        if (end == std::string_view::npos) return {};
        begin = end + 1;
    }
    std::string_view found = text.substr(begin, text.find('\n', begin) - begin);
    if (!found.empty() && found.back() == '\r') found.remove_suffix(1);
    return found;
}

// Tabs are kept in the caret's indent, so that it stands under its character in any tab width; a UTF-8
// sequence counts as the one character it shows.
std::string caretIndent(std::string_view line, int column) {
    std::string indent;
    int seen = 1;
    for (const char c : line) {
        if ((static_cast<unsigned char>(c) & 0xC0) == 0x80) continue;
        if (seen++ >= column) break;
        indent += c == '\t' ? '\t' : ' ';
    }
    indent.append(static_cast<size_t>(std::max(0, column - seen)), ' ');
    return indent;
}

}  // namespace

std::string renderProblem(const Problem& problem, std::string_view text, std::string_view text_name) {
    std::string out = fmt::format("error[{}]: {}\n", problem.code, problem.message);
    if (problem.where.known()) {
        const std::string margin(std::to_string(problem.where.line).size(), ' ');
        out += fmt::format("{}--> {}{}{}:{}\n", margin, text_name, text_name.empty() ? "" : ":",
                           problem.where.line, problem.where.column);
        const std::string_view line = lineOf(text, problem.where.line);
        if (!line.empty()) {
            const int room = static_cast<int>(line.size()) - problem.where.column + 1;
            const int carets = std::max(1, std::min(problem.where.length, room));
            out += fmt::format("{} |\n{} | {}\n{} | {}{}\n", margin, problem.where.line, line, margin,
                               caretIndent(line, problem.where.column),
                               std::string(static_cast<size_t>(carets), '^'));
        }
    }
    if (!problem.hint.empty()) out += fmt::format("  help: {}\n", problem.hint);
    return out;
}

namespace detail {

size_t editDistance(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j)
        row[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size(); ++j) {
            const size_t substituted = diagonal + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
        }
    }
    return row[b.size()];
}

}  // namespace detail
}  // namespace millrace

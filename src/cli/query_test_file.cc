#include "cli/query_test_file.h"

#include <algorithm>
#include <iterator>

#include "base/error.h"

namespace millrace::cli {

namespace {

[[noreturn]] void syntaxError(const std::string& file_name, int line, const std::string& message) {
    throw UserError("test.syntax", fmt::format("{}:{}: {}", file_name, line, message),
                    "a block starts with file NAME, statement, query [ordered | changelog | containing] or "
                    "error CODE");
}

std::vector<std::string> splitLines(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        if (line.ends_with('\r')) line.remove_suffix(1);
        lines.emplace_back(line);
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return lines;
}

std::vector<std::string> splitWords(const std::string& line) {
    std::vector<std::string> words;
    size_t at = 0;
    while ((at = line.find_first_not_of(" \t", at)) != std::string::npos) {
        const size_t end = std::min(line.find_first_of(" \t", at), line.size());
        words.push_back(line.substr(at, end - at));
        at = end;
    }
    return words;
}

bool blank(const std::string& line) { return line.find_first_not_of(" \t") == std::string::npos; }

// The block's kind, from its first line.
QueryTestBlock parseHead(const std::string& head, const std::string& file_name, int line) {
    using Kind = QueryTestBlock::Kind;
    using Comparison = QueryTestBlock::Comparison;
    const std::vector<std::string> words = splitWords(head);
    QueryTestBlock block;
    block.line = line;
    if (words[0] == "statement" && words.size() == 1) {
        block.kind = Kind::Statement;
    } else if (words[0] == "query" && words.size() <= 2) {
        block.kind = Kind::Query;
        if (words.size() == 2) {
            if (words[1] == "ordered") {
                block.comparison = Comparison::Ordered;
            } else if (words[1] == "changelog") {
                block.comparison = Comparison::Changelog;
            } else if (words[1] == "containing") {
                block.comparison = Comparison::Containing;
            } else {
                syntaxError(
                    file_name, line,
                    fmt::format("a query is 'ordered', 'changelog' or 'containing', not '{}'", words[1]));
            }
        }
    } else if ((words[0] == "file" || words[0] == "error") && words.size() == 2) {
        block.kind = words[0] == "file" ? Kind::File : Kind::Error;
        block.name = words[1];
        if (block.kind == Kind::File &&
            (block.name.starts_with('/') || block.name.find("..") != std::string::npos)) {
            syntaxError(file_name, line, fmt::format("'{}' lies outside the test's own folder", block.name));
        }
    } else {
        syntaxError(file_name, line, fmt::format("'{}' is not the first line of a block", head));
    }
    return block;
}

}  // namespace

std::vector<QueryTestBlock> parseQueryTest(std::string_view text, const std::string& file_name) {
    const std::vector<std::string> lines = splitLines(text);
    std::vector<QueryTestBlock> blocks;
    size_t at = 0;
    while (at < lines.size()) {
        if (blank(lines[at]) || lines[at].starts_with('#')) {
            at++;
            continue;
        }
        QueryTestBlock block = parseHead(lines[at], file_name, static_cast<int>(at + 1));
        bool expects = false;
        for (at++; at < lines.size() && !blank(lines[at]); at++) {
            if (block.kind != QueryTestBlock::Kind::File && lines[at] == "----") {
                expects = true;
            } else if (expects) {
                block.expected.push_back(lines[at]);
            } else {
                block.text += lines[at] + "\n";
            }
        }
        const bool must_expect =
            block.kind == QueryTestBlock::Kind::Query || block.kind == QueryTestBlock::Kind::Error;
        if (must_expect != expects) {
            syntaxError(file_name, block.line,
                        must_expect ? "what is expected is missing: a line ---- and the rows below it"
                                    : "a statement expects nothing: use query or error");
        }
        if (block.text.empty() && block.kind != QueryTestBlock::Kind::File) {
            syntaxError(file_name, block.line, "the block holds no SQL");
        }
        blocks.push_back(std::move(block));
    }
    return blocks;
}

std::vector<std::string> foldChangelog(const std::vector<std::string>& changes) {
    std::vector<std::string> rows;
    for (const std::string& change : changes) {
        const std::string kind = change.substr(0, 2);
        std::string row = change.size() > 3 ? change.substr(3) : "";
        if (kind == "+I" || kind == "+U") {
            rows.push_back(std::move(row));
            continue;
        }
        const auto found = std::find(rows.rbegin(), rows.rend(), row);
        if (found == rows.rend()) {
            throw UserError("test.retraction",
                            fmt::format("'{}' takes back a row that is not there", change));
        }
        rows.erase(std::next(found).base());
    }
    return rows;
}

std::optional<std::string> firstPartMissing(const std::vector<std::string>& parts, std::string_view text) {
    size_t from = 0;
    for (const std::string& part : parts) {
        const size_t at = text.find(part, from);
        if (at == std::string_view::npos) return part;
        from = at + part.size();
    }
    return std::nullopt;
}

std::string compareRows(std::vector<std::string> expected, std::vector<std::string> found, bool ordered) {
    if (!ordered) {
        std::sort(expected.begin(), expected.end());
        std::sort(found.begin(), found.end());
    }
    if (expected == found) return "";
    std::string text;
    if (ordered) {
        const size_t common = static_cast<size_t>(
            std::mismatch(expected.begin(), expected.end(), found.begin(), found.end()).first -
            expected.begin());
        text = fmt::format("  the first {} rows agree; from there on:\n", common);
        for (size_t i = common; i < expected.size(); i++)
            text += "  - " + expected[i] + "\n";
        for (size_t i = common; i < found.size(); i++)
            text += "  + " + found[i] + "\n";
        return text;
    }
    std::vector<std::string> missing, surplus;
    std::set_difference(expected.begin(), expected.end(), found.begin(), found.end(),
                        std::back_inserter(missing));
    std::set_difference(found.begin(), found.end(), expected.begin(), expected.end(),
                        std::back_inserter(surplus));
    for (const std::string& row : missing)
        text += "  - " + row + "\n";
    for (const std::string& row : surplus)
        text += "  + " + row + "\n";
    return text;
}

}  // namespace millrace::cli

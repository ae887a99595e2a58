#include "sql/parse/source_text.h"

#include <algorithm>

namespace millrace::sql {

SourceText::SourceText(std::string_view original, const std::map<std::string, std::string>& parameters)
    : original_(original) {
    line_starts_.push_back(0);
    for (size_t i = 0; i < original_.size(); ++i) {
        if (original_[i] == '\n') line_starts_.push_back(i + 1);
        if ((static_cast<unsigned char>(original_[i]) & 0xC0) == 0x80) continuation_bytes_.push_back(i);
    }
    segments_.push_back({0, 0, 0});
    fill(parameters);
}

void SourceText::fill(const std::map<std::string, std::string>& parameters) {
    const std::string& in = original_;
    text_.reserve(in.size());
    char quote = 0;
    size_t i = 0;
    const auto copyUntil = [&](size_t end) {
        text_.append(in, i, end - i);
        i = end;
    };
    while (i < in.size()) {
        const char c = in[i];
        if (c == '$' && i + 1 < in.size() && in[i + 1] == '{') {
            i = placeholder(i, quote, parameters);
        } else if (quote != 0) {
            if (c == quote) quote = 0;  // a doubled quote closes and opens again
            copyUntil(i + 1);
        } else if (c == '\'' || c == '`') {
            quote = c;
            copyUntil(i + 1);
        } else if (in.compare(i, 2, "--") == 0) {
            copyUntil(std::min(in.find('\n', i), in.size()));
        } else if (in.compare(i, 2, "/*") == 0 && in.compare(i, 3, "/*+") != 0) {
            const size_t end = in.find("*/", i + 2);
            copyUntil(end == std::string::npos ? in.size() : end + 2);
        } else {
            copyUntil(i + 1);
        }
    }
}

size_t SourceText::placeholder(size_t at, char quote, const std::map<std::string, std::string>& parameters) {
    const size_t end = original_.find_first_of("}\n", at);
    if (end == std::string::npos || original_[end] == '\n') {
        problems_.push_back({"sql.bad-placeholder", "a placeholder is not closed",
                             "write it as ${name} or ${group.key}", originalSpan(at, at + 2)});
        text_.append(original_, at, 2);
        return at + 2;
    }
    std::string name = original_.substr(at + 2, end - at - 2);
    name.erase(0, name.find_first_not_of(" \t"));
    name.erase(name.find_last_not_of(" \t") + 1);
    const auto found = parameters.find(name);
    if (found == parameters.end()) {
        std::vector<std::string> names;
        for (const auto& [known, value] : parameters)
            names.push_back(known);
        const std::string near = nearestName(name, names);
        problems_.push_back(
            {"sql.unfilled-placeholder", fmt::format("no value is given for the placeholder ${{{}}}", name),
             near.empty() ? "give it as a parameter (--param) or in a property group of the application"
                          : fmt::format("did you mean ${{{}}}?", near),
             originalSpan(at, end + 1)});
        text_.append(original_, at, end + 1 - at);
        return end + 1;
    }
    segments_.push_back({text_.size(), at, end + 1 - at});
    for (const char c : found->second) {
        text_ += c;
        if (quote != 0 && c == quote) text_ += c;
    }
    segments_.push_back({text_.size(), end + 1, 0});
    return end + 1;
}

size_t SourceText::originalOffset(size_t offset, bool after) const {
    const auto next = std::upper_bound(segments_.begin(), segments_.end(), offset,
                                       [](size_t value, const Segment& s) { return value < s.begin; });
    const Segment& segment = *std::prev(next);
    if (segment.original_size == 0)
        return segment.original_begin + (offset - segment.begin) + (after ? 1 : 0);
    return segment.original_begin + (after ? segment.original_size : 0);
}

TextSpan SourceText::span(size_t begin, size_t end) const {
    const size_t from = originalOffset(begin, false);
    return originalSpan(from, end > begin ? originalOffset(end - 1, true) : from);
}

TextSpan SourceText::originalSpan(size_t begin, size_t end) const {
    begin = std::min(begin, original_.size());
    const auto line = std::prev(std::upper_bound(line_starts_.begin(), line_starts_.end(), begin));
    const size_t line_end = std::next(line) == line_starts_.end() ? original_.size() : *std::next(line) - 1;
    end = std::clamp(end, begin, std::max(begin, line_end));
    const auto characters = [&](size_t from, size_t to) {
        const auto first = std::lower_bound(continuation_bytes_.begin(), continuation_bytes_.end(), from);
        const auto last = std::lower_bound(first, continuation_bytes_.end(), to);
        return static_cast<int>(to - from) - static_cast<int>(last - first);
    };
    return {static_cast<int>(line - line_starts_.begin()) + 1, characters(*line, begin) + 1,
            std::max(1, characters(begin, end))};
}

}  // namespace millrace::sql

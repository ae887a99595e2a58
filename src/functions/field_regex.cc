#include "functions/field_regex.h"

#include <algorithm>

#include "functions/text_search.h"

namespace millrace {

namespace {

bool isPlain(char c) {
    return static_cast<unsigned char>(c) < 0x80 && c != '\0' &&
           std::string_view("\\.[]{}()*+?^$|\n").find(c) == std::string_view::npos;
}

// The prefix is taken off `text` if it is there.
bool take(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

}  // namespace

std::optional<FieldRegex> FieldRegex::of(std::string_view pattern) {
    FieldRegex field;
    std::string_view rest = pattern;
    if (!take(rest, "(")) return std::nullopt;
    const bool start_first = take(rest, "^|");
    if (rest.empty()) return std::nullopt;
    field.delimiter_ = rest.front();
    rest.remove_prefix(1);
    if (!take(rest, start_first ? ")" : "|^)")) return std::nullopt;
    const size_t name_end = rest.find("([^");
    if (name_end == std::string_view::npos || name_end == 0) return std::nullopt;
    field.name_ = rest.substr(0, name_end);
    rest.remove_prefix(name_end + 3);
    if (rest.empty()) return std::nullopt;
    field.end_ = rest.front();
    rest.remove_prefix(1);
    const bool plain = isPlain(field.delimiter_) && isPlain(field.end_) && field.end_ != '-' &&
                       std::all_of(field.name_.begin(), field.name_.end(), isPlain);
    // A name that begins with the delimiter could match in two ways.
    if (rest != "]*)" || !plain || field.name_.front() == field.delimiter_) return std::nullopt;
    return field;
}

std::optional<std::string_view> FieldRegex::group(std::string_view text, int group) const {
    for (size_t at = findText(text, name_); at != std::string_view::npos;
         at = findText(text, name_, at + 1)) {
        if (at > 0 && text[at - 1] != delimiter_) continue;
        const size_t begin = at == 0 ? 0 : at - 1;
        const size_t value = at + name_.size();
        const size_t end = std::min(findNth(text, end_, 0, value), text.size());
        switch (group) {
            case 0:
                return text.substr(begin, end - begin);
            case 1:
                return text.substr(begin, at - begin);
            default:
                return text.substr(value, end - value);
        }
    }
    return std::nullopt;
}

const FieldRegex* fieldRegex(std::string_view pattern) {
    struct Last {
        std::string pattern;
        std::optional<FieldRegex> field;
    };
    thread_local Last last;
    if (last.pattern != pattern) last = {std::string(pattern), FieldRegex::of(pattern)};
    return last.field ? &*last.field : nullptr;
}

}  // namespace millrace

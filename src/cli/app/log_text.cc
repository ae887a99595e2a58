#include "cli/app/log_text.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/app/output.h"

namespace millrace::cli {

namespace {

// Where the last `count` lines of a text that ends with a line begin.
size_t beginOfLast(std::string_view text, size_t count) {
    size_t at = text.size();
    for (size_t i = 0; i < count && at > 0; ++i) {
        const size_t end = text.rfind('\n', at >= 2 ? at - 2 : 0);
        at = at < 2 || end == std::string_view::npos ? 0 : end + 1;
    }
    return at;
}

}  // namespace

std::string logLineText(const std::string& line) {
    const nlohmann::json fields = nlohmann::json::parse(line, nullptr, false);
    if (!fields.is_object() || !fields.contains("message")) return printable(line);
    std::string text;
    if (const auto& stamp = memberOf(fields, "timestamp"); stamp.is_number_integer()) {
        const auto ms = stamp.get<int64_t>();
        text = localTime(ms / 1000);
        constexpr size_t kSecondsEnd = 19;  // 2026-03-01T09:00:10
        if (text.size() > kSecondsEnd) text.insert(kSecondsEnd, fmt::format(".{:03}", ms % 1000));
        text += ' ';
    }
    text +=
        fmt::format("{:5} {} ", printable(shown(fields, "messageType")), printable(shown(fields, "logger")));
    const std::string message = shown(fields, "message");
    for (size_t at = 0; at <= message.size();) {
        const size_t end = std::min(message.find('\n', at), message.size());
        if (at > 0) text += "\n    ";
        text += printable(message.substr(at, end - at));
        at = end + 1;
    }
    return text;
}

std::string LogTail::news(std::string_view text) {
    text = text.substr(0, text.rfind('\n') + 1);
    size_t from = 0;
    if (!seen_.empty()) {
        const size_t at = text.rfind(seen_);
        if (at != std::string_view::npos && (at == 0 || text[at - 1] == '\n')) from = at + seen_.size();
    }
    constexpr size_t kLinesToKnow = 3;
    if (!text.empty()) seen_ = std::string(text.substr(beginOfLast(text, kLinesToKnow)));
    return std::string(text.substr(from));
}

int64_t LogTail::knownFrom() const {
    const auto first = nlohmann::json::parse(seen_.substr(0, seen_.find('\n')), nullptr, false);
    const auto& stamp = memberOf(first, "timestamp");
    return stamp.is_number_integer() ? stamp.get<int64_t>() / 1000 : 0;
}

}  // namespace millrace::cli

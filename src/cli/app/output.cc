#include "cli/app/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

namespace millrace::cli {

using Json = nlohmann::json;

namespace {

size_t widthOf(std::string_view text) {
    return static_cast<size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

std::string printable(std::string text) {
    for (char& c : text) {
        if (c == '\t') c = ' ';
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
    }
    return text;
}

std::string TextTable::render(std::string_view indent, bool titles) const {
    std::vector<size_t> widths;
    for (size_t r = titles ? 0 : 1; r < rows_.size(); ++r)
        for (size_t i = 0; i < rows_[r].size(); ++i) {
            if (widths.size() <= i) widths.push_back(0);
            widths[i] = std::max(widths[i], widthOf(rows_[r][i]));
        }
    std::string result;
    for (size_t r = titles ? 0 : 1; r < rows_.size(); ++r) {
        std::string line(indent);
        for (size_t i = 0; i < rows_[r].size(); ++i) {
            line += printable(rows_[r][i]);
            if (i + 1 < rows_[r].size()) line.append(widths[i] - widthOf(rows_[r][i]) + 2, ' ');
        }
        line.erase(line.find_last_not_of(' ') + 1);
        result += line + "\n";
    }
    return result;
}

std::string localTime(const Json& epoch_seconds) {
    if (!epoch_seconds.is_number()) return "";
    const double seconds = epoch_seconds.get<double>();
    if (!(std::abs(seconds) < 1e11)) return "";
    const auto time = static_cast<std::time_t>(seconds);
    std::tm parts{};
    localtime_r(&time, &parts);
    char text[64];
    std::string result(text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S%z", &parts));
    return result.insert(result.size() - 2, ":");  // +0100 -> +01:00
}

std::string shownDuration(std::chrono::milliseconds duration) {
    const int64_t ms = duration.count();
    if (ms < 1000) return fmt::format("{} ms", ms);
    if (ms < 60'000) return fmt::format("{}.{} s", ms / 1000, ms % 1000 / 100);
    const int64_t s = ms / 1000;
    if (s < 3600) return fmt::format("{} min {} s", s / 60, s % 60);
    return fmt::format("{} h {} min", s / 3600, s % 3600 / 60);
}

std::string shown(const Json& object, const char* name) {
    const Json& value = memberOf(object, name);
    if (value.is_null()) return "";
    if (value.is_string()) return value;
    return value.dump();
}

Progress::Progress(bool enabled) : enabled_(enabled && isatty(STDERR_FILENO)) {}

void Progress::show(const std::string& line) {
    if (!enabled_) return;
    std::fprintf(stderr, "\r\033[K%s", printable(line).c_str());
    std::fflush(stderr);
    shown_ = true;
}

void Progress::clear() {
    if (!shown_) return;
    std::fputs("\r\033[K", stderr);
    std::fflush(stderr);
    shown_ = false;
}

}  // namespace millrace::cli

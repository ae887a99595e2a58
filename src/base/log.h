// Logging: one line a message, on standard error or in a file, as text or as CloudWatch-shaped JSON.
// Thread-safe.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace millrace {

enum class LogLevel { Debug, Info, Warn, Error, Off };

// Fields that every line of this process carries (applicationARN, applicationVersionId), and where lines go:
// a path, or "" for standard error. A file is rotated at `size_max` bytes, keeping `files_max` old ones.
struct LogConfiguration {
    LogLevel level = LogLevel::Info;
    bool json = false;
    std::string path;
    std::string application_arn;
    std::string application_version_id;
    size_t size_max = 64 << 20;
    int files_max = 3;
};

void configureLog(const LogConfiguration& configuration);
bool logEnabled(LogLevel level);
// `logger` names the part that speaks, such as "runtime.checkpoint".
void logLine(LogLevel level, std::string_view logger, const std::string& message);

template <class... Args>
void logInfo(std::string_view logger, fmt::format_string<Args...> format, Args&&... args) {
    if (logEnabled(LogLevel::Info))
        logLine(LogLevel::Info, logger, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void logWarn(std::string_view logger, fmt::format_string<Args...> format, Args&&... args) {
    if (logEnabled(LogLevel::Warn))
        logLine(LogLevel::Warn, logger, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void logError(std::string_view logger, fmt::format_string<Args...> format, Args&&... args) {
    if (logEnabled(LogLevel::Error))
        logLine(LogLevel::Error, logger, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void logDebug(std::string_view logger, fmt::format_string<Args...> format, Args&&... args) {
    if (logEnabled(LogLevel::Debug))
        logLine(LogLevel::Debug, logger, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace millrace

#include "base/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

namespace millrace {
namespace {

struct Log {
    std::mutex mutex;
    LogConfiguration configuration;
    std::shared_ptr<spdlog::logger> out;
};

std::atomic<LogLevel> minimum_level{LogLevel::Info};

Log& theLog() {
    static Log* log = [] {
        auto* made = new Log();  // lives as long as the process: threads may log while it ends
        made->out = std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        made->out->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %v", spdlog::pattern_time_type::utc);
        return made;
    }();
    return *log;
}

const char* levelName(LogLevel level) {
    switch (level) {
        case LogLevel::Debug:
            return "DEBUG";
        case LogLevel::Info:
            return "INFO";
        case LogLevel::Warn:
            return "WARN";
        case LogLevel::Error:
            return "ERROR";
        case LogLevel::Off:
            break;
    }
    return "";
}

// "slot-0"; the main thread has the program's name.
std::string threadName() {
    char name[16] = "";
    if (::pthread_getname_np(::pthread_self(), name, sizeof name) != 0 || name[0] == 0) {
        return fmt::format("thread-{}", ::gettid());
    }
    return name;
}

}  // namespace

void configureLog(const LogConfiguration& configuration) {
    Log& log = theLog();
    const std::lock_guard lock(log.mutex);
    log.configuration = configuration;
    minimum_level = configuration.level;
    std::shared_ptr<spdlog::sinks::sink> sink;
    if (configuration.path.empty()) {
        sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
        sink = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
            configuration.path, configuration.size_max, static_cast<size_t>(configuration.files_max));
    }
    log.out = std::make_shared<spdlog::logger>("", std::move(sink));
    log.out->flush_on(spdlog::level::info);
    log.out->set_pattern(configuration.json ? "%v" : "%Y-%m-%dT%H:%M:%S.%eZ %v",
                         spdlog::pattern_time_type::utc);
}

bool logEnabled(LogLevel level) { return level >= minimum_level.load(std::memory_order_relaxed); }

void logLine(LogLevel level, std::string_view logger, const std::string& message) {
    Log& log = theLog();
    const std::lock_guard lock(log.mutex);
    if (!log.configuration.json) {
        log.out->info("{:5} {} {}", levelName(level), logger, message);
        return;
    }
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    const nlohmann::ordered_json line = {{"timestamp", now},
                                         {"messageType", levelName(level)},
                                         {"logger", logger},
                                         {"message", message},
                                         {"threadName", threadName()},
                                         {"locationInformation", logger},
                                         {"applicationARN", log.configuration.application_arn},
                                         {"applicationVersionId", log.configuration.application_version_id}};
    log.out->info("{}", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace millrace

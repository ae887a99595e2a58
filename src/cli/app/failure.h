// Why a `millrace app` command did not do what it was asked for. The exit statuses are part of the command's
// interface (docs/app-command.md): scripts rely on them.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace millrace::cli {

enum class ExitStatus {
    Done = 0,
    Failed = 1,       // the operation was begun and failed
    Usage = 2,        // the command line is wrong
    NotFound = 3,     // no such application, version, operation or snapshot
    Conflict = 4,     // it is in another state, busy, or was changed meanwhile
    Timeout = 5,      // --timeout passed; the operation goes on
    Unreachable = 6,  // no service answers there, or it failed inside
    Refused = 7,      // the service refuses what was given, or a limit is reached
    Unsupported = 8,  // the service does not know the action, or not with this
};

class AppFailure : public std::runtime_error {
  public:
    // `type` is the API's error type, or one of ours where no action was answered ("OperationFailed",
    // "Timeout", "ServiceUnreachable", "Usage").
    AppFailure(ExitStatus status, std::string type, const std::string& message, std::string hint)
        : std::runtime_error(message), status_(status), type_(std::move(type)), hint_(std::move(hint)) {}

    ExitStatus status() const { return status_; }
    const std::string& type() const { return type_; }
    const std::string& hint() const { return hint_; }

  private:
    ExitStatus status_;
    std::string type_;
    std::string hint_;
};

// An error of the API, with what to do about it.
AppFailure apiFailure(const std::string& action, int http_status, const std::string& type,
                      const std::string& message);
AppFailure usageFailure(const std::string& message, const std::string& hint);

}  // namespace millrace::cli

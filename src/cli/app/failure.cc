#include "cli/app/failure.h"

#include <fmt/format.h>

#include <string_view>

namespace millrace::cli {

namespace {

struct KnownError {
    std::string_view type;
    ExitStatus status;
    std::string_view hint;
};

constexpr KnownError kKnown[] = {
    {"ResourceNotFoundException", ExitStatus::NotFound,
     "`millrace app list` shows the applications, `app snapshots list`, `app versions list` and `app "
     "operations "
     "list` what an application has"},
    {"ResourceInUseException", ExitStatus::Conflict,
     "`millrace app describe` shows the state that it is in; `millrace app wait` waits until an operation "
     "has ended"},
    {"ConcurrentModificationException", ExitStatus::Conflict,
     "somebody else changed it meanwhile: look at it with `millrace app describe`, then repeat the command"},
    {"LimitExceededException", ExitStatus::Refused, "delete what is no longer needed"},
    {"TooManyTagsException", ExitStatus::Refused, "`millrace app tags remove` makes room"},
    {"InvalidArgumentException", ExitStatus::Refused, "correct what the message names"},
    {"InvalidRequestException", ExitStatus::Refused, "`millrace app describe` shows the state that it is in"},
    {"InvalidApplicationConfigurationException", ExitStatus::Refused,
     "`millrace app describe` shows the configuration, `millrace app update` changes it"},
    {"CodeValidationException", ExitStatus::Refused, "`millrace validate` reports every error of SQL"},
    {"SerializationException", ExitStatus::Refused, "correct the member that the message names"},
    {"UnsupportedOperationException", ExitStatus::Unsupported, ""},
    {"UnknownOperationException", ExitStatus::Unsupported,
     "the service is older than this command, or another one"},
};

}  // namespace

AppFailure apiFailure(const std::string& action, int http_status, const std::string& type,
                      const std::string& message) {
    // Some actions' models have no UnsupportedOperationException; the message says it all the same.
    if (type == "InvalidRequestException" && message.starts_with(action + " is not supported"))
        return {ExitStatus::Unsupported, type, message, ""};
    for (const KnownError& known : kKnown)
        if (known.type == type) return {known.status, type, message, std::string(known.hint)};
    if (http_status >= 500)
        return {ExitStatus::Unreachable, type, message,
                "the service's log says more; the command can be repeated"};
    return {ExitStatus::Refused, type, message, ""};
}

AppFailure usageFailure(const std::string& message, const std::string& hint) {
    return {ExitStatus::Usage, "Usage", message, hint};
}

}  // namespace millrace::cli

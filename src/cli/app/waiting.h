// Waiting for what the service does in the background.
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/app/command.h"
#include "cli/app/output.h"

namespace millrace::cli {

// "30" and "30s" are seconds, "5min" minutes. AppFailure (Usage) for what is no length of time.
std::chrono::milliseconds parseTimeout(const std::string& text);

// Asks again and again, more and more rarely, until `done` says true; it may show progress. AppFailure
// (Timeout) after `timeout`, a text such as "30s"; a number alone is seconds. `what` says what has not come.
void waitUntil(const std::string& what, const std::string& timeout, bool json,
               const std::function<bool(Progress&, std::chrono::milliseconds passed)>& done);

// DescribeApplicationOperation's answer once the operation has ended. AppFailure (Failed) with its reason if
// it did not succeed.
nlohmann::json awaitOperation(const AppContext& context, const std::string& application,
                              const std::string& operation_id, const std::string& timeout);

// ApplicationDetail
nlohmann::json describeApplication(const AppContext& context, const std::string& application);

// Whether an application of that status does nothing but stay so.
bool isSettled(const std::string& status);

}  // namespace millrace::cli

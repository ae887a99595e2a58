#include "service/runtime_environments.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "service/api_error.h"

namespace millrace {

namespace {

// In the order of Flink's releases.
const std::vector<std::string>& flinkRuntimes() {
    static const std::vector<std::string> runtimes{"FLINK-1_6",  "FLINK-1_8",  "FLINK-1_11", "FLINK-1_13",
                                                   "FLINK-1_15", "FLINK-1_18", "FLINK-1_19", "FLINK-1_20",
                                                   "FLINK-2_2",  "FLINK-2_3"};
    return runtimes;
}

}  // namespace

Shape runtimeEnvironmentShape() {
    std::vector<std::string> all{"SQL-1_0", "ZEPPELIN-FLINK-1_0", "ZEPPELIN-FLINK-2_0", "ZEPPELIN-FLINK-3_0",
                                 "MILLRACE-1_0"};
    all.insert(all.end(), flinkRuntimes().begin(), flinkRuntimes().end());
    return Shape::oneOf(std::move(all));
}

void requireFlinkRuntime(const std::string& runtime) {
    if (runtime == "SQL-1_0" || runtime.starts_with("ZEPPELIN-"))
        throw unsupportedOperation(
            fmt::format("The runtime environment {} is not supported: choose a FLINK- one, or MILLRACE-1_0, "
                        "and write Flink SQL.",
                        runtime));
}

void requireNoDowngrade(const std::string& of_state, const std::string& target) {
    const auto& all = flinkRuntimes();
    const auto former = std::find(all.begin(), all.end(), of_state);
    const auto next = std::find(all.begin(), all.end(), target);
    if (former == all.end() || next == all.end() || next >= former) return;  // MILLRACE-1_0 takes either's
    throw UserError(
        "service.runtime-downgrade",
        fmt::format("state written under {} cannot be restored under the older {}", of_state, target),
        "keep the runtime environment, restore a snapshot that was taken under the older one, or start "
        "without state (SKIP_RESTORE_FROM_SNAPSHOT)");
}

}  // namespace millrace

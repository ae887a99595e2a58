#include "cluster/package_settings.h"

#include "base/error.h"

namespace millrace {
namespace {

constexpr int64_t kSizeMaxDefault = 10 << 20;
constexpr int64_t kSmallest = 4 << 10;
constexpr int64_t kFilesMaxDefault = 10;  // Flink's
constexpr int64_t kFilesMost = 1000;

MetricsLevel metricsLevelOf(const std::string& name) {
    if (name == "APPLICATION") return MetricsLevel::Application;
    if (name == "TASK") return MetricsLevel::Task;
    if (name == "OPERATOR") return MetricsLevel::Operator;
    if (name == "PARALLELISM") return MetricsLevel::Parallelism;
    throw UserError(
        "package.malformed",
        fmt::format("'metricsLevel' is '{}', not one of APPLICATION, TASK, OPERATOR, PARALLELISM", name));
}

// "FLINK-2_2" -> "2.2". What is written for another 1.x, or for no Flink, is answered as 1.20 answers.
std::string flinkVersionOf(const std::string& runtime_environment) {
    constexpr std::string_view kFlink2 = "FLINK-2_";
    if (!runtime_environment.starts_with(kFlink2)) return RestIdentity().flink_version;
    return "2." + runtime_environment.substr(kFlink2.size());
}

}  // namespace

LogConfiguration logConfigurationOf(const ApplicationPackage& package) {
    const Configuration& configuration = package.configuration;
    const int64_t size_max =
        configuration.getOptional<MemorySize>("env.log.size-max").value_or(MemorySize{kSizeMaxDefault}).bytes;
    if (size_max < kSmallest) {
        throw UserError("config.bad-value",
                        fmt::format("'env.log.size-max' is {} bytes, less than {}", size_max, kSmallest));
    }
    const int64_t files_max = configuration.getOptional<int64_t>("env.log.max").value_or(kFilesMaxDefault);
    if (files_max < 0 || files_max > kFilesMost) {
        throw UserError("config.bad-value",
                        fmt::format("'env.log.max' is {}, not between 0 and {}", files_max, kFilesMost));
    }
    return {.level = package.log_level,
            .json = true,
            .path = package.log_path,
            .application_arn = package.application_arn,
            .application_version_id = package.application_version_id,
            .size_max = static_cast<size_t>(size_max),
            .files_max = static_cast<int>(files_max)};
}

RestIdentity restIdentityOf(const ApplicationPackage& package) {
    return {package.application_name, package.application_version_id, metricsLevelOf(package.metrics_level),
            package.log_path, flinkVersionOf(package.runtime_environment)};
}

}  // namespace millrace

#include "service/code_package.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file_system.h"
#include "base/hash.h"
#include "base/http_server.h"
#include "base/log.h"
#include "base/zip.h"
#include "service/api_error.h"
#include "service/shape.h"

namespace millrace {

namespace {

using Json = nlohmann::json;

bool isUtf8(const std::string& text) {
    try {
        (void)Json(text).dump();
        return true;
    } catch (const Json::type_error&) {
        return false;
    }
}

// Clients match on the first sentence.
ApiError objectMissing(const std::string& bucket_arn, const std::string& key, const std::string& why) {
    return invalidArgument(fmt::format(
        "Please check the role provided or validity of S3 location you provided. We are unable to get the "
        "specified fileKey: {} in the specified bucket: {}{}{}",
        key, bucket_arn, why.empty() ? "" : ". ", why));
}

std::string bucketOf(const std::string& arn) {
    // arn:<partition>:s3:::<bucket>
    size_t at = 0;
    for (int colon = 0; colon < 5; ++colon) {
        at = arn.find(':', at);
        if (at == std::string::npos) break;
        ++at;
    }
    std::string bucket = at == std::string::npos ? "" : arn.substr(at);
    const size_t service = arn.find(':', 4) + 1;
    const bool good =
        arn.starts_with("arn:") && arn.compare(service, 3, "s3:") == 0 && bucket.size() >= 3 &&
        bucket.size() <= 63 && bucket.front() != '.' &&
        bucket.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") ==
            std::string::npos;
    if (!good)
        throw invalidArgument(
            fmt::format("'{}' is not the ARN of a bucket, such as arn:aws:s3:::my-bucket", arn));
    return bucket;
}

// buckets/<bucket>/<key>; "" for keys that no file can have.
std::string localPath(const ServiceContext& context, const std::string& bucket, const std::string& key) {
    for (size_t at = 0; at <= key.size();) {
        const size_t end = std::min(key.find('/', at), key.size());
        const std::string part = key.substr(at, end - at);
        if (part.empty() || part == "." || part == ".." || part.find('\0') != std::string::npos ||
            part.size() > 255)
            return "";
        at = end + 1;
    }
    return context.folder.buckets() + "/" + bucket + "/" + key;
}

std::string fetchObject(ServiceContext& context, const Json& location) {
    const std::string arn = location.at("BucketARN");
    const std::string key = location.at("FileKey");
    const std::string version = location.value("ObjectVersion", "");
    const std::string bucket = bucketOf(arn);

    auto& files = localFileSystem();
    const std::string path = localPath(context, bucket, key);
    if (version.empty() && !path.empty() && files.exists(path) && !files.status(path).is_folder) {
        if (files.status(path).size > static_cast<uint64_t>(kZipFileContentMax))
            throw invalidArgument(
                fmt::format("The object {} is larger than {} bytes.", key, kZipFileContentMax));
        return readFile(files, path);
    }
    const std::string endpoint = context.configuration.s3_endpoint;
    if (endpoint.empty())
        throw objectMissing(arn, key,
                            version.empty()
                                ? fmt::format("There is no file {}/{}/{} and no S3 endpoint is configured.",
                                              context.folder.buckets(), bucket, key)
                                : "Local buckets have no object versions and no S3 endpoint is configured.");
    HttpClientRequest request;
    request.url = endpoint + (endpoint.ends_with('/') ? "" : "/") + encodePercent(bucket) + "/" +
                  encodePercent(key, true);
    if (!version.empty()) request.url += "?versionId=" + encodePercent(version);
    request.response_size_max = kZipFileContentMax;
    std::string why;
    try {
        if (const auto credentials = findAwsCredentials(context.environment))
            signAwsRequest(request, *credentials, {context.configuration.region, "s3"}, context.nowSeconds());
        HttpClientResponse response = context.http.send(request);
        if (response.status == 200) return std::move(response.body);
        why = fmt::format("The S3 endpoint answered with status {}.", response.status);
    } catch (const UserError& e) {
        if (e.code() == "http.too-large")
            throw invalidArgument(
                fmt::format("The object {} is larger than {} bytes.", key, kZipFileContentMax));
        why = fmt::format("The S3 endpoint could not be asked: {}.", e.what());
    }
    logWarn("service.code", "fetching {} from bucket {} failed: {}", key, bucket, why);
    throw objectMissing(arn, key, why);
}

void checkZip(const std::string& bytes) {
    if (bytes.size() > static_cast<size_t>(kZipFileContentMax))
        throw invalidArgument(fmt::format("The code package is larger than {} bytes.", kZipFileContentMax));
    std::vector<ZipEntry> entries;
    try {
        entries = readZip(bytes);
    } catch (const UserError& e) {
        throw codeValidation(fmt::format("The code package cannot be used: {}.", e.what()));
    }
    bool sql = false, manifest = false;
    for (const auto& entry : entries) {
        if (entry.name == "META-INF/MANIFEST.MF") manifest = true;
        if (!entry.name.ends_with(".sql")) continue;
        sql = true;
        if (!isUtf8(entry.content))
            throw codeValidation(fmt::format("The file {} of the code package is not UTF-8.", entry.name));
    }
    if (sql) return;
    if (manifest)
        throw unsupportedOperation(
            "The code package is a JAR. JARs run on an Apache Flink cluster, which this version cannot "
            "deploy; it runs SQL: a text, or a zip with .sql files.");
    throw codeValidation("The code package holds no .sql file.");
}

// A KPU has 4 GB; state beyond half of it lies on disk, as the AWS service, too, keeps state in RocksDB.
constexpr int64_t kStateGigabytesPerKpu = 2;

// What the cluster runs the job with, as Flink's options.
Json settingsOf(const Application& application, const ApplicationVersion& version,
                const Deployment& deployment, const ClusterSpec& spec) {
    const Json flink = Json::parse(version.configuration).at("FlinkApplicationConfigurationDescription");
    const int64_t slots = parallelismOf(version, deployment.parallelism);
    const int64_t kpus = kpusOf(version, deployment.parallelism);
    Json settings{{"pipeline.name", application.name},
                  {"parallelism.default", std::to_string(slots)},
                  {"state.backend.type", "rocksdb"},
                  {"state.backend.rocksdb.localdir", spec.application_folder + "/state"},
                  {"taskmanager.memory.managed.size", fmt::format("{} gb", kpus * kStateGigabytesPerKpu)},
                  {"state.checkpoints.dir", spec.application_folder + "/checkpoints"},
                  {"state.savepoints.dir", spec.application_folder + "/snapshots"},
                  {"state.checkpoints.num-retained", "2"},
                  {"restart-strategy.type", "exponential-delay"}};
    const Json& checkpoints = flink.at("CheckpointConfigurationDescription");
    if (checkpoints.at("CheckpointingEnabled").get<bool>()) {
        settings["execution.checkpointing.interval"] =
            fmt::format("{} ms", checkpoints.at("CheckpointInterval").get<int64_t>());
        settings["execution.checkpointing.min-pause"] =
            fmt::format("{} ms", checkpoints.at("MinPauseBetweenCheckpoints").get<int64_t>());
    }
    return settings;
}

}  // namespace

int64_t parallelismOf(const ApplicationVersion& version, int64_t chosen) {
    if (chosen > 0) return chosen;
    return Json::parse(version.configuration)
        .at("FlinkApplicationConfigurationDescription")
        .at("ParallelismConfigurationDescription")
        .at("Parallelism")
        .get<int64_t>();
}

int64_t kpusOf(const ApplicationVersion& version, int64_t chosen) {
    const auto per_kpu = Json::parse(version.configuration)
                             .at("FlinkApplicationConfigurationDescription")
                             .at("ParallelismConfigurationDescription")
                             .at("ParallelismPerKPU")
                             .get<int64_t>();
    return (parallelismOf(version, chosen) + per_kpu - 1) / per_kpu;
}

CodePackage takeInCode(ServiceContext& context, const Json& configuration) {
    const std::string type = configuration.at("CodeContentType");
    const Json content = configuration.value("CodeContent", Json::object());
    const Json given = content.is_object() ? content : Json::object();
    const auto has = [&](const char* name) { return given.contains(name) && !given.at(name).is_null(); };
    const int count = has("TextContent") + has("ZipFileContent") + has("S3ContentLocation");
    if (count != 1)
        throw invalidArgument(
            "CodeContent must have exactly one of TextContent, ZipFileContent and S3ContentLocation.");

    CodePackage package{type, ""};
    if (has("TextContent")) {
        if (type != "PLAINTEXT") throw invalidArgument("TextContent needs the CodeContentType PLAINTEXT.");
        package.bytes = given.at("TextContent");
    } else if (has("ZipFileContent")) {
        if (type != "ZIPFILE") throw invalidArgument("ZipFileContent needs the CodeContentType ZIPFILE.");
        package.bytes = decodeBase64(given.at("ZipFileContent"), "zipFileContent");
    } else {
        package.bytes = fetchObject(context, given.at("S3ContentLocation"));
    }
    if (type == "ZIPFILE") {
        checkZip(package.bytes);
    } else {
        if (package.bytes.size() > static_cast<size_t>(kTextContentMax) * 4)
            throw invalidArgument(fmt::format("The SQL text is larger than {} bytes.", kTextContentMax * 4));
        if (!isUtf8(package.bytes)) throw codeValidation("The SQL text is not UTF-8.");
    }
    return package;
}

Json describeCode(const Json& configuration, const CodePackage& package) {
    Json content{{"CodeMD5", md5Hex(package.bytes)}, {"CodeSize", package.bytes.size()}};
    const Json& given = configuration.at("CodeContent");
    if (const auto s3 = given.find("S3ContentLocation"); s3 != given.end() && s3->is_object()) {
        Json location{{"BucketARN", s3->at("BucketARN")}, {"FileKey", s3->at("FileKey")}};
        if (s3->contains("ObjectVersion") && s3->at("ObjectVersion").is_string())
            location["ObjectVersion"] = s3->at("ObjectVersion");
        content["S3ApplicationCodeLocationDescription"] = std::move(location);
    }
    return {{"CodeContentType", package.type}, {"CodeContentDescription", std::move(content)}};
}

std::map<std::string, std::string> sqlFilesOf(const std::string& zip_bytes) {
    std::map<std::string, std::string> files;
    for (auto& entry : readZip(zip_bytes))
        if (entry.name.ends_with(".sql")) files[entry.name] = std::move(entry.content);
    return files;
}

void writePackage(ServiceContext& context, const Application& application, const ApplicationVersion& version,
                  const Deployment& deployment, const ClusterSpec& spec) {
    if (version.code_sha256.empty())
        throw UserError("service.no-code", "the application has no code",
                        "create it with an ApplicationCodeConfiguration");
    const Json configuration = Json::parse(version.configuration);
    const Json& flink = configuration.at("FlinkApplicationConfigurationDescription");

    Json package{{"applicationName", application.name},
                 {"applicationArn", application.arn},
                 {"applicationVersionId", version.version_id},
                 {"runtimeEnvironment", version.runtime_environment},
                 {"allowNonRestoredState", deployment.allow_non_restored_state},
                 {"fullRestarts", deployment.full_restarts},
                 {"logLevel", flink.at("MonitoringConfigurationDescription").at("LogLevel")},
                 {"kpus", kpusOf(version, deployment.parallelism)},
                 {"metricsLevel", flink.at("MonitoringConfigurationDescription").at("MetricsLevel")},
                 {"logFile", spec.application_folder + "/cluster.log"}};
    const std::string code = context.blobs.get(version.code_sha256);
    if (configuration.at("ApplicationCodeConfigurationDescription").at("CodeContentType") == "ZIPFILE")
        package["files"] = sqlFilesOf(code);
    else
        package["sql"] = code;
    Json properties = Json::object();
    if (configuration.contains("EnvironmentPropertyDescriptions"))
        for (const auto& group :
             configuration.at("EnvironmentPropertyDescriptions").at("PropertyGroupDescriptions"))
            properties[group.at("PropertyGroupId").get<std::string>()] = group.at("PropertyMap");
    package["properties"] = properties;
    package["configuration"] = settingsOf(application, version, deployment, spec);
    if (!deployment.restore.empty()) package["restore"] = deployment.restore;
    if (!deployment.check_against.empty()) package["checkAgainst"] = deployment.check_against;

    auto& files = localFileSystem();
    files.createFolders(spec.application_folder);
    // What earlier deployments ran with is of no use once another is made.
    for (const auto& entry : files.list(spec.application_folder)) {
        const std::string path = joinPath(spec.application_folder, entry.name);
        if ((entry.name.starts_with("package-") || entry.name.starts_with("ready-") ||
             entry.name.starts_with("activation-")) &&
            path != spec.package_path)
            files.remove(path);
    }
    writeFileAtomically(files, spec.package_path, package.dump());
}

}  // namespace millrace

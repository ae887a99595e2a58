#include "connectors/filesystem/filesystem_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "base/error.h"
#include "base/file_system.h"

namespace millrace {
namespace {

std::string localPath(const std::string& table, std::string path) {
    const size_t scheme = path.find("://");
    if (path.starts_with("file://")) {
        path.erase(0, 7);
        if (!path.starts_with('/')) {
            throw UserError("config.bad-value",
                            fmt::format("table '{}': 'path' names a host: 'file://{}'", table, path),
                            "a local path has three slashes: file:///folder");
        }
    } else if (path.starts_with("file:/")) {
        path.erase(0, 5);
    } else if (scheme != std::string::npos && path.find('/') > scheme) {
        throw UserError(
            "config.bad-value",
            fmt::format(
                "table '{}': the filesystem connector reads and writes local files, and 'path' is '{}'",
                table, path),
            "give a local path or one that starts with file:///");
    }
    while (path.size() > 1 && path.back() == '/')
        path.pop_back();
    if (path.empty()) {
        throw UserError("config.bad-value", fmt::format("table '{}': 'path' is empty", table));
    }
    return path;
}

}  // namespace

FilesystemOptions FilesystemOptions::from(const TableSpec& spec) {
    FilesystemOptions out;
    out.table = spec.name;
    const auto find = [&](const char* key) -> const std::string* {
        const auto found = spec.options.find(key);
        return found == spec.options.end() ? nullptr : &found->second;
    };
    const std::string* const path = find("path");
    if (path == nullptr) {
        throw UserError("config.missing-option", fmt::format("table '{}' needs the option 'path'", spec.name),
                        "a file or a folder");
    }
    out.path = localPath(spec.name, *path);
    const std::string* const format = find("format");
    if (format == nullptr) {
        throw UserError("config.missing-option",
                        fmt::format("table '{}' needs the option 'format'", spec.name),
                        "such as 'json' or 'csv'");
    }
    out.format = *format;
    if (const std::string* value = find("source.monitor-interval")) {
        out.monitor_interval = parseConfigValue<Duration>("source.monitor-interval", *value);
        if (out.monitor_interval->ms <= 0) {
            throw UserError("config.bad-value", "'source.monitor-interval' must be more than zero",
                            "leave it out to read the folder once");
        }
    }
    if (const std::string* value = find("source.path.regex-pattern")) out.path_pattern = *value;
    if (const std::string* value = find("partition.default-name")) out.default_partition = *value;
    if (const std::string* value = find("sink.rolling-policy.file-size")) {
        out.roll_bytes = parseConfigValue<MemorySize>("sink.rolling-policy.file-size", *value).bytes;
    }
    if (const std::string* value = find("sink.rolling-policy.rollover-interval")) {
        out.rollover_interval = parseConfigValue<Duration>("sink.rolling-policy.rollover-interval", *value);
    }
    if (const std::string* value = find("sink.rolling-policy.check-interval")) {
        parseConfigValue<Duration>("sink.rolling-policy.check-interval", *value);
    }
    out.partition_commit = PartitionCommitOptions::from(spec);
    for (const std::string& key : spec.partition_keys) {
        const int index = spec.schema.find(key);
        if (index < 0 || spec.schema[static_cast<size_t>(index)].type.isNested()) {
            throw UserError("config.bad-value",
                            fmt::format("table '{}': the partition key '{}' is not a column of a simple type",
                                        spec.name, key));
        }
    }
    if (!spec.partition_keys.empty() && spec.partition_keys.size() == spec.schema.size()) {
        throw UserError(
            "config.bad-value",
            fmt::format("table '{}': every column is a partition key, so its files would be empty",
                        spec.name));
    }
    return out;
}

std::vector<OptionDescription> FilesystemOptions::describe() {
    std::vector<OptionDescription> options = {
        {"path", "string", "",
         "A file, or a folder whose files (and those of its sub-folders) are the table.", true},
        {"source.monitor-interval", "duration", "",
         "How often to look for new files; the table is then unbounded. By default the folder is listed "
         "once."},
        {"source.path.regex-pattern", "string", "",
         "Read only files whose absolute path matches this pattern as a whole."},
        {"partition.default-name", "string", "__DEFAULT_PARTITION__",
         "The folder name that stands for NULL or an empty text in a partition key."},
        {"sink.rolling-policy.file-size", "memory", "128 mb",
         "Start another file when one has reached this size."},
        {"sink.rolling-policy.rollover-interval", "duration", "30 min",
         "Start another file when one has been open for this long. Every checkpoint starts another one, "
         "too."},
        {"sink.rolling-policy.check-interval", "duration", "1 min",
         "Accepted for compatibility; the rolling policy is checked at every write."},
    };
    for (OptionDescription& option : PartitionCommitOptions::describe())
        options.push_back(std::move(option));
    return options;
}

Schema fileSchema(const TableSpec& spec) {
    std::vector<Field> fields;
    for (const Field& field : spec.physicalSchema()) {
        bool key = false;
        for (const std::string& name : spec.partition_keys)
            key = key || name == field.name;
        if (!key) fields.push_back(field);
    }
    return Schema(std::move(fields));
}

namespace {

void collectPartitions(const std::string& folder, std::span<const std::string> keys,
                       std::vector<std::string>& values, std::vector<std::vector<std::string>>& out) {
    if (keys.empty()) {
        out.push_back(values);
        return;
    }
    const std::string head = escapePathName(keys.front()) + "=";
    for (const FileStatus& entry : localFileSystem().list(folder)) {
        if (!entry.is_folder || !entry.name.starts_with(head)) continue;
        values.push_back(unescapePathName(std::string_view(entry.name).substr(head.size())));
        collectPartitions(joinPath(folder, entry.name), keys.subspan(1), values, out);
        values.pop_back();
    }
}

}  // namespace

std::vector<std::vector<std::string>> partitionFolders(const TableSpec& spec) {
    const FilesystemOptions options = FilesystemOptions::from(spec);
    std::vector<std::vector<std::string>> found;
    std::vector<std::string> values;
    FileSystem& files = localFileSystem();
    if (files.exists(options.path) && files.status(options.path).is_folder)
        collectPartitions(options.path, spec.partition_keys, values, found);
    std::sort(found.begin(), found.end());
    return found;
}

std::string escapePathName(std::string_view value) {
    std::string out;
    for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7F ||
            std::string_view("\"#%'*/:=?\\{}[]^").find(c) != std::string_view::npos) {
            out += fmt::format("%{:02X}", byte);
        } else {
            out += c;
        }
    }
    return out;
}

std::string unescapePathName(std::string_view name) {
    const auto digit = [](char c) {
        if (c >= '0' && c <= '9') return c - '0';
        if (c >= 'A' && c <= 'F') return c - 'A' + 10;
        if (c >= 'a' && c <= 'f') return c - 'a' + 10;
        return -1;
    };
    std::string out;
    for (size_t i = 0; i < name.size(); ++i) {
        if (name[i] == '%' && i + 2 < name.size() && digit(name[i + 1]) >= 0 && digit(name[i + 2]) >= 0) {
            out += static_cast<char>(digit(name[i + 1]) * 16 + digit(name[i + 2]));
            i += 2;
        } else {
            out += name[i];
        }
    }
    return out;
}

}  // namespace millrace

// What a table of the filesystem connector says of itself, checked.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/filesystem/partition_commit.h"
#include "runtime/connector.h"

namespace millrace {

struct FilesystemOptions {
    std::string table;
    std::string path;  // without "file://" and without a '/' at the end
    std::string format;
    std::optional<Duration> monitor_interval;
    std::string path_pattern;  // "" for every file
    std::string default_partition = "__DEFAULT_PARTITION__";
    int64_t roll_bytes = 128 << 20;
    Duration rollover_interval{30 * 60 * 1000};
    PartitionCommitOptions partition_commit;

    // UserError where a value is not usable or options do not go together.
    static FilesystemOptions from(const TableSpec& spec);
    static std::vector<OptionDescription> describe();
};

// The columns in the files: the physical ones of the table that are no partition keys.
Schema fileSchema(const TableSpec& spec);

// "a b/c" -> "a b%2Fc": values in folder names, as Hive and Flink escape them; and back.
std::string escapePathName(std::string_view value);
std::string unescapePathName(std::string_view name);

// The partitions that a table has folders for, sorted: the values of its keys, which are not escaped here.
std::vector<std::vector<std::string>> partitionFolders(const TableSpec& spec);

// Files and folders that are not part of the table: names that start with '.' or '_'.
inline bool isHidden(std::string_view name) { return name.starts_with('.') || name.starts_with('_'); }

std::shared_ptr<const Source> makeFilesystemSource(const TableSpec& spec);
std::shared_ptr<const Sink> makeFilesystemSink(const TableSpec& spec);

}  // namespace millrace

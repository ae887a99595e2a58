#include "connectors/filesystem/partition_commit.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/named_integer.h"
#include "connectors/filesystem/committable_lines.h"
#include "connectors/filesystem/filesystem_options.h"
#include "functions/date_pattern.h"
#include "functions/time_zone.h"

namespace millrace {

namespace {

constexpr const char* kNow = "now";

template <class T>
T integerOf(const std::string& text) {
    T value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
        throw UserError("snapshot.damaged",
                        fmt::format("'{}' is not a number of a filesystem sink's partitions", text));
    }
    return value;
}

[[noreturn]] void failValue(const TableSpec& spec, const char* key, const std::string& value,
                            const std::string& hint) {
    throw UserError("config.bad-value",
                    fmt::format("table '{}': '{}' = '{}' is not supported", spec.name, key, value), hint);
}

}  // namespace

PartitionCommitOptions PartitionCommitOptions::from(const TableSpec& spec) {
    PartitionCommitOptions out;
    const auto find = [&](const char* key) -> const std::string* {
        const auto found = spec.options.find(key);
        return found == spec.options.end() ? nullptr : &found->second;
    };
    constexpr const char* kKind = "sink.partition-commit.policy.kind";
    if (const std::string* kinds = find(kKind)) {
        for (size_t at = 0; at <= kinds->size();) {
            const size_t end = std::min(kinds->find(',', at), kinds->size());
            const std::string kind = kinds->substr(at, end - at);
            if (kind != "success-file") {
                failValue(
                    spec, kKind, *kinds,
                    "'success-file' is the policy there is: 'metastore' needs a Hive metastore, 'custom' a "
                    "Java class");
            }
            at = end + 1;
        }
        if (spec.partition_keys.empty()) {
            throw UserError("config.bad-value",
                            fmt::format("table '{}': '{}' needs PARTITIONED BY", spec.name, kKind),
                            "a table without partitions is never complete");
        }
        out.enabled = true;
    }
    constexpr const char* kTrigger = "sink.partition-commit.trigger";
    if (const std::string* value = find(kTrigger)) {
        if (*value == "partition-time") {
            out.trigger = Trigger::PartitionTime;
        } else if (*value != "process-time") {
            failValue(spec, kTrigger, *value, "it is 'process-time' or 'partition-time'");
        }
    }
    if (const std::string* value = find("sink.partition-commit.delay"))
        out.delay = parseConfigValue<Duration>("sink.partition-commit.delay", *value);
    constexpr const char* kFile = "sink.partition-commit.success-file.name";
    if (const std::string* value = find(kFile)) {
        // Readers pass over names that start so; any other name would be read as data.
        if (!isHidden(*value) || value->find('/') != std::string::npos)
            failValue(spec, kFile, *value, "a file name that starts with '_' or '.'");
        out.success_file = *value;
    }
    constexpr const char* kExtractor = "partition.time-extractor.kind";
    if (const std::string* value = find(kExtractor); value && *value != "default")
        failValue(spec, kExtractor, *value,
                  "'default' is the extractor there is: 'custom' needs a Java class");
    if (const std::string* value = find("partition.time-extractor.timestamp-pattern"))
        out.time_pattern = *value;
    if (const std::string* value = find("partition.time-extractor.timestamp-formatter")) {
        out.time_format = *value;
        DatePattern check(out.time_format);  // says now what is wrong
    }
    if (const std::string* value = find("sink.partition-commit.watermark-time-zone")) {
        out.time_zone = *value;
        ZoneConverter check(out.time_zone);
    }
    return out;
}

std::vector<OptionDescription> PartitionCommitOptions::describe() {
    return {
        {"sink.partition-commit.policy.kind", "string", "",
         "'success-file': a partition that is complete gets an empty file. Without a policy, partitions are "
         "not "
         "committed; their files are visible all the same."},
        {"sink.partition-commit.trigger", "string", "process-time",
         "When a partition is complete. 'process-time': the delay after it was first written to; "
         "'partition-time': when the watermark has passed the time in its values and the delay."},
        {"sink.partition-commit.delay", "duration", "0 s",
         "How long a partition is waited for: '1 h' for partitions of an hour."},
        {"sink.partition-commit.success-file.name", "string", "_SUCCESS", "What the success file is called."},
        {"partition.time-extractor.kind", "string", "default", "'default' is the one there is."},
        {"partition.time-extractor.timestamp-pattern", "string", "",
         "How a partition's time is put together of its keys: '$dt $hm:00'. By default it is the first key."},
        {"partition.time-extractor.timestamp-formatter", "string", "yyyy-MM-dd HH:mm:ss",
         "The format of that time. By default the time of day may be left out."},
        {"sink.partition-commit.watermark-time-zone", "string", "UTC",
         "The zone of the time in the partition's values."},
    };
}

int64_t PartitionCommitOptions::timeOf(const std::vector<std::string>& keys,
                                       const std::vector<std::string>& values) const {
    std::string text = time_pattern.empty() ? values.front() : time_pattern;
    if (!time_pattern.empty()) {
        // "$day" before "$d": the longest key first.
        std::vector<size_t> order(keys.size());
        for (size_t i = 0; i < order.size(); ++i)
            order[i] = i;
        std::stable_sort(order.begin(), order.end(),
                         [&](size_t a, size_t b) { return keys[a].size() > keys[b].size(); });
        for (const size_t i : order) {
            const std::string name = "$" + keys[i];
            for (size_t at = text.find(name); at != std::string::npos;
                 at = text.find(name, at + values[i].size()))
                text.replace(at, name.size(), values[i]);
        }
    }
    std::optional<DatePattern::Parsed> parsed;
    if (!time_format.empty()) {
        parsed = datePattern(time_format).parse(text);
    } else {
        parsed = datePattern("yyyy-M-d H:m:s").parse(text);
        if (!parsed) parsed = datePattern("yyyy-M-d").parse(text);
    }
    if (!parsed) {
        throw UserError(
            "data.malformed", fmt::format("the time of a partition cannot be read from '{}'", text),
            "'partition.time-extractor.timestamp-pattern' puts it together of the partition's keys, "
            "and 'partition.time-extractor.timestamp-formatter' says how it is written");
    }
    return zoneConverter(time_zone).toInstant(parsed->local_micros) / 1000;
}

bool PartitionWord::is(std::string_view committable) { return committable.starts_with("2\n"); }

std::string PartitionWord::encode() const {
    std::string text = fmt::format("2\n{}\n{}\n{}", subtask, parallelism, watermark_ms);
    for (const auto& [folder, time] : partitions)
        text += fmt::format("\n{}\n{}", escapeLine(folder), time ? std::to_string(*time) : kNow);
    return text;
}

PartitionWord PartitionWord::decode(std::string_view text) {
    const std::vector<std::string> lines = linesOf(text);
    if (!is(text) || lines.size() < 4 || lines.size() % 2 != 0) {
        throw UserError("snapshot.damaged",
                        "what a filesystem sink says of its partitions cannot be read from the snapshot");
    }
    PartitionWord word{
        integerOf<uint32_t>(lines[1]), integerOf<uint32_t>(lines[2]), integerOf<int64_t>(lines[3]), {}};
    for (size_t i = 4; i < lines.size(); i += 2) {
        std::optional<int64_t> time;
        if (lines[i + 1] != kNow) time = integerOf<int64_t>(lines[i + 1]);
        word.partitions.emplace_back(lines[i], time);
    }
    return word;
}

PendingPartitions::PendingPartitions(const PartitionCommitOptions& options, std::vector<std::string> keys,
                                     uint32_t subtask, uint32_t parallelism,
                                     const std::vector<std::string>& restored)
    : options_(options),
      keys_(std::move(keys)),
      subtask_(subtask),
      parallelism_(parallelism),
      watermark_ms_(EventTime::min().value()) {
    for (const std::string& item : restored) {
        const std::vector<std::string> lines = linesOf(item);
        if (lines.size() != 2) {
            throw UserError("snapshot.damaged",
                            "a pending partition of a filesystem sink cannot be read from the snapshot");
        }
        const int64_t time = integerOf<int64_t>(lines[1]);
        const auto [entry, fresh] = pending_.try_emplace(lines[0], Partition{time, false});
        if (!fresh) entry->second.time_ms = std::min(entry->second.time_ms, time);
    }
}

void PendingPartitions::add(const std::string& folder, const std::vector<std::string>& values,
                            int64_t now_ms) {
    const auto found = pending_.find(folder);
    if (found != pending_.end()) {
        found->second.spoken_of = false;  // what comes now is committed with a later word
        return;
    }
    const bool by_time = options_.trigger == PartitionCommitOptions::Trigger::PartitionTime;
    pending_[folder].time_ms = by_time ? options_.timeOf(keys_, values) : now_ms;
}

void PendingPartitions::onWatermark(int64_t watermark_ms) { watermark_ms_ = watermark_ms; }

std::string PendingPartitions::word(FileSystem& files, int64_t now_ms) {
    PartitionWord word{subtask_, parallelism_, watermark_ms_, {}};
    const bool ended = watermark_ms_ == EventTime::max().value();
    for (auto at = pending_.begin(); at != pending_.end();) {
        auto& [folder, partition] = *at;
        if (partition.spoken_of && files.exists(joinPath(folder, options_.success_file))) {
            at = pending_.erase(at);
            continue;
        }
        if (options_.trigger == PartitionCommitOptions::Trigger::PartitionTime) {
            const int64_t time = partition.time_ms + options_.delay.ms;
            if (watermark_ms_ > time) {
                word.partitions.emplace_back(folder, time);
                partition.spoken_of = true;
            }
        } else if (ended || now_ms >= partition.time_ms + options_.delay.ms) {
            word.partitions.emplace_back(folder, std::nullopt);
            partition.spoken_of = true;
        }
        ++at;
    }
    return word.encode();
}

std::vector<std::string> PendingPartitions::snapshot() const {
    std::vector<std::string> items;
    for (const auto& [folder, partition] : pending_)
        items.push_back(fmt::format("{}\n{}", escapeLine(folder), partition.time_ms));
    return items;
}

void commitPartitions(const PartitionCommitOptions& options, const std::vector<PartitionWord>& words,
                      FileSystem& files) {
    // Of a subtask's words, the last one says how far it is.
    std::map<uint32_t, int64_t> watermarks;
    uint32_t parallelism = 1;
    for (const PartitionWord& word : words) {
        watermarks[word.subtask] = word.watermark_ms;
        parallelism = word.parallelism;
    }
    int64_t watermark = EventTime::max().value();
    for (const auto& [subtask, reached] : watermarks)
        watermark = std::min(watermark, reached);
    if (watermarks.size() < parallelism) watermark = EventTime::min().value();
    std::set<std::string> complete;
    for (const PartitionWord& word : words) {
        for (const auto& [folder, time] : word.partitions) {
            if (!time || watermark > *time) complete.insert(folder);
        }
    }
    for (const std::string& folder : complete) {
        if (files.exists(folder)) writeFileAtomically(files, joinPath(folder, options.success_file), "");
    }
}

}  // namespace millrace

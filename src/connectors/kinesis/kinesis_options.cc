#include "connectors/kinesis/kinesis_options.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <cmath>

#include "base/error.h"
#include "functions/date_pattern.h"

namespace millrace {
namespace {

constexpr const char* kTimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.SSSXXX";
constexpr size_t kPutRecordsMax = 500;
constexpr size_t kPutBytesMax = 5 << 20;
constexpr int64_t kGetRecordsMax = 10'000;

class KinesisOptionReader {
  public:
    explicit KinesisOptionReader(const TableSpec& spec) : spec_(spec) {}

    bool has(const std::string& key) const { return spec_.options.contains(key); }
    std::string get(const std::string& key, const std::string& otherwise = "") const {
        const auto found = spec_.options.find(key);
        return found == spec_.options.end() ? otherwise : found->second;
    }
    int64_t duration(const std::string& key, const char* otherwise) const {
        return parseConfigValue<Duration>(key, get(key, otherwise)).ms;
    }
    int64_t number(const std::string& key, const char* otherwise, int64_t min, int64_t max) const {
        const auto value = parseConfigValue<int64_t>(key, get(key, otherwise));
        if (value < min || value > max)
            bad(key, fmt::format("is {}", value), fmt::format("between {} and {}", min, max));
        return value;
    }
    bool flag(const std::string& key) const { return parseConfigValue<bool>(key, get(key, "false")); }
    [[noreturn]] void bad(const std::string& key, const std::string& why, const std::string& hint) const {
        throw UserError("config.bad-value", fmt::format("table '{}': '{}' {}", spec_.name, key, why), hint);
    }
    [[noreturn]] void missing(const std::string& key, const std::string& hint) const {
        throw UserError("config.missing-option",
                        fmt::format("table '{}' needs the option '{}'", spec_.name, key), hint);
    }

  private:
    const TableSpec& spec_;
};

// A time in the format given, or seconds since the epoch, as Flink takes it.
int64_t timestampOf(const KinesisOptionReader& reader) {
    const std::string key = "source.init.timestamp";
    if (!reader.has(key))
        reader.missing(key,
                       "such as '2026-01-31T12:00:00.000Z', for 'source.init.position' = 'AT_TIMESTAMP'");
    const std::string text = reader.get(key), format = reader.get(key + ".format", kTimestampFormat);
    try {
        if (const auto parsed = DatePattern(format).parse(text))
            return parsed->local_micros / 1000 - parsed->offset_seconds.value_or(0) * 1000;
    } catch (const UserError& error) {
        reader.bad(key + ".format", fmt::format("cannot be used: {}", error.problem().message), "");
    }
    static const RE2 seconds(R"(\d{1,11}(\.\d+)?)");
    if (RE2::FullMatch(text, seconds)) return std::llround(parseConfigValue<double>(key, text) * 1000);
    reader.bad(key, fmt::format("is '{}'", text),
               fmt::format("a time as '{}', or seconds since 1970", format));
}

void readStart(const KinesisOptionReader& reader, KinesisOptions& out) {
    const std::string position = reader.get("source.init.position", "LATEST");
    out.latest = position == "LATEST";
    if (position == "AT_TIMESTAMP") out.start = {true, timestampOf(reader)};
    out.discovery_interval_ms = reader.duration("source.shard.discovery.interval", "10 s");
    out.assigner = reader.get("source.shard.assigner", "uniform") == "uniform" ? ShardAssigner::Uniform
                                                                               : ShardAssigner::Default;
    out.records_max = reader.number("source.shard.get-records.max-record-count", "10000", 1, kGetRecordsMax);
    out.get_interval_ms = reader.duration("source.shard.get-records.interval", "0 ms");
    out.idle_interval_ms = reader.duration("source.shard.get-records.idle-source-interval", "250 ms");
    out.fan_out = reader.get("source.reader.type", "POLLING") == "EFO";
    out.consumer_name = reader.get("source.efo.consumer.name");
    if (out.fan_out && out.consumer_name.empty())
        reader.missing("source.efo.consumer.name", "the name that the stream knows this consumer by");
    out.consumer_managed = reader.get("source.efo.lifecycle", "JOB_MANAGED") == "JOB_MANAGED";
    out.subscription_timeout_ms = reader.duration("source.efo.subscription.timeout", "60 s");
    out.deregister_timeout_ms = reader.duration("source.efo.deregister.timeout", "10 s");
    const std::string describe = "source.efo.describe.retry-strategy.";
    out.describe_retries.attempts_max =
        static_cast<int>(reader.number(describe + "attempts.max", "100", 1, 1'000'000));
    out.describe_retries.delay_min_ms = reader.duration(describe + "delay.min", "2 s");
    out.describe_retries.delay_max_ms = reader.duration(describe + "delay.max", "60 s");
}

void readSink(const TableSpec& spec, const KinesisOptionReader& reader, KinesisOptions& out) {
    out.key_fields = spec.partition_keys;
    out.key_delimiter = reader.get("sink.partitioner-field-delimiter", "|");
    const std::string partitioner = reader.get("sink.partitioner", "random");
    if (!spec.partition_keys.empty() && reader.has("sink.partitioner"))
        reader.bad("sink.partitioner", "cannot be used with PARTITIONED BY",
                   "the fields of PARTITIONED BY are the partition key");
    if (partitioner != "random" && partitioner != "fixed")
        reader.bad("sink.partitioner", fmt::format("is '{}': classes of Java cannot be called", partitioner),
                   "'random' or 'fixed', or PARTITIONED BY with the fields of the key");
    out.fixed_key = partitioner == "fixed";
    constexpr int64_t kMany = 1'000'000'000;
    out.batch_max = static_cast<size_t>(reader.number("sink.batch.max-size", "500", 1, kPutRecordsMax));
    out.requests_max = static_cast<size_t>(reader.number("sink.requests.max-inflight", "16", 1, kMany));
    out.buffered_max = static_cast<size_t>(reader.number("sink.requests.max-buffered", "10000", 1, kMany));
    out.flush_bytes =
        static_cast<size_t>(reader.number("sink.flush-buffer.size", "5242880", 1, kPutBytesMax));
    out.flush_timeout_ms = reader.number("sink.flush-buffer.timeout", "5000", 1, kMany);
    out.fail_on_error = reader.flag("sink.fail-on-error");
    if (out.buffered_max < out.batch_max)
        reader.bad("sink.requests.max-buffered", "is less than 'sink.batch.max-size'",
                   "a batch must fit into the buffer");
}

}  // namespace

KinesisOptions KinesisOptions::from(const TableSpec& spec) {
    const KinesisOptionReader reader(spec);
    KinesisOptions out;
    out.table = spec.name;
    out.stream_arn = reader.get("stream.arn");
    static const RE2 arn(R"(arn:[a-z-]+:kinesis:([a-z0-9-]+):\d{12}:stream/[a-zA-Z0-9_.-]{1,128})");
    if (!RE2::FullMatch(out.stream_arn, arn, &out.region))
        reader.bad("stream.arn", fmt::format("is '{}'", out.stream_arn),
                   "such as 'arn:aws:kinesis:us-east-1:012345678901:stream/orders'");
    out.region = reader.get("aws.region", out.region);
    out.endpoint = reader.get("aws.endpoint", fmt::format("https://kinesis.{}.amazonaws.com{}", out.region,
                                                          out.region.starts_with("cn-") ? ".cn" : ""));
    while (out.endpoint.ends_with('/'))
        out.endpoint.pop_back();
    if (!out.endpoint.starts_with("http://") && !out.endpoint.starts_with("https://"))
        reader.bad("aws.endpoint", fmt::format("is '{}'", out.endpoint), "a URL: https://...");
    out.verify_certificates = !reader.flag("aws.trust.all.certificates");
    for (const auto& [key, value] : spec.options) {
        if (key.starts_with("aws.credentials.")) out.credentials[key] = value;
        out.format_options[key] = value;
    }
    out.retries.attempts_max =
        static_cast<int>(reader.number("retry-strategy.attempts.max", "50", 1, 1'000'000));
    out.retries.delay_min_ms = reader.duration("retry-strategy.delay.min", "300 ms");
    out.retries.delay_max_ms = reader.duration("retry-strategy.delay.max", "1 s");
    if (!reader.has("format")) reader.missing("format", "such as 'json' or 'csv'");
    out.format = reader.get("format");
    readStart(reader, out);
    readSink(spec, reader, out);
    return out;
}

std::vector<OptionDescription> KinesisOptions::describe() {
    const auto secret = [](const char* key, const char* text) {
        return OptionDescription{key, "string", "", text};
    };
    return {
        {"stream.arn", "string", "", "The ARN of the stream.", true},
        {"aws.region", "string", "", "The stream's region; the ARN's unless given."},
        {"aws.endpoint", "string", "", "Where Kinesis answers, unless at the region's own endpoint."},
        {"aws.trust.all.certificates", "boolean", "false",
         "Whether any certificate will do; for tests only."},
        {"aws.credentials.provider",
         "enum",
         "AUTO",
         "Where credentials come from. AUTO: the environment, a web identity, the profile file, the "
         "container, "
         "the instance.",
         false,
         {"AUTO", "BASIC", "ENV_VAR", "PROFILE", "ASSUME_ROLE", "WEB_IDENTITY_TOKEN"}},
        secret("aws.credentials.basic.accesskeyid", "The access key of BASIC."),
        secret("aws.credentials.basic.secretkey", "The secret key of BASIC."),
        secret("aws.credentials.profile.path", "The file of PROFILE."),
        secret("aws.credentials.profile.name", "The name of PROFILE."),
        secret("aws.credentials.role.arn", "The role of ASSUME_ROLE and WEB_IDENTITY_TOKEN."),
        secret("aws.credentials.role.sessionName", "The session's name."),
        secret("aws.credentials.role.externalId", "The external id of ASSUME_ROLE."),
        secret("aws.credentials.role.stsEndpoint", "Where the security token service answers."),
        secret("aws.credentials.role.provider", "Whose credentials assume the role; as the provider above."),
        secret("aws.credentials.role.provider.#", "That provider's own options."),
        secret("aws.credentials.webIdentityToken.file", "The file with the token of WEB_IDENTITY_TOKEN."),
        {"retry-strategy.attempts.max", "integer", "50", "How often a request is tried, all in all."},
        {"retry-strategy.delay.min", "duration", "300 ms",
         "Before the second attempt; then doubled each time."},
        {"retry-strategy.delay.max", "duration", "1 s", "The longest time between two attempts."},
        {"source.init.position",
         "enum",
         "LATEST",
         "Where reading starts, without a position in the restored state.",
         false,
         {"LATEST", "TRIM_HORIZON", "AT_TIMESTAMP"}},
        {"source.init.timestamp", "string", "", "The time of AT_TIMESTAMP."},
        {"source.init.timestamp.format", "string", kTimestampFormat, "How that time is written."},
        {"source.shard.discovery.interval", "duration", "10 s", "How often to look for new shards."},
        {"source.shard.assigner",
         "enum",
         "uniform",
         "How shards are dealt to readers: by their range of hash keys, or one after the other.",
         false,
         {"uniform", "default"}},
        {"source.shard.get-records.max-record-count", "integer", "10000",
         "How many records to ask for at once."},
        {"source.shard.get-records.interval", "duration", "0 ms",
         "Between two requests of a shard, at least."},
        {"source.shard.get-records.idle-source-interval", "duration", "250 ms",
         "Likewise, of one without records."},
        {"source.reader.type",
         "enum",
         "POLLING",
         "Asking for records, or enhanced fan-out (SubscribeToShard).",
         false,
         {"POLLING", "EFO"}},
        {"source.efo.consumer.name", "string", "", "The consumer of EFO."},
        {"source.efo.lifecycle",
         "enum",
         "JOB_MANAGED",
         "Whether the job registers the consumer and takes it off again, or finds it.",
         false,
         {"JOB_MANAGED", "SELF_MANAGED"}},
        {"source.efo.subscription.timeout", "duration", "60 s", "How long a subscription may take to begin."},
        {"source.efo.deregister.timeout", "duration", "10 s", "How long taking the consumer off may take."},
        {"source.efo.describe.retry-strategy.attempts.max", "integer", "100",
         "How often the consumer is asked for."},
        {"source.efo.describe.retry-strategy.delay.min", "duration", "2 s", "Before the second time."},
        {"source.efo.describe.retry-strategy.delay.max", "duration", "60 s", "The longest time between two."},
        {"sink.partitioner", "string", "random", "The partition key: 'random', or 'fixed' for each writer."},
        {"sink.partitioner-field-delimiter", "string", "|",
         "Between the fields of PARTITIONED BY in the key."},
        {"sink.batch.max-size", "integer", "500", "The most records of one request."},
        {"sink.requests.max-inflight", "integer", "16", "The most requests of a writer at the same time."},
        {"sink.requests.max-buffered", "integer", "10000", "The most records that a writer holds."},
        {"sink.flush-buffer.size", "integer", "5242880", "The most bytes of one request."},
        {"sink.flush-buffer.timeout", "integer", "5000",
         "The longest time that a record is held, in milliseconds."},
        {"sink.fail-on-error", "boolean", "false", "Whether a record that is refused fails the job at once."},
    };
}

}  // namespace millrace

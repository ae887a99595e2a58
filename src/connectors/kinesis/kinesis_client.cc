#include "connectors/kinesis/kinesis_client.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/aws_event_stream.h"
#include "base/error.h"
#include "base/json_members.h"
#include "base/log.h"

namespace millrace {
namespace {

using nlohmann::json;

constexpr int kSubscriptionMs = 5 * 60'000;  // Kinesis ends it then
constexpr int kSubscriptionSlackMs = 30'000;
constexpr int kPagesMax = 10'000;

// Both names of it: emulators know only the second.
json streamOf(const KinesisOptions& options) {
    return {{"StreamARN", options.stream_arn},
            {"StreamName", options.stream_arn.substr(options.stream_arn.rfind('/') + 1)}};
}

std::string operation(const char* name) { return std::string("Kinesis_20131202.") + name; }

json parsedKinesisAnswer(const std::string& answer, const char* of) {
    json told = json::parse(answer, nullptr, false);
    if (!told.is_object())
        throw UserError("kinesis.bad-answer", fmt::format("the answer of {} is no JSON object", of));
    return told;
}

std::string textMember(const json& object, const char* name) {
    const json& value = memberOf(object, name);
    return value.is_string() ? value.get<std::string>() : "";
}

KinesisShard shardOf(const json& told) {
    KinesisShard shard;
    shard.id = textMember(told, "ShardId");
    if (shard.id.empty() || shard.id.find_first_of(" \n") != std::string::npos)
        throw UserError("kinesis.bad-answer", "a shard has no id");
    for (const char* const parent : {"ParentShardId", "AdjacentParentShardId"}) {
        std::string id = textMember(told, parent);
        if (!id.empty() && id.find_first_of(" \n") == std::string::npos)
            shard.parents.push_back(std::move(id));
    }
    const json& range = memberOf(told, "HashKeyRange");
    shard.hash_first = parseHashKey(textMember(range, "StartingHashKey"));
    shard.hash_last = parseHashKey(textMember(range, "EndingHashKey"));
    if (shard.hash_last < shard.hash_first)
        throw UserError("kinesis.bad-answer",
                        fmt::format("the hash keys of {} end before they begin", shard.id));
    shard.closed = !textMember(memberOf(told, "SequenceNumberRange"), "EndingSequenceNumber").empty();
    return shard;
}

// Where to go on, for GetShardIterator and SubscribeToShard alike.
void addPosition(json& request, const char* type, const KinesisSplit& split,
                 const std::string& continuation) {
    if (!continuation.empty()) {
        request[type] = "AFTER_SEQUENCE_NUMBER";
        request["SequenceNumber"] = continuation;
    } else if (!split.sequence.empty()) {
        // A record read in part is read again, and its first user records are passed over.
        request[type] = split.user_records < 0 ? "AFTER_SEQUENCE_NUMBER" : "AT_SEQUENCE_NUMBER";
        request["SequenceNumber"] = split.sequence;
    } else if (split.start.at_timestamp) {
        request[type] = "AT_TIMESTAMP";
        request["Timestamp"] = static_cast<double>(split.start.timestamp_ms) / 1000;
    } else {
        request[type] = "TRIM_HORIZON";
    }
}

}  // namespace

std::shared_ptr<KinesisClient> KinesisClient::of(const KinesisOptions& options) {
    const std::shared_ptr<HttpStreamClient> http = makeCurlHttpStreamClient(options.verify_certificates);
    AwsCredentialsSetup setup{options.credentials, options.region, processEnvironment(), http};
    return std::make_shared<KinesisClient>(options, makeAwsCredentialsProvider(setup), http, systemClock());
}

KinesisClient::KinesisClient(const KinesisOptions& options,
                             std::shared_ptr<AwsCredentialsProvider> credentials,
                             std::shared_ptr<HttpStreamClient> http, const Clock& clock)
    : options_(options),
      client_({options.endpoint, options.region, "kinesis"}, std::move(credentials), std::move(http), clock) {
}

std::vector<KinesisShard> KinesisClient::listShards(Random& random,
                                                    const std::function<bool()>& stopped) const {
    std::vector<KinesisShard> shards;
    json request = streamOf(options_);
    for (int page = 0; page < kPagesMax; ++page) {
        const json answer = parsedKinesisAnswer(
            client_.callRetrying(operation("ListShards"), request.dump(), options_.retries, random, stopped),
            "ListShards");
        for (const json& shard : memberOf(answer, "Shards"))
            shards.push_back(shardOf(shard));
        const std::string next = textMember(answer, "NextToken");
        if (next.empty()) return shards;
        request = {{"NextToken", next}};  // which names the stream, too
    }
    throw UserError("kinesis.bad-answer", "ListShards does not come to an end");
}

bool KinesisClient::streamExists() const {
    try {
        client_.call(operation("DescribeStreamSummary"), streamOf(options_).dump());
        return true;
    } catch (const AwsError& error) {
        if (error.kind() == AwsErrorKind::NotFound) return false;
        throw;
    }
}

std::string KinesisClient::shardIterator(const KinesisSplit& split) const {
    json request = streamOf(options_);
    request["ShardId"] = split.shard;
    addPosition(request, "ShardIteratorType", split, "");
    if (request.contains("SequenceNumber")) {
        request["StartingSequenceNumber"] = request["SequenceNumber"];
        request.erase("SequenceNumber");
    }
    const json answer =
        parsedKinesisAnswer(client_.call(operation("GetShardIterator"), request.dump()), "GetShardIterator");
    return textMember(answer, "ShardIterator");
}

KinesisRecords KinesisClient::getRecords(const std::string& iterator) const {
    const json request{
        {"ShardIterator", iterator}, {"Limit", options_.records_max}, {"StreamARN", options_.stream_arn}};
    return parseKinesisRecords(client_.call(operation("GetRecords"), request.dump()));
}

std::vector<std::string> KinesisClient::putRecords(const std::vector<KinesisEntry>& entries, size_t begin,
                                                   size_t end) const {
    std::string body = streamOf(options_).dump();
    body.back() = ',';
    body += R"("Records":[)";
    for (size_t i = begin; i < end; ++i) {
        body += i == begin ? R"({"Data":")" : R"(,{"Data":")";
        appendBase64(entries[i].data, body);
        body += R"(","PartitionKey":)" + json(entries[i].partition_key).dump() + "}";
    }
    body += "]}";
    const json answer =
        parsedKinesisAnswer(client_.call(operation("PutRecords"), std::move(body)), "PutRecords");
    const json& results = memberOf(answer, "Records");
    if (!results.is_array() || results.size() != end - begin)
        throw UserError("kinesis.bad-answer", "PutRecords did not answer for every record");
    std::vector<std::string> refused;
    refused.reserve(results.size());
    for (const json& result : results)
        refused.push_back(textMember(result, "ErrorCode"));
    return refused;
}

std::string KinesisClient::consumerArn(Random& random, const std::function<bool()>& stopped) const {
    const std::string described =
        json{{"StreamARN", options_.stream_arn}, {"ConsumerName", options_.consumer_name}}.dump();
    for (int failures = 0;;) {
        std::string why = "it is not active yet";
        try {
            const json answer = parsedKinesisAnswer(
                client_.call(operation("DescribeStreamConsumer"), described), "DescribeStreamConsumer");
            const json& consumer = memberOf(answer, "ConsumerDescription");
            if (textMember(consumer, "ConsumerStatus") == "ACTIVE")
                return textMember(consumer, "ConsumerARN");
        } catch (const AwsError& error) {
            if (error.kind() == AwsErrorKind::NotFound && options_.consumer_managed) {
                try {
                    client_.call(operation("RegisterStreamConsumer"), described);
                } catch (const AwsError& registering) {
                    // Another reader of this job was quicker.
                    if (registering.kind() != AwsErrorKind::InUse && !registering.mayPass()) throw;
                }
            } else if (!error.mayPass()) {
                throw;
            }
            why = error.problem().message;
        }
        if (++failures >= options_.describe_retries.attempts_max)
            throw UserError("kinesis.no-consumer",
                            fmt::format("table '{}': the consumer '{}' cannot be used: {}", options_.table,
                                        options_.consumer_name, why));
        const int64_t until = options_.describe_retries.delayMs(failures, random);
        for (int64_t waited = 0; waited < until; waited += 50) {
            if (stopped()) return "";
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
    }
}

void KinesisClient::deregisterConsumer() const {
    client_.call(operation("DeregisterStreamConsumer"),
                 json{{"StreamARN", options_.stream_arn}, {"ConsumerName", options_.consumer_name}}.dump(),
                 static_cast<int>(options_.deregister_timeout_ms));
}

void KinesisClient::subscribe(const std::string& consumer_arn, const KinesisSplit& split,
                              const std::string& continuation,
                              const std::function<bool(KinesisRecords)>& take,
                              const std::function<bool()>& idle) const {
    json position;
    addPosition(position, "Type", split, continuation);
    const json request{
        {"ConsumerARN", consumer_arn}, {"ShardId", split.shard}, {"StartingPosition", position}};
    AwsEventStream events;
    const auto data = [&](std::string_view bytes) {
        events.append(bytes);
        while (auto event = events.next()) {
            if (event->header(":message-type") == "exception" || event->header(":message-type") == "error") {
                std::string code = event->header(":exception-type");
                if (code.empty()) code = event->header(":error-code");
                const json told = json::parse(event->payload, nullptr, false);
                throw AwsError(awsErrorKind(0, code), code,
                               fmt::format("SubscribeToShard: {}: {}", code, textMember(told, "message")),
                               "");
            }
            if (event->header(":event-type") != "SubscribeToShardEvent") continue;
            if (!take(parseKinesisRecords(std::move(event->payload)))) return false;
        }
        return true;
    };
    client_.receive(operation("SubscribeToShard"), request.dump(), kSubscriptionMs + kSubscriptionSlackMs,
                    data, idle);
}

}  // namespace millrace

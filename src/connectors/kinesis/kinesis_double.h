// For tests: a stream in memory behind the HTTP client, which fails as a test tells it to.
#pragma once

#include <zlib.h>

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "connectors/kinesis/kinesis_client.h"

namespace millrace {

inline constexpr const char* kDoubleArn = "arn:aws:kinesis:us-east-1:000000000000:stream/s";

class KinesisDouble final : public HttpStreamClient {
  public:
    struct Shard {
        std::vector<std::string> parents;
        std::string first, last;  // hash keys
        bool closed = false;
        std::vector<std::string> records;  // data
    };
    std::map<std::string, Shard> shards;  // with the mutex held, once somebody reads
    std::map<std::string, std::deque<std::string>>
        faults;  // by operation: codes of the next answers; "": none; "gone": so is the shard from now on
    std::map<std::string, int> calls;
    std::vector<std::pair<std::string, std::string>> written;  // partition key and data
    std::deque<std::vector<std::string>> refusals;  // of the next PutRecords: a code for each record, or ""
    size_t largest_put = 0;
    std::mutex mutex;

    void add(const std::string& id, std::vector<std::string> parents, const std::string& first,
             const std::string& last, std::vector<std::string> records = {}) {
        const std::lock_guard lock(mutex);
        for (const std::string& parent : parents)
            shards[parent].closed = true;
        shards[id] = {std::move(parents), first, last, false, std::move(records)};
    }
    void put(const std::string& id, const std::string& data) {
        const std::lock_guard lock(mutex);
        shards[id].records.push_back(data);
    }
    int count(const std::string& operation) {
        const std::lock_guard lock(mutex);
        return calls[operation];
    }

    HttpClientResponse send(const HttpClientRequest& request) override {
        using nlohmann::json;
        std::string operation;
        for (const auto& [name, value] : request.headers)
            if (name == "X-Amz-Target") operation = value.substr(value.find('.') + 1);
        const std::lock_guard lock(mutex);
        ++calls[operation];
        auto& planned = faults[operation];
        if (!planned.empty()) {
            const std::string code = planned.front();
            planned.pop_front();
            if (code == "network") throw UserError("http.unreachable", "the cable is out");
            if (code == "gone") shards.erase(json::parse(request.body)["ShardId"].get<std::string>());
            if (!code.empty())
                return {code.starts_with("Internal") ? 500 : 400,
                        {},
                        json{{"__type", code == "gone" ? "ResourceNotFoundException" : code},
                             {"message", "told to"}}
                            .dump()};
        }
        const json asked = json::parse(request.body);
        if (operation == "SubscribeToShard") return {200, {}, events(asked)};
        return {200, {}, answer(operation, asked).dump()};
    }

    static std::string sequenceOf(size_t index) { return "49" + std::to_string(1'000'000 + index); }

  private:
    // Two events and the end of the subscription: what there is, in an event each half.
    std::string events(const nlohmann::json& request) {
        using nlohmann::json;
        const json& position = request["StartingPosition"];
        const std::string type = position["Type"], id = request["ShardId"];
        json iterator{{"ShardId", id}, {"ShardIteratorType", type}};
        if (position.contains("SequenceNumber"))
            iterator["StartingSequenceNumber"] = position["SequenceNumber"];
        std::string out;
        json next = answer("GetShardIterator", iterator)["ShardIterator"];
        for (int event = 0; event < 2 && !next.is_null(); ++event) {
            const size_t limit = shards[id].records.size() / 2 + 1;
            json records = answer("GetRecords", {{"ShardIterator", next}, {"Limit", limit}});
            next = records["NextShardIterator"];
            records.erase("NextShardIterator");
            if (next.is_null()) {
                records["ChildShards"] = {{{"ShardId", "a child"}}};
            } else {
                const std::string text = next;
                const size_t index = std::stoul(text.substr(text.find(':') + 1));
                records["ContinuationSequenceNumber"] = sequenceOf(index - std::min<size_t>(index, 1));
            }
            out += eventOf(records.dump());
        }
        return out;
    }
    static std::string eventOf(const std::string& payload) {
        const auto number = [](size_t value, size_t size) {
            std::string out;
            for (size_t i = 0; i < size; ++i)
                out += static_cast<char>(value >> (8 * (size - 1 - i)));
            return out;
        };
        const auto checksum = [&](const std::string& bytes) {
            return number(
                crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())), 4);
        };
        const std::string name = ":event-type", type = "SubscribeToShardEvent";
        const std::string headers =
            number(name.size(), 1) + name + number(7, 1) + number(type.size(), 2) + type;
        std::string message = number(16 + headers.size() + payload.size(), 4) + number(headers.size(), 4);
        message += checksum(message) + headers + payload;
        return message + checksum(message);
    }

    nlohmann::json answer(const std::string& operation, const nlohmann::json& request) {
        using nlohmann::json;
        if (operation == "ListShards") {
            json list = json::array();
            for (const auto& [id, shard] : shards) {
                json told{{"ShardId", id},
                          {"HashKeyRange", {{"StartingHashKey", shard.first}, {"EndingHashKey", shard.last}}},
                          {"SequenceNumberRange", {{"StartingSequenceNumber", "1"}}}};
                if (shard.closed) told["SequenceNumberRange"]["EndingSequenceNumber"] = "9";
                if (!shard.parents.empty()) told["ParentShardId"] = shard.parents[0];
                if (shard.parents.size() > 1) told["AdjacentParentShardId"] = shard.parents[1];
                list.push_back(told);
            }
            // A page for each half.
            const bool second = request.contains("NextToken");
            const auto half = static_cast<std::ptrdiff_t>(list.size() / 2);
            json out{{"Shards", json::array()}};
            for (std::ptrdiff_t i = second ? half : 0;
                 i < (second ? static_cast<std::ptrdiff_t>(list.size()) : half); ++i)
                out["Shards"].push_back(list[static_cast<size_t>(i)]);
            if (!second) out["NextToken"] = "half";
            return out;
        }
        if (operation == "GetShardIterator") {
            const std::string type = request["ShardIteratorType"];
            size_t index = 0;
            if (type.ends_with("SEQUENCE_NUMBER")) {
                index =
                    std::stoul(request["StartingSequenceNumber"].get<std::string>().substr(2)) - 1'000'000;
                index += type.starts_with("AFTER") ? 1 : 0;
            }
            return {{"ShardIterator", request["ShardId"].get<std::string>() + ":" + std::to_string(index)}};
        }
        if (operation == "GetRecords") {
            const std::string iterator = request["ShardIterator"];
            const std::string id = iterator.substr(0, iterator.find(':'));
            size_t index = std::stoul(iterator.substr(id.size() + 1));
            Shard& shard = shards[id];
            json records = json::array();
            for (; index < shard.records.size() && records.size() < request["Limit"].get<size_t>(); ++index) {
                std::string data;
                appendBase64(shard.records[index], data);
                records.push_back({{"Data", data},
                                   {"SequenceNumber", sequenceOf(index)},
                                   {"PartitionKey", "k"},
                                   {"ApproximateArrivalTimestamp", 1.7e9 + 0.125}});
            }
            json out{{"Records", records}, {"MillisBehindLatest", index < shard.records.size() ? 7 : 0}};
            if (shard.closed && index == shard.records.size())
                out["NextShardIterator"] = nullptr;
            else
                out["NextShardIterator"] = id + ":" + std::to_string(index);
            return out;
        }
        if (operation == "DescribeStreamConsumer")
            return {{"ConsumerDescription",
                     {{"ConsumerStatus", calls[operation] > 2 ? "ACTIVE" : "CREATING"},
                      {"ConsumerARN", "consumer"}}}};
        if (operation == "PutRecords") {
            std::vector<std::string> refused;
            if (!refusals.empty()) {
                refused = refusals.front();
                refusals.pop_front();
            }
            json results = json::array();
            size_t place = 0;
            largest_put = std::max(largest_put, request["Records"].size());
            for (const json& record : request["Records"]) {
                const std::string code = place < refused.size() ? refused[place] : "";
                ++place;
                if (!code.empty()) {
                    results.push_back({{"ErrorCode", code}, {"ErrorMessage", "told to"}});
                    continue;
                }
                std::string data;
                appendBase64Decoded(record["Data"].get<std::string>(), data);
                written.emplace_back(record["PartitionKey"].get<std::string>(), data);
                results.push_back({{"SequenceNumber", "1"}, {"ShardId", "s"}});
            }
            return {{"Records", results}, {"FailedRecordCount", 0}};
        }
        return json::object();
    }
};

// Keys that are given, for a client whose requests nobody verifies.
inline std::shared_ptr<KinesisClient> doubledClient(const KinesisOptions& options,
                                                    const std::shared_ptr<HttpStreamClient>& http) {
    AwsCredentialsSetup setup;
    setup.options = {{"aws.credentials.basic.accesskeyid", "a"}, {"aws.credentials.basic.secretkey", "b"}};
    setup.region = "us-east-1";
    setup.environment = [](const std::string&) { return std::nullopt; };
    setup.http = http;
    return std::make_shared<KinesisClient>(options, makeAwsCredentialsProvider(setup), http, systemClock());
}

inline TableSpec kinesisTable(std::map<std::string, std::string> options = {}) {
    TableSpec spec;
    spec.name = "t";
    spec.schema = Schema({{"k", LogicalType::string()}, {"v", LogicalType::bigint()}});
    spec.projectAll();
    spec.options = std::move(options);
    spec.options.merge(
        std::map<std::string, std::string>{{"connector", "kinesis"},
                                           {"stream.arn", kDoubleArn},
                                           {"source.init.position", "TRIM_HORIZON"},
                                           {"source.shard.get-records.idle-source-interval", "1 ms"},
                                           {"retry-strategy.delay.min", "1 ms"},
                                           {"retry-strategy.delay.max", "2 ms"},
                                           {"format", "csv"}});
    std::erase_if(spec.options, [](const auto& option) { return option.second == "-"; });
    return spec;
}

}  // namespace millrace

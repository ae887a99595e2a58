// Source and sink on a stream in memory that is throttled, expires iterators, refuses records, splits and
// merges. Real servers are in tests/e2e/kinesis_test.py.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "base/error.h"
#include "base/hash.h"
#include "connectors/kinesis/kinesis_double.h"
#include "connectors/kinesis/kinesis_enumerator.h"
#include "connectors/kinesis/kinesis_poller.h"
#include "connectors/kinesis/kinesis_sink.h"
#include "connectors/kinesis/kinesis_source.h"
#include "connectors/kinesis/kinesis_writer.h"
#include "connectors/shared/source_test_harness.h"

namespace millrace {
namespace {

constexpr const char* kLastHashKey = "340282366920938463463374607431768211455";
constexpr const char* kMiddleHashKey = "170141183460469231731687303715884105728";
constexpr const char* kBeforeMiddle = "170141183460469231731687303715884105727";

std::vector<std::string> keyedLines(const std::string& key, int from, int to) {
    std::vector<std::string> out;
    for (int i = from; i < to; ++i)
        out.push_back(key + "," + std::to_string(i));
    return out;
}
std::vector<std::string> rowsOf(const std::string& key, int from, int to) {
    std::vector<std::string> out;
    for (int i = from; i < to; ++i)
        out.push_back(key + "|" + std::to_string(i));
    return out;
}

class KinesisStream : public testing::Test {
  protected:
    std::shared_ptr<KinesisDouble> stream = std::make_shared<KinesisDouble>();

    MakeKinesisClient client() {
        return [this](const KinesisOptions& options) { return doubledClient(options, stream); };
    }
    std::shared_ptr<const Source> source(const std::map<std::string, std::string>& options = {}) {
        return makeKinesisSource(kinesisTable(options), client());
    }
    // Turns of everybody, until there are so many rows.
    static void runUntil(SourceHarness& harness, size_t rows, size_t readers = 1) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (harness.rows.size() < rows) {
            ASSERT_LT(std::chrono::steady_clock::now(), deadline)
                << harness.rows.size() << " rows of " << rows;
            harness.discover();
            for (size_t reader = 0; reader < readers; ++reader)
                harness.poll(reader);
            std::this_thread::sleep_for(std::chrono::microseconds(200));
        }
    }
    static std::string failureOf(SourceHarness& harness) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (std::chrono::steady_clock::now() < deadline) {
            try {
                harness.discover();
                harness.poll();
            } catch (const UserError& error) {
                return error.code() + ": " + error.what();
            }
            std::this_thread::sleep_for(std::chrono::microseconds(200));
        }
        return "no failure came";
    }
};

TEST_F(KinesisStream, isReadAcrossPagesThrottlingExpiryAndOutages) {
    stream->add("shardId-000000000000", {}, "0", kLastHashKey, keyedLines("a", 0, 25));
    stream->faults["ListShards"] = {"LimitExceededException", ""};
    stream->faults["GetShardIterator"] = {"ProvisionedThroughputExceededException"};
    stream->faults["GetRecords"] = {"network",
                                    "ProvisionedThroughputExceededException",
                                    "InternalFailure",
                                    "",
                                    "ExpiredIteratorException",
                                    "",
                                    "ExpiredTokenException"};
    SourceHarness harness(source({{"source.shard.get-records.max-record-count", "7"}}), 1, 1, 3);
    runUntil(harness, 25);
    EXPECT_EQ(harness.rows, rowsOf("a", 0, 25));
    EXPECT_GE(stream->count("GetShardIterator"), 3);  // refused, had, and again for the one that expired
    EXPECT_EQ(stream->faults["GetRecords"].size(), 0U);
    stream->put("shardId-000000000000", "a,25");
    runUntil(harness, 26);
    EXPECT_EQ(harness.rows.back(), "a|25");
}

TEST_F(KinesisStream, keysKeepTheirOrderAcrossSplitAndMerge) {
    // Reader 0 has the lower half of the keys, reader 1 the upper one.
    stream->add("shardId-000000000000", {}, "0", kLastHashKey, keyedLines("a", 0, 10));
    stream->add("shardId-000000000001", {"shardId-000000000000"}, "0", kBeforeMiddle,
                keyedLines("a", 10, 20));
    stream->add("shardId-000000000002", {"shardId-000000000000"}, kMiddleHashKey, kLastHashKey,
                keyedLines("b", 0, 10));
    stream->add("shardId-000000000003", {"shardId-000000000001", "shardId-000000000002"}, "0", kLastHashKey,
                keyedLines("a", 20, 30));
    SourceHarness harness(source(), 2);
    runUntil(harness, 20, 2);
    for (int turn = 0; turn < 200; ++turn) {  // b is read elsewhere: not before a checkpoint
        harness.discover();
        harness.poll(0);
        harness.poll(1);
        std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    EXPECT_EQ(harness.rows, rowsOf("a", 0, 20));
    harness.checkpoint();
    runUntil(harness, 30, 2);
    for (int turn = 0; turn < 100; ++turn) {
        harness.poll(1);
        std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    EXPECT_EQ(harness.rows.size(), 30U);
    harness.checkpoint();
    runUntil(harness, 40, 2);
    std::vector<std::string> a;
    for (const std::string& row : harness.rows)
        if (row.starts_with("a")) a.push_back(row);
    EXPECT_EQ(a, rowsOf("a", 0, 30));
}

TEST_F(KinesisStream, goesOnFromACheckpointAtAnotherParallelism) {
    stream->add("shardId-000000000000", {}, "0", kBeforeMiddle, keyedLines("a", 0, 10));
    stream->add("shardId-000000000001", {}, kMiddleHashKey, kLastHashKey, keyedLines("b", 0, 10));
    const auto read = source();
    SourceHarness harness(read, 1, 1, 3);
    runUntil(harness, 14);
    const auto splits = harness.splits(0);
    const std::vector<std::string> before = harness.rows;
    harness.replaceReaders(splits, 2);
    runUntil(harness, 20, 2);
    std::vector<std::string> all = harness.rows, expected = rowsOf("a", 0, 10);
    for (const std::string& row : rowsOf("b", 0, 10))
        expected.push_back(row);
    std::sort(all.begin(), all.end());
    EXPECT_EQ(all, expected);
    EXPECT_TRUE(std::equal(before.begin(), before.end(), harness.rows.begin()));
}

TEST_F(KinesisStream, isPushedWithItsConsumerRegisteredAndTakenOff) {
    stream->add("shardId-000000000000", {}, "0", kLastHashKey, keyedLines("a", 0, 10));
    stream->add("shardId-000000000001", {"shardId-000000000000"}, "0", kLastHashKey, keyedLines("a", 10, 15));
    stream->faults["DescribeStreamConsumer"] = {"ResourceNotFoundException", "", "ThrottlingException"};
    stream->faults["SubscribeToShard"] = {"ResourceInUseException", "LimitExceededException"};
    {
        SourceHarness harness(source({{"source.reader.type", "EFO"},
                                      {"source.efo.consumer.name", "c"},
                                      {"source.efo.describe.retry-strategy.delay.min", "1 ms"},
                                      {"source.efo.describe.retry-strategy.delay.max", "1 ms"}}));
        runUntil(harness, 15);
        EXPECT_EQ(harness.rows, rowsOf("a", 0, 15));
        stream->put("shardId-000000000001", "a,15");
        runUntil(harness, 16);  // with the next subscription
        EXPECT_EQ(harness.rows.back(), "a|15");
        EXPECT_EQ(stream->count("RegisterStreamConsumer"), 1);
        EXPECT_EQ(stream->count("GetRecords"), 0);
    }
    EXPECT_EQ(stream->count("DeregisterStreamConsumer"), 1);
}

TEST_F(KinesisStream, latestIsATimeThatARestoreKeeps) {
    stream->add("shardId-000000000000", {}, "0", kLastHashKey);
    SourceHarness harness(source({{"source.init.position", "LATEST"}}));
    while (harness.splits(0).empty())
        harness.discover();
    EXPECT_NE(harness.splits(0)[0].state.find(" @"), std::string::npos);
    EXPECT_NE(harness.enumeratorState().find("R @"), std::string::npos);
}

TEST_F(KinesisStream, aShardThatWentIsOverAndAStreamThatWentIsAFailure) {
    stream->add("shardId-000000000000", {}, "0", kLastHashKey);
    stream->add("shardId-000000000001", {"shardId-000000000000"}, "0", kLastHashKey, keyedLines("a", 0, 3));
    stream->faults["GetRecords"] = {"ResourceNotFoundException"};
    SourceHarness harness(source());
    runUntil(harness, 3);
    EXPECT_EQ(harness.rows, rowsOf("a", 0, 3));
    stream->faults["GetRecords"] = {"ResourceNotFoundException"};
    stream->faults["DescribeStreamSummary"] = {"ResourceNotFoundException"};
    EXPECT_TRUE(failureOf(harness).starts_with("kinesis.no-stream"));
}

TEST_F(KinesisStream, aShardThatWentIsOverForThoseToWhomItIsPushed) {
    stream->add("shardId-000000000000", {}, "0", kLastHashKey, keyedLines("a", 0, 1));
    stream->add("shardId-000000000001", {"shardId-000000000000"}, "0", kLastHashKey, keyedLines("a", 1, 3));
    stream->faults["SubscribeToShard"] = {"ResourceNotFoundException", "gone"};  // the consumer; the shard
    SourceHarness harness(source({{"source.reader.type", "EFO"},
                                  {"source.efo.consumer.name", "c"},
                                  {"source.efo.describe.retry-strategy.delay.min", "1 ms"},
                                  {"source.efo.describe.retry-strategy.delay.max", "1 ms"}}));
    runUntil(harness, 2);
    EXPECT_EQ(harness.rows, rowsOf("a", 1, 3));
    stream->faults["SubscribeToShard"] = {"ResourceNotFoundException"};
    stream->faults["DescribeStreamSummary"] = {"ResourceNotFoundException"};
    EXPECT_TRUE(failureOf(harness).starts_with("kinesis.no-stream"));
}

TEST_F(KinesisStream, whatDoesNotPassIsAFailure) {
    stream->add("shardId-000000000000", {}, "0", kLastHashKey, {"a,1", "no,number", "a,2"});
    {
        SourceHarness harness(source());
        const std::string malformed = failureOf(harness);
        EXPECT_TRUE(malformed.starts_with("data.malformed")) << malformed;
        EXPECT_NE(malformed.find("shardId-000000000000"), std::string::npos);
        EXPECT_NE(malformed.find(KinesisDouble::sequenceOf(1)), std::string::npos) << malformed;
        EXPECT_EQ(harness.rows, rowsOf("a", 1, 2));  // what was before it
    }
    {
        stream->faults["GetShardIterator"] = {"AccessDeniedException"};
        SourceHarness denied(source());
        EXPECT_NE(failureOf(denied).find("AccessDeniedException"), std::string::npos);
    }
    stream->faults["GetRecords"] = {"InternalFailure", "InternalFailure", "InternalFailure"};
    SourceHarness weary(source({{"retry-strategy.attempts.max", "3"}}));
    EXPECT_NE(failureOf(weary).find("InternalFailure"), std::string::npos);
}

TEST_F(KinesisStream, userRecordsReadInPartAreGoneOnWith) {
    // One raw record of three user records, batches of two rows.
    std::string message("\x0a\x01k", 3);
    for (const std::string& data : keyedLines("a", 0, 3)) {
        const std::string record = std::string("\x08\x00\x1a", 3) + static_cast<char>(data.size()) + data;
        message += "\x1a" + std::string(1, static_cast<char>(record.size())) + record;
    }
    std::string digest;
    for (size_t i = 0; i < 32; i += 2)
        digest += static_cast<char>(std::stoi(md5Hex(message).substr(i, 2), nullptr, 16));
    stream->add("shardId-000000000000", {}, "0", kLastHashKey,
                {"\xF3\x89\x9A\xC2" + message + digest, "a,3"});
    SourceHarness harness(source(), 1, 1, 2);
    runUntil(harness, 2);
    EXPECT_EQ(harness.rows, rowsOf("a", 0, 2));
    harness.replaceReaders(harness.splits(0));
    runUntil(harness, 4);
    EXPECT_EQ(harness.rows, rowsOf("a", 0, 4));
}

TEST_F(KinesisStream, theSlowReaderBoundsWhatIsFetched) {
    stream->add("shardId-000000000000", {}, "0", kLastHashKey, keyedLines("a", 0, 1000));
    SourceHarness harness(source({{"source.shard.get-records.max-record-count", "1"}}));
    while (harness.splits(0).empty())
        harness.discover();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    EXPECT_LE(stream->count("GetRecords"), 2);
    EXPECT_GE(stream->count("GetRecords"), 1);
}

class KinesisSinkTest : public KinesisStream {
  protected:
    void produce(int count, const std::map<std::string, std::string>& options, int keys = 4) {
        const TableSpec spec = kinesisTable(options);
        const KinesisOptions parsed = KinesisOptions::from(spec);
        KinesisProducer producer(parsed, doubledClient(parsed, stream), 1);
        for (int i = 0; i < count; ++i)
            producer.add({std::to_string(i), "k" + std::to_string(i % keys)});
        producer.flush();
        retried = producer.retried();
    }
    int64_t retried = 0;
};

TEST_F(KinesisSinkTest, refusedRecordsAreWrittenAgainAndKeysKeepTheirOrder) {
    stream->refusals = {
        {"ProvisionedThroughputExceededException", "", "InternalFailure"}, {}, {"InternalFailure"}};
    stream->faults["PutRecords"] = {"", "ThrottlingException", "network", ""};
    produce(1000, {{"sink.batch.max-size", "10"}, {"sink.requests.max-buffered", "50"}}, 1000);
    EXPECT_EQ(stream->written.size(), 1000U);
    std::set<std::string> all;
    for (const auto& [key, data] : stream->written)
        all.insert(data);
    EXPECT_EQ(all.size(), 1000U);
    EXPECT_LE(stream->largest_put, 10U);
    EXPECT_GE(retried, 4);
    stream->written.clear();
    produce(400, {{"sink.batch.max-size", "7"}});
    std::map<std::string, int> last;
    for (const auto& [key, data] : stream->written) {
        const auto found = last.find(key);
        EXPECT_TRUE(found == last.end() || found->second < std::stoi(data)) << key << " " << data;
        last[key] = std::stoi(data);
    }
}

TEST_F(KinesisSinkTest, aBatchIsSentWhenItsTimeIsUp) {
    const KinesisOptions options = KinesisOptions::from(kinesisTable({{"sink.flush-buffer.timeout", "30"}}));
    KinesisProducer producer(options, doubledClient(options, stream), 1);
    producer.add({"1", "k"});
    for (int waited = 0; waited < 5000 && stream->count("PutRecords") == 0; ++waited)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(stream->count("PutRecords"), 1);
}

TEST_F(KinesisSinkTest, whatCannotBeWrittenIsAFailure) {
    const auto failure = [&](const std::map<std::string, std::string>& options) {
        try {
            produce(3, options);
            return std::string();
        } catch (const UserError& error) {
            return std::string(error.code()) + ": " + error.what();
        }
    };
    stream->refusals = {{"InternalFailure"}};
    EXPECT_TRUE(failure({{"sink.fail-on-error", "true"}}).starts_with("kinesis.record-refused"));
    stream->refusals = {{"ValidationException"}};
    EXPECT_TRUE(failure({}).starts_with("kinesis.record-refused"));
    stream->faults["PutRecords"] = {"ResourceNotFoundException"};
    EXPECT_NE(failure({}).find("ResourceNotFoundException"), std::string::npos);
    stream->faults["PutRecords"].assign(40, "InternalFailure");
    EXPECT_TRUE(failure({{"retry-strategy.attempts.max", "3"}}).starts_with("kinesis.records-refused"));
    stream->faults.clear();
    const KinesisOptions options = KinesisOptions::from(kinesisTable());
    KinesisProducer producer(options, doubledClient(options, stream), 1);
    EXPECT_THROW(producer.add({std::string((1 << 20) + 1, 'x'), "k"}), UserError);
    EXPECT_THROW(producer.add({"x", ""}), UserError);
    EXPECT_THROW(producer.add({"x", std::string(257, 'k')}), UserError);
    EXPECT_NO_THROW(producer.add({"x", std::string(256, 'k')}));
}

}  // namespace
}  // namespace millrace

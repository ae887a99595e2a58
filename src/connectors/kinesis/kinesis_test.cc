// What answers are taken apart into, what is kept in snapshots, which shards may be read when, and the
// options.
#include <gtest/gtest.h>

#include <openssl/evp.h>

#include "base/error.h"
#include "base/random.h"
#include "connectors/kinesis/kinesis_double.h"
#include "connectors/kinesis/kinesis_sink.h"
#include "connectors/kinesis/kinesis_source.h"

namespace millrace {
namespace {

std::string codeOfKinesis(const std::function<void()>& what) {
    try {
        what();
        return "";
    } catch (const UserError& error) {
        return error.code() + ": " + error.what() + " " + error.problem().hint;
    }
}

TEST(KinesisRecords, base64BothWaysAndWhatIsNone) {
    Random random(1);
    for (int round = 0; round < 500; ++round) {
        std::string bytes(random.below(40), '\0');
        for (char& c : bytes)
            c = static_cast<char>(random.next());
        std::string text, back;
        appendBase64(bytes, text);
        ASSERT_TRUE(appendBase64Decoded(text, back));
        ASSERT_EQ(back, bytes);
    }
    for (const char* const wrong : {"a", "ab*d", "abc\xff", "abcde", "ab=d"}) {
        std::string out;
        EXPECT_FALSE(appendBase64Decoded(wrong, out)) << wrong;
    }
}

TEST(KinesisRecords, anAnswerIsTakenApart) {
    const KinesisRecords records = parseKinesisRecords(
        R"({"MillisBehindLatest":1500,"NextShardIterator":"next","Other":{"a":[1]},"Records":[)"
        R"({"Data":"YWJj","PartitionKey":"k\u00e4","SequenceNumber":"7","ApproximateArrivalTimestamp":1700000000.123},)"
        R"({"ApproximateArrivalTimestamp":1700000001,"Data":"","SequenceNumber":"8","PartitionKey":"l","EncryptionType":"NONE"}]})");
    ASSERT_EQ(records.records.size(), 2U);
    EXPECT_EQ(records.data(records.records[0]), "abc");
    EXPECT_EQ(records.data(records.records[1]), "");
    EXPECT_EQ(records.raws[0].partition_key, "k\u00e4");
    EXPECT_EQ(records.raws[0].arrival_ms, 1'700'000'000'123);
    EXPECT_EQ(records.raws[1].arrival_ms, 1'700'000'001'000);
    EXPECT_EQ(records.raws[1].sequence, "8");
    EXPECT_EQ(records.behind_ms, 1500);
    EXPECT_EQ(records.next_iterator, "next");
    const KinesisRecords last = parseKinesisRecords(
        R"({"Records":[],"NextShardIterator":null,"MillisBehindLatest":0,"ChildShards":[{"ShardId":"a"}]})");
    EXPECT_EQ(last.next_iterator, "");
    EXPECT_TRUE(last.has_children);
    for (const char* const wrong :
         {"", "[]", "{", R"({"Records":1})", R"({"Records":[{"Data":"!!!!","SequenceNumber":"1"}]})",
          R"({"Records":[{"Data":"YWJj"}]})", R"({"Records":[{"SequenceNumber":"1"}]})", R"({"Records":[]}x)",
          R"({"MillisBehindLatest":"soon"})",
          R"({"Records":[{"Data":"YWJj","SequenceNumber":"1","ApproximateArrivalTimestamp":1e300}]})"})
        EXPECT_TRUE(codeOfKinesis([&] { parseKinesisRecords(wrong); }).starts_with("kinesis.bad-answer"))
            << wrong;
}

// As the producer library writes it: magic, protocol buffer, MD5.
std::string aggregated(const std::vector<std::string>& records) {
    std::string message("\x0a\x01k", 3);  // the table of partition keys
    for (const std::string& data : records) {
        const std::string record = std::string("\x08\x00\x1a", 3) + static_cast<char>(data.size()) + data;
        message += "\x1a" + std::string(1, static_cast<char>(record.size())) + record;
    }
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_Digest(message.data(), message.size(), digest, nullptr, EVP_md5(), nullptr);
    return "\xF3\x89\x9A\xC2" + message + std::string(reinterpret_cast<char*>(digest), 16);
}

TEST(KinesisRecords, aggregatedRecordsAreTakenApart) {
    KinesisRecords out;
    appendKinesisRecord(out, {"1", "k", 0}, "plain");
    appendKinesisRecord(out, {"2", "k", 0}, aggregated({"one", "", "three"}));
    std::string broken = aggregated({"one"});
    broken[6] = 'x';
    appendKinesisRecord(out, {"3", "k", 0}, broken);
    ASSERT_EQ(out.records.size(), 5U);
    EXPECT_EQ(out.data(out.records[1]), "one");
    EXPECT_EQ(out.data(out.records[2]), "");
    EXPECT_EQ(out.data(out.records[3]), "three");
    EXPECT_EQ(out.records[3].user, 2);
    EXPECT_TRUE(out.records[3].last);
    EXPECT_FALSE(out.records[1].last);
    EXPECT_EQ(out.records[1].raw, 1U);
    EXPECT_EQ(out.records[4].user, -1);
    EXPECT_EQ(out.data(out.records[4]), broken);
}

TEST(KinesisSplit, isKeptWhole) {
    KinesisSplit split;
    split.shard = "shardId-000000000001";
    split.hash_first = parseHashKey("170141183460469231731687303715884105728");
    split.start = {true, 1'700'000'000'000};
    const auto same = [](const KinesisSplit& left) {
        const KinesisSplit right = KinesisSplit::decode(left.encode());
        EXPECT_EQ(right.shard, left.shard);
        EXPECT_TRUE(right.hash_first == left.hash_first);
        EXPECT_EQ(right.start, left.start);
        EXPECT_EQ(right.sequence, left.sequence);
        EXPECT_EQ(right.user_records, left.user_records);
        EXPECT_EQ(right.finished, left.finished);
    };
    same(split);
    split.sequence = "49680592375117950249147217793141277567357951524244291586";
    split.user_records = 3;
    same(split);
    split.finished = true;
    same(split);
    EXPECT_FALSE(isNoteTaken(split.encode()));
    EXPECT_TRUE(isNoteTaken(noteTakenOf("a")) && !isNoteTaken(releaseOf("a")));
    EXPECT_TRUE(isRelease(releaseOf("a")) && !isRelease(noteTakenOf("a")));
    for (const char* const wrong : {"", "1", "2 R T 0 0 - a", "1 R T 00000000000000000000000000000000 x - a",
                                    "1 R @ 00000000000000000000000000000000 0 - a",
                                    "1 X T 00000000000000000000000000000000 0 - a", "1 R T 0000 0 - a"})
        EXPECT_TRUE(codeOfKinesis([&] {
                        KinesisSplit::decode({"a", wrong});
                    }).starts_with("snapshot.damaged"))
            << wrong;
    for (const char* const wrong : {"", "x", "-1", "340282366920938463463374607431768211456"})
        EXPECT_NE(codeOfKinesis([&] { parseHashKey(wrong); }), "") << wrong;
    EXPECT_EQ(hashKeyText(parseHashKey("340282366920938463463374607431768211455")), std::string(32, 'f'));
}

HashKey part(int eighths) { return (HashKey{1} << 125) * static_cast<unsigned>(eighths); }
KinesisShard shardOfEighths(const std::string& id, int from, int to, std::vector<std::string> parents = {},
                            bool closed = false) {
    return {id, std::move(parents), part(from), to == 8 ? ~HashKey{0} : part(to) - 1, closed};
}

std::string taken(KinesisLineage& lineage) {
    std::string out;
    for (const auto& assignment : lineage.take())
        out += (out.empty() ? "" : " ") + assignment.split.shard + "@" + std::to_string(assignment.reader);
    return out;
}

TEST(KinesisLineage, shardsAreDealtByTheirHashKeysOrTheirNumbers) {
    KinesisLineage uniform(ShardAssigner::Uniform, 4, true), plain(ShardAssigner::Default, 4, true);
    const std::vector<KinesisShard> shards{
        shardOfEighths("shardId-000000000004", 0, 2), shardOfEighths("shardId-000000000005", 2, 4),
        shardOfEighths("shardId-000000000006", 4, 8), shardOfEighths("shardId-000000000007", 0, 8)};
    uniform.learn(shards, {}, false);
    plain.learn(shards, {}, false);
    EXPECT_EQ(taken(uniform),
              "shardId-000000000004@0 shardId-000000000005@1 shardId-000000000006@2 shardId-000000000007@1");
    EXPECT_EQ(taken(plain),
              "shardId-000000000004@0 shardId-000000000005@1 shardId-000000000006@2 shardId-000000000007@3");
}

TEST(KinesisLineage, childrenWaitForTheirParentsAndForWhatIsOnItsWay) {
    KinesisLineage lineage(ShardAssigner::Uniform, 2, true);
    const std::vector<KinesisShard> shards{
        shardOfEighths("a", 0, 4, {}, true), shardOfEighths("b", 4, 8, {}, true),
        shardOfEighths("c", 0, 2, {"a"}, true), shardOfEighths("d", 2, 4, {"a"}, true),
        shardOfEighths("m", 2, 8, {"d", "b"})};
    lineage.learn(shards, {}, false);
    EXPECT_EQ(taken(lineage), "a@0 b@1");
    lineage.finished("a", 0);
    EXPECT_EQ(taken(lineage), "c@0 d@0");  // where their parent was read: nothing can be overtaken
    lineage.finished("b", 1);
    EXPECT_EQ(taken(lineage), "");
    const std::string before = lineage.encode();
    lineage.finished("d", 0);
    EXPECT_EQ(taken(lineage), "");  // m is reader 1's, d was reader 0's
    EXPECT_TRUE(lineage.childrenTaken("a"));
    EXPECT_FALSE(lineage.childrenTaken("d") || lineage.childrenTaken("b") || lineage.childrenTaken("m"));
    lineage.passedWith(before);  // d was not finished then
    EXPECT_EQ(taken(lineage), "");
    lineage.passedWith(lineage.encode());
    EXPECT_EQ(taken(lineage), "m@1");
    EXPECT_EQ(lineage.waiting(), 0U);
}

TEST(KinesisLineage, withoutCheckpointsChildrenStayWithAParent) {
    KinesisLineage lineage(ShardAssigner::Uniform, 2, false);
    lineage.learn({shardOfEighths("a", 0, 8, {}, true), shardOfEighths("b", 0, 4, {"a"}),
                   shardOfEighths("c", 4, 8, {"a"})},
                  {}, false);
    EXPECT_EQ(taken(lineage), "a@0");
    lineage.finished("a", 0);
    EXPECT_EQ(taken(lineage), "b@0 c@0");
}

TEST(KinesisLineage, isRestored) {
    KinesisLineage lineage(ShardAssigner::Uniform, 2, true);
    const std::vector<KinesisShard> shards{shardOfEighths("a", 0, 8, {}, true),
                                           shardOfEighths("b", 0, 4, {"a"}),
                                           shardOfEighths("c", 4, 8, {"a"})};
    lineage.learn(shards, {true, 5}, false);
    EXPECT_EQ(taken(lineage), "a@0");
    const std::string reading = lineage.encode();
    lineage.finished("a", 0);
    const std::string finished = lineage.encode();

    KinesisLineage again(ShardAssigner::Uniform, 2, true);
    again.restore(reading);
    EXPECT_EQ(taken(again), "");  // a is in a reader's state
    again.passed("a");            // and that says so
    EXPECT_EQ(taken(again), "b@0 c@1");
    KinesisLineage third(ShardAssigner::Uniform, 4, true);
    third.restore(finished);
    const auto assigned = third.take();
    ASSERT_EQ(assigned.size(), 2U);
    EXPECT_EQ(assigned[0].split.start, (KinesisStart{true, 5}));
    // A parent whose time is over is forgotten, and what is found later is read whole.
    third.learn({shards[1], shards[2], shardOfEighths("d", 0, 4, {"b"})}, {true, 5}, true);
    EXPECT_EQ(third.encode().find("f a\n"), std::string::npos);
    third.passed("b");
    const auto later = third.take();
    ASSERT_EQ(later.size(), 1U);
    EXPECT_EQ(later[0].split.start, KinesisStart());
    for (const char* const wrong : {"x", "shards\nW T 0 0 a\n",
                                    "shards\nX T 00000000000000000000000000000000 "
                                    "00000000000000000000000000000000 a\n",
                                    "shards\nW\n"})
        EXPECT_TRUE(codeOfKinesis([&] {
                        KinesisLineage(ShardAssigner::Uniform, 1, true).restore(wrong);
                    }).starts_with("snapshot.damaged"))
            << wrong;
}

TEST(KinesisLineage, latestLeavesOutWhatIsClosed) {
    KinesisLineage lineage(ShardAssigner::Uniform, 1, true);
    lineage.learn({shardOfEighths("a", 0, 8, {}, true), shardOfEighths("b", 0, 4, {"a"}),
                   shardOfEighths("c", 4, 8, {"a"})},
                  {true, 9}, true);
    EXPECT_EQ(taken(lineage), "b@0 c@0");
}

// Streams that are split and merged at random; readers end shards in any order, checkpoints come when they
// come, and the job is restored: each shard is read once, after its parents, and without anything on its way.
TEST(KinesisLineage, anyHistory) {
    for (uint64_t seed = 1; seed <= 100; ++seed) {
        Random random(seed);
        uint32_t parallelism = 1 + static_cast<uint32_t>(random.below(4));
        std::vector<KinesisShard> shards;
        std::vector<size_t> open;
        const auto add = [&](HashKey first, HashKey last, std::vector<std::string> parents) {
            open.push_back(shards.size());
            shards.push_back(
                {fmt::format("shardId-{:012}", shards.size()), std::move(parents), first, last, false});
        };
        add(0, part(4) - 1, {});
        add(part(4), ~HashKey{0}, {});
        for (int change = 0; change < 12; ++change) {
            const size_t at = random.below(open.size());
            if (random.chance(0.6)) {
                KinesisShard& parent = shards[open[at]];
                parent.closed = true;
                const HashKey middle = parent.hash_first + (parent.hash_last - parent.hash_first) / 2;
                const KinesisShard copy = parent;
                open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
                add(copy.hash_first, middle, {copy.id});
                add(middle + 1, copy.hash_last, {copy.id});
            } else {
                for (size_t other = 0; other < open.size(); ++other) {
                    if (shards[open[other]].hash_first != shards[open[at]].hash_last + 1 || other == at)
                        continue;
                    const size_t left = open[at], right = open[other];
                    shards[left].closed = shards[right].closed = true;
                    std::erase_if(open, [&](size_t one) { return one == left || one == right; });
                    add(shards[left].hash_first, shards[right].hash_last,
                        {shards[left].id, shards[right].id});
                    break;
                }
            }
        }
        auto lineage = std::make_unique<KinesisLineage>(ShardAssigner::Uniform, parallelism, true);
        lineage->learn({shards[0], shards[1]}, {}, false);
        std::map<std::string, uint32_t> reading;     // and where
        std::map<std::string, uint32_t> on_the_way;  // finished shards whose records are
        std::set<std::string> finished;
        for (int step = 0; finished.size() < shards.size(); ++step) {
            ASSERT_LT(step, 2000) << "seed " << seed;
            for (const auto& assignment : lineage->take()) {
                const std::string& id = assignment.split.shard;
                ASSERT_FALSE(finished.contains(id) || reading.contains(id)) << "seed " << seed;
                const auto shard =
                    std::find_if(shards.begin(), shards.end(), [&](auto& s) { return s.id == id; });
                for (const std::string& parent : shard->parents) {
                    ASSERT_TRUE(finished.contains(parent)) << "seed " << seed;
                    const auto found = on_the_way.find(parent);
                    ASSERT_TRUE(found == on_the_way.end() || found->second == assignment.reader)
                        << "seed " << seed;
                }
                reading[id] = assignment.reader;
            }
            if (random.chance(0.2)) lineage->learn(shards, {}, false);
            if (random.chance(0.3)) {
                lineage->passedWith(lineage->encode());
                on_the_way.clear();
            }
            if (random.chance(0.1)) {  // restored from here, elsewhere
                const std::string kept = lineage->encode();
                parallelism = 1 + static_cast<uint32_t>(random.below(4));
                lineage = std::make_unique<KinesisLineage>(ShardAssigner::Uniform, parallelism, true);
                lineage->restore(kept);
                on_the_way.clear();
                for (auto& [id, reader] : reading)
                    reader = static_cast<uint32_t>(random.below(parallelism));
            }
            if (!reading.empty() && random.chance(0.5)) {
                auto at = reading.begin();
                std::advance(at, static_cast<std::ptrdiff_t>(random.below(reading.size())));
                finished.insert(at->first);
                on_the_way[at->first] = at->second;
                lineage->finished(at->first, at->second);
                reading.erase(at);
            }
        }
    }
}

std::string kinesisError(const std::map<std::string, std::string>& options, bool sink = false,
                         std::vector<std::string> partitioned_by = {}) {
    TableSpec spec = kinesisTable(options);
    spec.partition_keys = std::move(partitioned_by);
    return codeOfKinesis([&] { sink ? void(makeKinesisSink(spec)) : void(makeKinesisSource(spec)); });
}

TEST(KinesisOptions, whatDoesNotGoTogetherIsAnError) {
    EXPECT_EQ(kinesisError({}), "");
    const auto says = [](const std::string& error, const std::string& what) {
        EXPECT_NE(error.find(what), std::string::npos) << error;
    };
    says(kinesisError({{"stream.arn", "orders"}}), "'stream.arn' is 'orders'");
    says(kinesisError({{"source.init.position", "AT_TIMESTAMP"}}), "'source.init.timestamp'");
    says(kinesisError({{"source.init.position", "AT_TIMESTAMP"}, {"source.init.timestamp", "soon"}}),
         "'soon'");
    EXPECT_EQ(
        kinesisError({{"source.init.position", "AT_TIMESTAMP"}, {"source.init.timestamp", "1700000000.5"}}),
        "");
    says(kinesisError({{"source.reader.type", "EFO"}}), "'source.efo.consumer.name'");
    says(kinesisError({{"source.shard.get-records.max-record-count", "10001"}}), "max-record-count");
    says(kinesisError({{"aws.endpoint", "localhost:4567"}}), "'aws.endpoint'");
    says(kinesisError({{"format", "-"}}), "'format'");
    says(kinesisError({{"aws.credentials.provider", "CUSTOM"}}), "classes of Java");
    says(kinesisError({{"aws.credentials.provider", "BASIC"}}), "'aws.credentials.basic.accesskeyid'");
    says(kinesisError({{"aws.credentials.provider", "ASSUME_ROLE"}}), "'aws.credentials.role.arn'");
    EXPECT_EQ(kinesisError({}, true, {"k"}), "");
    says(kinesisError({{"sink.partitioner", "fixed"}}, true, {"k"}), "PARTITIONED BY");
    says(kinesisError({{"sink.partitioner", "org.example.Mine"}}, true), "classes of Java");
    says(kinesisError({{"sink.batch.max-size", "501"}}, true), "between 1 and 500");
    says(kinesisError({{"sink.requests.max-buffered", "10"}}, true), "max-buffered");
}

TEST(KinesisOptions, timestamps) {
    const auto start = [](std::map<std::string, std::string> options) {
        options["source.init.position"] = "AT_TIMESTAMP";
        return KinesisOptions::from(kinesisTable(std::move(options))).start;
    };
    const KinesisStart expected{true, 1'769'860'800'250};
    EXPECT_EQ(start({{"source.init.timestamp", "2026-01-31T12:00:00.250Z"}}), expected);
    EXPECT_EQ(start({{"source.init.timestamp", "2026-01-31T13:00:00.250+01:00"}}), expected);
    EXPECT_EQ(start({{"source.init.timestamp", "1769860800.25"}}), expected);
    EXPECT_EQ(start({{"source.init.timestamp", "31.01.2026 12:00"},
                     {"source.init.timestamp.format", "dd.MM.yyyy HH:mm"}}),
              (KinesisStart{true, 1'769'860'800'000}));
}

}  // namespace
}  // namespace millrace

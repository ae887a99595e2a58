#include "formats/avro/avro_container.h"
#include "formats/avro/avro_test_support.h"

namespace millrace {
namespace {

using namespace testing;

struct Read {
    Rows rows;
    std::vector<std::string> rejected;  // cause and error
    std::string error;
};

class Keeper final : public RejectedRecords {
  public:
    explicit Keeper(Read& to) : to_(to) {}
    void reject(const RejectedRecord& record) override {
        to_.rejected.push_back(std::string(record.cause) + ": " + std::string(record.error));
    }

  private:
    Read& to_;
};

// A whole file, handed over `piece` bytes at a time.
Read readFile(const std::string& file, const Schema& columns, size_t piece, bool keep,
              const std::map<std::string, std::string>& options = {}) {
    Read read;
    Keeper keeper(read);
    try {
        const auto decoder = makeAvroDecoder(columns, wholeColumns(columns), AvroOptions::from(options));
        if (keep) decoder->rejectTo(&keeper);
        size_t at = 0, have = 0;
        while (at == 0 && have < file.size()) {
            have = std::min(have + piece, file.size());
            at = decoder->readFileHeader(std::string_view(padded(file.substr(0, have))).substr(0, have),
                                         {"f.avro", 0, 0});
        }
        if (at == 0) return {{}, {}, "no header"};
        while (at < file.size()) {
            const std::string bytes = padded(file.substr(at, have - at));
            BatchBuilder out(columns, 100);
            const bool end = have == file.size();
            const size_t used =
                decoder->decode({bytes.data(), have - at}, end, 100, {"f.avro", 1, at}, out).bytes;
            if (used == 0 && end) {
                ADD_FAILURE() << "stuck at " << at;
                break;
            }
            at += used;
            have = std::min(have + piece, file.size());
            for (std::string& row : textsOf(out.finish()))
                read.rows.push_back(std::move(row));
        }
    } catch (const UserError& error) {
        read.error = error.code() + ": " + error.problem().message;
    }
    return read;
}

TEST(AvroFiles, ThereAndBackInEveryCodec) {
    const Batch rows = randomRows(everyType(), 500, 3);
    for (const char* codec : {"null", "deflate", "snappy", "zstandard"}) {
        const auto encoder = makeAvroEncoder(everyType(), AvroOptions::from({{"avro.codec", codec}}));
        std::string file;
        encoder->header(file);
        for (size_t at = 0; at < rows.rows(); at += 70)
            encoder->encode(rows.slice(at, std::min(at + 70, rows.rows())), file);
        for (const size_t piece : {size_t{17}, size_t{4096}, file.size()})
            EXPECT_EQ(readFile(file, everyType(), piece, false).rows, textsOf(rows)) << codec << " " << piece;
    }
}

TEST(AvroFiles, DamagedOnes) {
    const Schema columns({{"id", LogicalType::bigint()}, {"name", LogicalType::string()}});
    const Batch rows = randomRows(columns, 90, 5);
    const auto encoder = makeAvroEncoder(columns, AvroOptions::from({{"avro.codec", "deflate"}}));
    std::string file;
    encoder->header(file);
    const size_t header = file.size();
    std::vector<size_t> ends;
    for (size_t at = 0; at < 90; at += 30) {
        encoder->encode(rows.slice(at, at + 30), file);
        ends.push_back(file.size());
    }
    // A block that is damaged is an error, or a dead letter, and the blocks behind it are read.
    std::string damaged = file;
    damaged[ends[0] + 20] = static_cast<char>(damaged[ends[0] + 20] ^ 0x55);
    damaged[ends[0] + 21] = static_cast<char>(damaged[ends[0] + 21] ^ 0x55);
    EXPECT_EQ(readFile(damaged, columns, 1000, false).error.substr(0, 15), "data.malformed:");
    const Read kept = readFile(damaged, columns, 1000, true);
    EXPECT_EQ(kept.rejected.size(), 1U);
    const Rows all = textsOf(rows);
    EXPECT_GE(kept.rows.size(), 60U);
    EXPECT_EQ(Rows(kept.rows.end() - 30, kept.rows.end()), Rows(all.end() - 30, all.end()));
    EXPECT_EQ(Rows(kept.rows.begin(), kept.rows.begin() + 30), Rows(all.begin(), all.begin() + 30));
    // Its mark, too.
    damaged = file;
    damaged[ends[1] - 1] = static_cast<char>(damaged[ends[1] - 1] ^ 1);
    EXPECT_EQ(readFile(damaged, columns, 1000, true).rejected.size(), 1U);
    // Cut short.
    EXPECT_EQ(readFile(file.substr(0, file.size() - 1), columns, 1000, false).error,
              "data.malformed: f.avro, block at byte " + std::to_string(ends[1]) +
                  ": the file ends within a block");
    EXPECT_EQ(readFile(file.substr(0, header - 1), columns, 1000, false).error, "no header");
    EXPECT_EQ(readFile("{\"id\": 1}", columns, 1000, false).error,
              "data.malformed: f.avro: the file is no Avro file: it does not begin with 'Obj'");
    // Any byte of it changed is noticed or harmless, and never more than that.
    Random random(1);
    for (size_t i = 0; i < file.size(); ++i) {
        std::string changed = file;
        changed[i] = static_cast<char>(random.next());
        readFile(changed, columns, 1000, true);
    }
    // Records that take no bytes may be claimed without end.
    std::string claims("Obj\1");
    avro::appendLong(1, claims);
    avro::appendBytes("avro.schema", claims);
    avro::appendBytes(record(""), claims);
    claims += std::string(17, '\0');
    avro::appendLong(INT64_MAX, claims);
    avro::appendLong(0, claims);
    claims += std::string(16, '\0');
    EXPECT_EQ(readFile(claims, columns, 1000, false).error,
              "data.malformed: f.avro, block at byte 94: the block has too many records");
}

TEST(AvroFiles, AFilesSchemaIsResolved) {
    const Schema old({{"id", LogicalType::integer()}, {"gone", LogicalType::string()}});
    BatchBuilder rows(old, 1);
    rows.appendRow(std::vector<Value>{Value::int64(7), Value::string("x")});
    const auto encoder = makeAvroEncoder(old, AvroOptions::from({}));
    std::string file;
    encoder->header(file);
    encoder->encode(rows.finish(), file);
    EXPECT_EQ(
        readFile(file, Schema({{"fresh", LogicalType::string()}, {"id", LogicalType::bigint()}}), 100, false)
            .rows,
        Rows{"NULL|7"});
    EXPECT_EQ(readFile(file, Schema({{"id", LogicalType::string()}}), 100, false).error,
              "avro.schema-mismatch: f.avro: records of the writer's Avro schema cannot be rows of the "
              "table: field "
              "'id': a int cannot be STRING");
}

TEST(AvroMessages, OfTheTablesSchema) {
    const Schema columns(
        {{"id", LogicalType::bigint().withNullable(false)}, {"name", LogicalType::string()}});
    const std::map<std::string, std::string> options{{kMessagePart, "value"}};
    const Batch rows = randomRows(columns, 50, 9);
    std::string bytes;
    Encoder::Messages messages;
    makeAvroEncoder(columns, AvroOptions::from(options))->encodeMessages(rows, bytes, messages);
    bytes = padded(bytes);
    const std::vector<ColumnPath> name{{1}};
    const auto decoder = makeAvroDecoder(columns, name, AvroOptions::from(options));
    BatchBuilder out(schemaOf(columns, name), 50);
    for (const auto& [begin, end] : messages)
        EXPECT_TRUE(decoder->decodeMessage({bytes.data() + begin, end - begin},
                                           {"topic 't', partition 1", 0, 3}, out));
    const Batch read = out.finish();
    for (size_t row = 0; row < rows.rows(); ++row)
        EXPECT_EQ(read.column(0)->textAt(row), rows.column(1)->textAt(row));
    const std::string broken = padded("\x02\x02\x7F");
    EXPECT_EQ(
        errorOf([&] {
            decoder->decodeMessage({broken.data(), 3}, {"topic 't', partition 1", 0, 3}, out);
        }),
        "data.malformed: topic 't', partition 1, offset 3, field 'name': the record ends within it, or its "
        "length is none");
}

}  // namespace
}  // namespace millrace

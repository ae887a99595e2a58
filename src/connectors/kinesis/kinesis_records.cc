#include "connectors/kinesis/kinesis_records.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <simdjson.h>

#include <array>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "formats/format.h"

namespace millrace {
namespace {

constexpr std::array<unsigned char, 4> kAggregatedMagic{0xF3, 0x89, 0x9A, 0xC2};
constexpr size_t kAggregatedDigest = 16;  // MD5, at the end
constexpr uint8_t kNoBase64 = 0xFF;
constexpr char kBase64Letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<uint8_t, 256> kBase64Values = [] {
    std::array<uint8_t, 256> values{};
    for (auto& value : values)
        value = kNoBase64;
    for (uint8_t i = 0; i < 64; ++i)
        values[static_cast<unsigned char>(kBase64Letters[i])] = i;
    return values;
}();

[[noreturn]] void badKinesisAnswer(const std::string& why) {
    throw UserError("kinesis.bad-answer", fmt::format("an answer of Kinesis cannot be read: {}", why));
}

// Protocol buffers' wire format, as far as the aggregated record needs it.
class AggregateReader {
  public:
    explicit AggregateReader(std::string_view bytes) : bytes_(bytes) {}

    bool atEnd() const { return bytes_.empty(); }
    bool good() const { return good_; }
    // The next field's number; its content by one of the two below, or passed over.
    uint32_t field() {
        const uint64_t tag = number();
        wire_ = tag & 7;
        return static_cast<uint32_t>(tag >> 3);
    }
    uint64_t number() {
        uint64_t value = 0;
        for (int shift = 0; shift < 64 && !bytes_.empty(); shift += 7) {
            const auto byte = static_cast<unsigned char>(bytes_.front());
            bytes_.remove_prefix(1);
            value |= uint64_t{byte & 0x7FU} << shift;
            if (byte < 0x80) return value;
        }
        good_ = false;
        bytes_ = {};
        return 0;
    }
    bool isNumber() const { return wire_ == 0; }
    bool isText() const { return wire_ == 2; }
    std::string_view text() {
        const uint64_t size = number();
        if (size > bytes_.size()) {
            good_ = false;
            bytes_ = {};
            return {};
        }
        const std::string_view out = bytes_.substr(0, size);
        bytes_.remove_prefix(size);
        return out;
    }
    void skip() {
        if (wire_ == 0)
            number();
        else if (wire_ == 2)
            text();
        else if ((wire_ == 1 && bytes_.size() >= 8) || (wire_ == 5 && bytes_.size() >= 4))
            bytes_.remove_prefix(wire_ == 1 ? 8 : 4);
        else
            good_ = false, bytes_ = {};
    }

  private:
    std::string_view bytes_;
    uint64_t wire_ = 0;
    bool good_ = true;
};

// The data of each user record in it; false if it is no aggregated record after all.
bool takeApart(std::string_view data, std::vector<std::string_view>& out) {
    if (data.size() < kAggregatedMagic.size() + kAggregatedDigest ||
        std::memcmp(data.data(), kAggregatedMagic.data(), kAggregatedMagic.size()) != 0)
        return false;
    const std::string_view message =
        data.substr(kAggregatedMagic.size(), data.size() - kAggregatedMagic.size() - kAggregatedDigest);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    if (EVP_Digest(message.data(), message.size(), digest.data(), nullptr, EVP_md5(), nullptr) != 1 ||
        std::memcmp(digest.data(), data.data() + data.size() - kAggregatedDigest, kAggregatedDigest) != 0)
        return false;
    AggregateReader reader(message);
    while (!reader.atEnd()) {
        // 1: partition keys, 2: explicit hash keys, 3: records
        if (reader.field() != 3 || !reader.isText()) {
            reader.skip();
            continue;
        }
        AggregateReader record(reader.text());
        std::string_view content;
        while (!record.atEnd()) {  // 1, 2: which keys, 3: data, 4: tags
            if (record.field() == 3 && record.isText())
                content = record.text();
            else
                record.skip();
        }
        if (!record.good()) return false;
        out.push_back(content);
    }
    return reader.good();
}

int64_t millisecondsOf(double seconds) {
    constexpr double kFarthest = 1e13;  // of seconds; what is beyond is no time
    if (!(std::abs(seconds) < kFarthest)) badKinesisAnswer("a time of arrival that is none");
    return std::llround(seconds * 1000);
}

}  // namespace

bool appendBase64Decoded(std::string_view text, std::string& out) {
    while (!text.empty() && text.back() == '=')
        text.remove_suffix(1);
    if (text.size() % 4 == 1) return false;
    const size_t begin = out.size();
    out.resize(begin + text.size() * 3 / 4);
    char* to = out.data() + begin;
    uint8_t wrong = 0;
    const auto value = [&](size_t at) {
        const uint8_t found = kBase64Values[static_cast<unsigned char>(text[at])];
        wrong |= found;
        return uint32_t{found};
    };
    size_t at = 0;
    for (; at + 4 <= text.size(); at += 4) {
        const uint32_t bits = value(at) << 18 | value(at + 1) << 12 | value(at + 2) << 6 | value(at + 3);
        to[0] = static_cast<char>(bits >> 16);
        to[1] = static_cast<char>(bits >> 8);
        to[2] = static_cast<char>(bits);
        to += 3;
    }
    if (at < text.size()) {
        const bool three = text.size() - at == 3;
        const uint32_t bits = value(at) << 18 | value(at + 1) << 12 | (three ? value(at + 2) << 6 : 0);
        *to++ = static_cast<char>(bits >> 16);
        if (three) *to++ = static_cast<char>(bits >> 8);
    }
    return (wrong & 0x80) == 0;  // letters have values below 64
}

void appendBase64(std::string_view bytes, std::string& out) {
    const size_t begin = out.size();
    out.resize(begin + (bytes.size() + 2) / 3 * 4 + 1);  // OpenSSL ends it with a zero
    const int size =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data() + begin),
                        reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
    out.resize(begin + static_cast<size_t>(size));
}

void appendKinesisRecord(KinesisRecords& out, KinesisRecords::Raw raw, std::string_view data) {
    const auto append = [&](std::string_view bytes, int64_t user, bool last) {
        out.records.push_back(
            {out.bytes.size(), bytes.size(), static_cast<uint32_t>(out.raws.size()), user, last});
        out.bytes.append(bytes).push_back('\n');
    };
    std::vector<std::string_view> parts;
    if (takeApart(data, parts) && !parts.empty()) {
        for (size_t i = 0; i < parts.size(); ++i)
            append(parts[i], static_cast<int64_t>(i), i + 1 == parts.size());
    } else {
        append(data, -1, true);
    }
    out.raws.push_back(std::move(raw));
}

void padKinesisRecords(KinesisRecords& out) { out.bytes.append(kDecoderPadding, ' '); }

KinesisRecords parseKinesisRecords(std::string answer) {
    namespace ondemand = simdjson::ondemand;
    thread_local ondemand::parser parser;
    KinesisRecords out;
    out.bytes.reserve(answer.size() * 3 / 4 + kDecoderPadding);
    const size_t size = answer.size();
    answer.resize(size + simdjson::SIMDJSON_PADDING, ' ');
    std::string data;
    try {
        ondemand::document document = parser.iterate(answer.data(), size, answer.size());
        for (auto field : document.get_object()) {
            const std::string_view key = field.unescaped_key();
            ondemand::value value = field.value();
            const bool null = value.is_null();
            if (null) continue;
            if (key == "Records") {
                for (auto element : value.get_array()) {
                    KinesisRecords::Raw raw;
                    bool has_data = false;
                    data.clear();
                    for (auto member : element.get_object()) {
                        const std::string_view name = member.unescaped_key();
                        if (name == "Data") {
                            has_data =
                                appendBase64Decoded(std::string_view(member.value().get_string()), data);
                        } else if (name == "SequenceNumber") {
                            raw.sequence = std::string_view(member.value().get_string());
                        } else if (name == "PartitionKey") {
                            raw.partition_key = std::string_view(member.value().get_string());
                        } else if (name == "ApproximateArrivalTimestamp") {
                            raw.arrival_ms = millisecondsOf(double(member.value().get_double()));
                        }
                    }
                    if (!has_data || raw.sequence.empty() || raw.sequence.find(' ') != std::string::npos)
                        badKinesisAnswer("a record without its data or sequence number");
                    appendKinesisRecord(out, std::move(raw), data);
                }
            } else if (key == "NextShardIterator") {
                out.next_iterator = std::string_view(value.get_string());
            } else if (key == "ContinuationSequenceNumber") {
                out.continuation = std::string_view(value.get_string());
            } else if (key == "MillisBehindLatest") {
                out.behind_ms = value.get_int64();
            } else if (key == "ChildShards") {
                for ([[maybe_unused]] auto child : value.get_array())
                    out.has_children = true;
            }
        }
        const char* rest = nullptr;
        if (document.current_location().get(rest) == simdjson::SUCCESS)
            badKinesisAnswer("there is more behind it");
    } catch (const simdjson::simdjson_error& error) {
        badKinesisAnswer(error.what());
    }
    padKinesisRecords(out);
    return out;
}

}  // namespace millrace

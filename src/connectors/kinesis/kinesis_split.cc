#include "connectors/kinesis/kinesis_split.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace millrace {
namespace {

constexpr const char* kNoteTaken = "note-taken";
constexpr const char* kRelease = "release";

[[noreturn]] void damagedKinesisState() {
    throw UserError("snapshot.damaged", "the state of a Kinesis source in the snapshot cannot be read");
}

template <class Number>
bool wholeNumber(std::string_view text, Number& out) {
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return !text.empty() && error == std::errc() && stop == text.data() + text.size();
}

}  // namespace

HashKey parseHashKey(const std::string& text) {
    HashKey key = 0;
    bool good = !text.empty();
    for (const char c : text) {
        const HashKey next = key * 10 + static_cast<HashKey>(c - '0');
        good = good && c >= '0' && c <= '9' && key <= ~HashKey{0} / 10 && next >= key;
        key = next;
    }
    if (!good) throw UserError("kinesis.bad-answer", fmt::format("'{}' is no hash key of a shard", text));
    return key;
}

std::string hashKeyText(HashKey key) {
    return fmt::format("{:016x}{:016x}", static_cast<uint64_t>(key >> 64), static_cast<uint64_t>(key));
}

std::string KinesisStart::encode() const { return at_timestamp ? fmt::format("@{}", timestamp_ms) : "T"; }

KinesisStart KinesisStart::decode(const std::string& text) {
    KinesisStart start;
    if (text == "T") return start;
    start.at_timestamp = true;
    if (!text.starts_with('@') || !wholeNumber(std::string_view(text).substr(1), start.timestamp_ms))
        damagedKinesisState();
    return start;
}

// "1 <R read|F finished> <start> <first hash key, hexadecimal> <user records> <sequence number, or ->
// <shard>". The ids of what is read sort by hash key: a restore at another parallelism deals splits out in
// the order of their ids, so every reader gets its share of the keys.
SourceSplit KinesisSplit::encode() const {
    return {finished ? "~" + shard : hashKeyText(hash_first) + "/" + shard,
            fmt::format("1 {} {} {} {} {} {}", finished ? 'F' : 'R', start.encode(), hashKeyText(hash_first),
                        user_records, sequence.empty() ? "-" : sequence, shard)};
}

KinesisSplit KinesisSplit::decode(const SourceSplit& split) {
    std::vector<std::string> words;
    for (size_t at = 0; at <= split.state.size();) {
        const size_t end = std::min(split.state.find(' ', at), split.state.size());
        words.push_back(split.state.substr(at, end - at));
        at = end + 1;
    }
    KinesisSplit out;
    uint64_t high = 0, low = 0;
    const auto hexadecimal = [](std::string_view text, uint64_t& number) {
        const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
        return error == std::errc() && stop == text.data() + text.size();
    };
    if (words.size() != 7 || words[0] != "1" || (words[1] != "R" && words[1] != "F") ||
        words[3].size() != 32 || !hexadecimal(std::string_view(words[3]).substr(0, 16), high) ||
        !hexadecimal(std::string_view(words[3]).substr(16), low) ||
        !wholeNumber(words[4], out.user_records) || words[5].empty() || words[6].empty())
        damagedKinesisState();
    out.finished = words[1] == "F";
    out.start = KinesisStart::decode(words[2]);
    out.hash_first = (HashKey{high} << 64) | low;
    if (words[5] != "-") out.sequence = words[5];
    out.shard = words[6];
    return out;
}

SourceSplit noteTakenOf(const std::string& shard) { return {shard, kNoteTaken}; }

bool isNoteTaken(const SourceSplit& split) { return split.state == kNoteTaken; }

SourceSplit releaseOf(const std::string& shard) { return {shard, kRelease}; }

bool isRelease(const SourceSplit& split) { return split.state == kRelease; }

}  // namespace millrace

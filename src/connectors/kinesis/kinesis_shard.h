// The shards of a stream and how they descend from each other.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace millrace {

// Of 128 bits, as Kinesis hashes partition keys.
__extension__ using HashKey = unsigned __int128;

struct KinesisShard {
    std::string id;                    // "shardId-000000000012"
    std::vector<std::string> parents;  // none, one that was split, or two that were merged
    HashKey hash_first = 0;
    HashKey hash_last = 0;
    bool closed = false;
};

// Decimal digits; UserError "kinesis.bad-answer" for others and for more than 128 bits.
HashKey parseHashKey(const std::string& text);
std::string hashKeyText(HashKey key);  // 32 hexadecimal digits: sorted as keys are

// Where reading a shard starts: "T" at its oldest record, "@<ms>" at that time.
struct KinesisStart {
    bool at_timestamp = false;
    int64_t timestamp_ms = 0;

    std::string encode() const;
    static KinesisStart decode(const std::string& text);
    bool operator==(const KinesisStart&) const = default;
};

}  // namespace millrace

// A partition being read: the split of a Kafka source.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/source.h"

namespace millrace {

struct KafkaSplit {
    std::string topic;
    int32_t partition = 0;
    int64_t next = 0;                 // the offset of the next message to be read
    std::optional<int64_t> end = {};  // reading ends before it

    std::string id() const;  // "topic-3"
    SourceSplit encode() const;
    // UserError "snapshot.damaged".
    static KafkaSplit decode(const SourceSplit& split);
    bool done() const { return end && next >= *end; }
};

}  // namespace millrace

#include "connectors/kafka/kafka_split.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/error.h"

namespace millrace {

std::string KafkaSplit::id() const { return fmt::format("{}-{}", topic, partition); }

// "1 <partition> <next> <end, or -1> <topic>": a topic has no line ends or blanks in its name.
SourceSplit KafkaSplit::encode() const {
    return {id(), fmt::format("1 {} {} {} {}", partition, next, end.value_or(-1), topic)};
}

KafkaSplit KafkaSplit::decode(const SourceSplit& split) {
    std::array<int64_t, 4> numbers{};  // the form's, partition, next, end
    const char* at = split.state.data();
    const char* const limit = at + split.state.size();
    for (int64_t& number : numbers) {
        const auto [stop, error] = std::from_chars(at, limit, number);
        if (error != std::errc() || stop == limit || *stop != ' ')
            throw UserError("snapshot.damaged", "the state of a Kafka source in the snapshot cannot be read");
        at = stop + 1;
    }
    if (numbers[0] != 1 || at == limit || numbers[1] < 0 || numbers[1] > INT32_MAX)
        throw UserError("snapshot.damaged", "the state of a Kafka source in the snapshot cannot be read");
    KafkaSplit out;
    out.topic.assign(at, limit);
    out.partition = static_cast<int32_t>(numbers[1]);
    out.next = numbers[2];
    if (numbers[3] >= 0) out.end = numbers[3];
    return out;
}

}  // namespace millrace

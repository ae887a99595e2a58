#include "base/aws_event_stream.h"

#include <zlib.h>

#include "base/error.h"

namespace millrace {
namespace {

// Big-endian: length of the message, of its headers, CRC-32 of those eight bytes; headers; payload; CRC-32 of
// everything before.
constexpr size_t kPreludeSize = 12;
constexpr size_t kTrailerSize = 4;
constexpr size_t kMessageMax = 24 << 20;  // AWS's own bound is 16 MB and the headers
constexpr uint8_t kTextHeader = 7;

[[noreturn]] void badEvent(const std::string& why) {
    throw UserError("aws.bad-event", fmt::format("an event of AWS cannot be read: {}", why));
}

uint32_t bigEndian(std::string_view bytes, size_t at, size_t size) {
    uint32_t value = 0;
    for (size_t i = 0; i < size; ++i)
        value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
    return value;
}

uint32_t eventChecksum(std::string_view bytes) {
    return static_cast<uint32_t>(
        crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

// The size of a header's value by its type; texts and bytes have theirs before them.
size_t valueSize(uint8_t type, std::string_view rest) {
    switch (type) {
        case 0:  // true
        case 1:  // false
            return 0;
        case 2:
            return 1;
        case 3:
            return 2;
        case 4:
            return 4;
        case 5:
        case 8:  // a time
            return 8;
        case 6:
        case kTextHeader:
            if (rest.size() < 2) badEvent("a header is cut off");
            return 2 + bigEndian(rest, 0, 2);
        case 9:  // a UUID
            return 16;
        default:
            badEvent("a header of an unknown type");
    }
}

void readHeaders(std::string_view bytes, AwsEvent& event) {
    while (!bytes.empty()) {
        const size_t name_size = static_cast<unsigned char>(bytes[0]);
        if (bytes.size() < name_size + 2) badEvent("a header is cut off");
        std::string name(bytes.substr(1, name_size));
        const auto type = static_cast<uint8_t>(bytes[1 + name_size]);
        bytes.remove_prefix(name_size + 2);
        const size_t size = valueSize(type, bytes);
        if (bytes.size() < size) badEvent("a header is cut off");
        if (type == kTextHeader) event.headers[std::move(name)] = bytes.substr(2, size - 2);
        bytes.remove_prefix(size);
    }
}

}  // namespace

const std::string& AwsEvent::header(const std::string& name) const {
    static const std::string none;
    const auto found = headers.find(name);
    return found == headers.end() ? none : found->second;
}

std::optional<AwsEvent> AwsEventStream::next() {
    const std::string_view rest = std::string_view(buffer_).substr(taken_);
    if (rest.size() < kPreludeSize) return std::nullopt;
    const size_t size = bigEndian(rest, 0, 4), headers_size = bigEndian(rest, 4, 4);
    if (eventChecksum(rest.substr(0, 8)) != bigEndian(rest, 8, 4))
        badEvent("the checksum of its beginning is wrong");
    if (size > kMessageMax || size < kPreludeSize + kTrailerSize ||
        headers_size > size - kPreludeSize - kTrailerSize)
        badEvent("its lengths cannot be");
    if (rest.size() < size) return std::nullopt;
    const std::string_view message = rest.substr(0, size);
    if (eventChecksum(message.substr(0, size - kTrailerSize)) != bigEndian(message, size - kTrailerSize, 4))
        badEvent("its checksum is wrong");
    AwsEvent event;
    readHeaders(message.substr(kPreludeSize, headers_size), event);
    event.payload =
        message.substr(kPreludeSize + headers_size, size - kPreludeSize - headers_size - kTrailerSize);
    taken_ += size;
    if (taken_ == buffer_.size() || taken_ > (size_t{1} << 20)) {
        buffer_.erase(0, taken_);
        taken_ = 0;
    }
    return event;
}

}  // namespace millrace

#include <zstd.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/hash.h"
#include "state/snapshot_encoding.h"

namespace millrace::snapshot_format {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is written as it lies in memory");

template <class T>
void put(std::string& out, T value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <class T>
T get(std::string_view bytes, size_t offset) {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof(value));
    return value;
}

// What a frame's header says, its checksum verified.
struct FrameHeader {
    FrameKind kind;
    Codec codec;
    uint32_t sequence;
    uint64_t stored;  // payload bytes in the file
    uint64_t raw;     // payload bytes once decompressed
    uint32_t crc;     // of the stored payload
};

void appendFrame(FrameKind kind, std::string_view payload, bool compress, uint32_t sequence,
                 std::string& out) {
    std::string compressed;
    Codec codec = Codec::None;
    if (compress) {
        compressed.resize(ZSTD_compressBound(payload.size()));
        const size_t size =
            ZSTD_compress(compressed.data(), compressed.size(), payload.data(), payload.size(), 1);
        if (!ZSTD_isError(size) && size < payload.size()) {
            compressed.resize(size);
            codec = Codec::Zstd;
        }
    }
    const std::string_view stored = codec == Codec::Zstd ? std::string_view(compressed) : payload;
    const size_t start = out.size();
    put(out, static_cast<uint8_t>(kind));
    put(out, static_cast<uint8_t>(codec));
    put(out, uint16_t{0});
    put(out, sequence);
    put(out, static_cast<uint64_t>(stored.size()));
    put(out, static_cast<uint64_t>(payload.size()));
    put(out, crc32c(stored));
    put(out, crc32c(std::string_view(out).substr(start)));
    out += stored;
}

}  // namespace

std::string encodeHeader(std::string_view magic, const FileHeader& header) {
    std::string out(magic);
    put(out, kVersion);
    put(out, static_cast<uint8_t>(Encryption::None));
    put(out, uint8_t{0});
    put(out, header.file_number);
    put(out, header.checkpoint_id);
    put(out, uint32_t{0});
    put(out, crc32c(out));
    return out;
}

void appendFrames(FrameKind kind, std::string_view bytes, bool compress, uint32_t& sequence,
                  std::string& out) {
    for (size_t at = 0; at < bytes.size(); at += kFramePayloadMax) {
        appendFrame(kind, bytes.substr(at, kFramePayloadMax), compress, sequence++, out);
    }
}

void FileReader::damaged(uint64_t offset, const std::string& reason) const {
    throw UserError("snapshot.damaged", fmt::format("{} is damaged at byte {}: {}", path_, offset, reason),
                    "restore from another snapshot");
}

FileHeader FileReader::header(std::string_view magic) {
    if (bytes_.size() < kHeaderBytes) damaged(bytes_.size(), "it ends within its header");
    if (bytes_.substr(0, magic.size()) != magic) {
        damaged(0, fmt::format("it does not begin with \"{}\"", magic));
    }
    if (get<uint32_t>(bytes_, 28) != crc32c(bytes_.substr(0, 28))) {
        damaged(8, "the header's checksum is wrong");
    }
    const auto version = get<uint16_t>(bytes_, 8);
    if (version != kVersion) {
        throw UserError("snapshot.version",
                        fmt::format("{} is of format version {}; this Millrace reads version {}", path_,
                                    version, kVersion),
                        "use the release that wrote it, or a later one");
    }
    if (get<uint8_t>(bytes_, 10) != static_cast<uint8_t>(Encryption::None)) {
        throw UserError("snapshot.encrypted", fmt::format("{} is encrypted (method {})", path_, bytes_[10]),
                        "this Millrace reads snapshots that are not encrypted");
    }
    if (get<uint8_t>(bytes_, 11) != 0 || get<uint32_t>(bytes_, 24) != 0) {
        damaged(11, "a reserved byte is not zero");
    }
    offset_ = kHeaderBytes;
    return {get<uint32_t>(bytes_, 12), get<int64_t>(bytes_, 16)};
}

FrameKind FileReader::nextKind() const { return static_cast<FrameKind>(get<uint8_t>(bytes_, offset_)); }

void FileReader::appendFrame(FrameKind kind, std::string& out) {
    const std::string_view left = bytes_.substr(offset_);
    if (left.size() < kFrameHeaderBytes) damaged(bytes_.size(), "it ends within a frame's header");
    if (get<uint32_t>(left, 28) != crc32c(left.substr(0, 28))) {
        damaged(offset_, "the checksum of a frame's header is wrong");
    }
    const FrameHeader frame{static_cast<FrameKind>(get<uint8_t>(left, 0)),
                            static_cast<Codec>(get<uint8_t>(left, 1)),
                            get<uint32_t>(left, 4),
                            get<uint64_t>(left, 8),
                            get<uint64_t>(left, 16),
                            get<uint32_t>(left, 24)};
    if (frame.kind != kind || frame.sequence != sequence_ || get<uint16_t>(left, 2) != 0 ||
        static_cast<uint8_t>(frame.codec) > static_cast<uint8_t>(Codec::Zstd)) {
        damaged(offset_, "another frame was expected here");
    }
    if (frame.stored > left.size() - kFrameHeaderBytes) {
        damaged(bytes_.size(), fmt::format("it ends within a frame of {} bytes", frame.stored));
    }
    if (frame.raw > kFramePayloadMax || (frame.codec == Codec::None && frame.raw != frame.stored)) {
        damaged(offset_ + 16, fmt::format("a frame claims {} bytes", frame.raw));
    }
    const std::string_view payload = left.substr(kFrameHeaderBytes, frame.stored);
    if (crc32c(payload) != frame.crc) {
        damaged(offset_ + kFrameHeaderBytes,
                fmt::format("the checksum of the frame's {} bytes is wrong", frame.stored));
    }
    if (frame.codec == Codec::None) {
        out += payload;
    } else {
        const size_t start = out.size();
        out.resize(start + frame.raw);
        const size_t size = ZSTD_decompress(out.data() + start, frame.raw, payload.data(), payload.size());
        if (ZSTD_isError(size) || size != frame.raw) {
            damaged(offset_ + kFrameHeaderBytes, "the frame cannot be decompressed");
        }
    }
    offset_ += kFrameHeaderBytes + frame.stored;
    ++sequence_;
}

std::string FileReader::frames(FrameKind kind, uint64_t bytes) {
    std::string out;
    while (out.size() < bytes) {
        const uint64_t start = offset_;
        // A damaged length cannot ask for more than the file has: memory grows frame by frame.
        appendFrame(kind, out);
        if (out.size() > bytes) damaged(start, "a frame reaches beyond its section");
    }
    return out;
}

}  // namespace millrace::snapshot_format

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
    put(out, header.version);
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

SectionWriter::SectionWriter(std::unique_ptr<WritableFile> file, const FileHeader& header, bool compress)
    : file_(std::move(file)), buffer_(encodeHeader(kStateMagic, header)), compress_(compress) {}

SectionData SectionWriter::write(std::string_view bytes) {
    constexpr size_t kBuffered = 4 << 20;
    SectionData data;
    data.size = bytes.size();
    data.offset = flushed_ + buffer_.size();
    data.first_frame = sequence_;
    appendFrames(FrameKind::Data, bytes, compress_, sequence_, buffer_);
    if (file_ != nullptr && buffer_.size() >= kBuffered) {
        file_->append(buffer_);
        flushed_ += buffer_.size();
        buffer_.clear();
    }
    return data;
}

uint64_t SectionWriter::finish() {
    file_->append(buffer_);
    file_->sync();
    return file_->size();
}

FileReader::FileReader(std::string path, std::unique_ptr<ReadableFile> file)
    : path_(std::move(path)), file_(std::move(file)), size_(file_->size()) {}

void FileReader::damaged(uint64_t offset, const std::string& reason) const {
    throw UserError("snapshot.damaged", fmt::format("{} is damaged at byte {}: {}", path_, offset, reason),
                    "restore from another snapshot");
}

void FileReader::readExactly(uint64_t offset, char* into, size_t bytes) {
    const size_t got = file_->readAt(offset, into, bytes);
    if (got < bytes) damaged(offset + got, "it ends early");
}

FileHeader FileReader::header(std::string_view magic) {
    if (size_ < kHeaderBytes) damaged(size_, "it ends within its header");
    std::string bytes(kHeaderBytes, '\0');
    readExactly(0, bytes.data(), bytes.size());
    const std::string_view all(bytes);
    if (all.substr(0, magic.size()) != magic) {
        damaged(0, fmt::format("it does not begin with \"{}\"", magic));
    }
    if (get<uint32_t>(all, 28) != crc32c(all.substr(0, 28))) {
        damaged(8, "the header's checksum is wrong");
    }
    const auto version = get<uint16_t>(all, 8);
    if (version < kOldestVersion || version > kVersion) {
        throw UserError("snapshot.version",
                        fmt::format("{} is of format version {}; this Millrace reads versions {} to {}",
                                    path_, version, kOldestVersion, kVersion),
                        "use the release that wrote it, or a later one");
    }
    if (get<uint8_t>(all, 10) != static_cast<uint8_t>(Encryption::None)) {
        throw UserError("snapshot.encrypted", fmt::format("{} is encrypted (method {})", path_, all[10]),
                        "this Millrace reads snapshots that are not encrypted");
    }
    if (get<uint8_t>(all, 11) != 0 || get<uint32_t>(all, 24) != 0) {
        damaged(11, "a reserved byte is not zero");
    }
    offset_ = read_ = furthest_ = kHeaderBytes;
    return {get<uint32_t>(all, 12), get<int64_t>(all, 16), version};
}

std::string FileReader::index() {
    std::string out;
    while (!atEnd()) {
        uint8_t kind = 0;
        readExactly(offset_, reinterpret_cast<char*>(&kind), 1);
        if (static_cast<FrameKind>(kind) != FrameKind::Index) break;
        frame(FrameKind::Index, out);
    }
    base_ = offset_;
    return out;
}

// Appends the payload of the frame that stands here.
void FileReader::frame(FrameKind kind, std::string& out) {
    const uint64_t left = size_ - offset_;
    if (left < kFrameHeaderBytes) damaged(size_, "it ends within a frame's header");
    char header_bytes[kFrameHeaderBytes];
    readExactly(offset_, header_bytes, kFrameHeaderBytes);
    const std::string_view header(header_bytes, kFrameHeaderBytes);
    if (get<uint32_t>(header, 28) != crc32c(header.substr(0, 28))) {
        damaged(offset_, "the checksum of a frame's header is wrong");
    }
    const FrameHeader frame{static_cast<FrameKind>(get<uint8_t>(header, 0)),
                            static_cast<Codec>(get<uint8_t>(header, 1)),
                            get<uint32_t>(header, 4),
                            get<uint64_t>(header, 8),
                            get<uint64_t>(header, 16),
                            get<uint32_t>(header, 24)};
    if (frame.kind != kind || frame.sequence != sequence_ || get<uint16_t>(header, 2) != 0 ||
        static_cast<uint8_t>(frame.codec) > static_cast<uint8_t>(Codec::Zstd)) {
        damaged(offset_, "another frame was expected here");
    }
    if (frame.stored > left - kFrameHeaderBytes) {
        damaged(size_, fmt::format("it ends within a frame of {} bytes", frame.stored));
    }
    if (frame.raw > kFramePayloadMax || (frame.codec == Codec::None && frame.raw != frame.stored)) {
        damaged(offset_ + 16, fmt::format("a frame claims {} bytes", frame.raw));
    }
    const uint64_t payload_at = offset_ + kFrameHeaderBytes;
    const size_t start = out.size();
    out.resize(start + frame.raw);
    std::string compressed;
    char* stored = out.data() + start;
    if (frame.codec == Codec::Zstd) {
        compressed.resize(frame.stored);
        stored = compressed.data();
    }
    readExactly(payload_at, stored, frame.stored);
    if (crc32c({stored, frame.stored}) != frame.crc) {
        damaged(payload_at, fmt::format("the checksum of the frame's {} bytes is wrong", frame.stored));
    }
    if (frame.codec == Codec::Zstd) {
        const size_t size = ZSTD_decompress(out.data() + start, frame.raw, stored, frame.stored);
        if (ZSTD_isError(size) || size != frame.raw) damaged(payload_at, "the frame cannot be decompressed");
    }
    offset_ = payload_at + frame.stored;
    read_ += kFrameHeaderBytes + frame.stored;
    if (read_ > size_) damaged(payload_at, "a frame belongs to two sections");
    furthest_ = std::max(furthest_, offset_);
    ++sequence_;
}

void FileReader::section(SectionData& data) {
    if (data.size == 0) return;
    if (data.offset != kNext) {
        if (data.offset > size_ || base_ + data.offset > size_) {
            damaged(size_, fmt::format("it ends before a section at byte {}", data.offset));
        }
        offset_ = base_ + data.offset;
        sequence_ = data.first_frame;
    }
    std::string bytes;
    // A damaged length cannot ask for more than the file has: beyond, memory grows frame by frame.
    bytes.reserve(std::min(data.size, size_));
    while (bytes.size() < data.size) {
        const uint64_t start = offset_;
        frame(FrameKind::Data, bytes);
        if (bytes.size() > data.size) damaged(start, "a frame reaches beyond its section");
    }
    data.bytes = SharedBytes(std::move(bytes));
}

void FileReader::checkAllRead() const {
    if (read_ != size_) damaged(std::min(furthest_, size_), "bytes of it belong to no section");
}

}  // namespace millrace::snapshot_format

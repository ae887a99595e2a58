#include "formats/avro/avro_codec.h"

#include <fmt/format.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "base/error.h"

namespace millrace::avro {
namespace {

constexpr size_t kCodecChunk = 1 << 18;

std::optional<Codec> codecNamed(std::string_view name) {
    for (const Codec codec : {Codec::Null, Codec::Deflate, Codec::Snappy, Codec::Zstandard})
        if (name == nameOf(codec)) return codec;
    return std::nullopt;
}

bool inflateRaw(std::string_view bytes, std::string& out) {
    z_stream stream{};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw InternalError("zlib cannot be used");
    const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    int status = Z_OK;
    while (status == Z_OK) {
        const size_t size = out.size();
        if (size >= kBlockBytesMax) return false;
        out.resize(size + std::max(kCodecChunk, size / 2));
        stream.next_out = reinterpret_cast<Bytef*>(out.data() + size);
        stream.avail_out = static_cast<uInt>(out.size() - size);
        status = inflate(&stream, Z_NO_FLUSH);
        out.resize(out.size() - stream.avail_out);
    }
    return status == Z_STREAM_END && out.size() <= kBlockBytesMax;
}

bool unsnap(std::string_view bytes, std::string& out) {
    if (bytes.size() < 4) return false;
    const std::string_view packed = bytes.substr(0, bytes.size() - 4);
    size_t size = 0;
    if (!snappy::GetUncompressedLength(packed.data(), packed.size(), &size) || size > kBlockBytesMax ||
        size / 64 > packed.size())  // more than snappy can do
        return false;
    out.resize(size);
    if (!snappy::RawUncompress(packed.data(), packed.size(), out.data())) return false;
    uint32_t sum = 0;
    for (const char byte : bytes.substr(bytes.size() - 4))
        sum = sum << 8 | static_cast<uint8_t>(byte);
    return sum == crc32(0, reinterpret_cast<const Bytef*>(out.data()), static_cast<uInt>(out.size()));
}

bool unzstd(std::string_view bytes, std::string& out) {
    const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    size_t more = 1;
    while (in.pos < in.size || more != 0) {
        const size_t size = out.size();
        if (size >= kBlockBytesMax) return false;
        out.resize(size + std::max(kCodecChunk, size / 2));
        ZSTD_outBuffer to{out.data(), out.size(), size};
        const size_t before = in.pos;
        more = ZSTD_decompressStream(context.get(), &to, &in);
        const bool stuck = to.pos == size && in.pos == before;
        out.resize(to.pos);
        if (ZSTD_isError(more) != 0 || (stuck && (more != 0 || in.pos < in.size))) return false;
    }
    return out.size() <= kBlockBytesMax;
}

}  // namespace

const char* nameOf(Codec codec) {
    switch (codec) {
        case Codec::Null:
            return "null";
        case Codec::Deflate:
            return "deflate";
        case Codec::Snappy:
            return "snappy";
        case Codec::Zstandard:
            return "zstandard";
    }
    return "";
}

Codec codecOfOption(const std::string& name) {
    if (const std::optional<Codec> codec = codecNamed(name)) return *codec;
    throw UserError("config.bad-value",
                    fmt::format("'avro.codec' has the value '{}', which is not one of: null, "
                                "deflate, snappy, zstandard",
                                name));
}

Codec codecOfFile(std::string_view name, std::string_view source) {
    if (const std::optional<Codec> codec = codecNamed(name)) return *codec;
    throw UserError("data.malformed",
                    fmt::format("{}: the file's blocks are compressed by '{}'", source, name),
                    "null, deflate, snappy and zstandard can be read");
}

bool uncompress(Codec codec, std::string_view bytes, std::string& out) {
    out.clear();
    switch (codec) {
        case Codec::Null:
            out = bytes;
            return true;
        case Codec::Deflate:
            return inflateRaw(bytes, out);
        case Codec::Snappy:
            return unsnap(bytes, out);
        case Codec::Zstandard:
            return unzstd(bytes, out);
    }
    return false;
}

void compress(Codec codec, std::string_view bytes, std::string& out) {
    const size_t begin = out.size();
    switch (codec) {
        case Codec::Null:
            out += bytes;
            return;
        case Codec::Deflate: {
            z_stream stream{};
            MILLRACE_CHECK(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8,
                                        Z_DEFAULT_STRATEGY) == Z_OK);
            const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, deflateEnd);
            out.resize(begin + deflateBound(&stream, bytes.size()));
            stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
            stream.avail_in = static_cast<uInt>(bytes.size());
            stream.next_out = reinterpret_cast<Bytef*>(out.data() + begin);
            stream.avail_out = static_cast<uInt>(out.size() - begin);
            MILLRACE_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
            out.resize(out.size() - stream.avail_out);
            return;
        }
        case Codec::Snappy: {
            out.resize(begin + snappy::MaxCompressedLength(bytes.size()));
            size_t size = 0;
            snappy::RawCompress(bytes.data(), bytes.size(), out.data() + begin, &size);
            out.resize(begin + size);
            const auto sum = static_cast<uint32_t>(
                crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
            for (int shift = 24; shift >= 0; shift -= 8)
                out += static_cast<char>(sum >> shift);
            return;
        }
        case Codec::Zstandard: {
            out.resize(begin + ZSTD_compressBound(bytes.size()));
            const size_t size =
                ZSTD_compress(out.data() + begin, out.size() - begin, bytes.data(), bytes.size(), 3);
            MILLRACE_CHECK(ZSTD_isError(size) == 0, "zstd: {}", ZSTD_getErrorName(size));
            out.resize(begin + size);
            return;
        }
    }
}

}  // namespace millrace::avro

#include "formats/avro/avro_container.h"

#include <fmt/format.h>

#include "base/error.h"
#include "formats/avro/avro_bytes.h"

namespace millrace::avro {
namespace {

constexpr std::string_view kMagic("Obj\1", 4);
constexpr int64_t kMetadataEntriesMax = 10'000;

}  // namespace

size_t readContainerHeader(std::string_view bytes, std::string_view source, ContainerHeader& header) {
    const auto damaged = [&](const char* why) {
        throw UserError("data.malformed", fmt::format("{}: {}", source, why),
                        "the avro format reads Avro's object container files");
    };
    if (bytes.substr(0, kMagic.size()) != kMagic.substr(0, bytes.size()))
        damaged("the file is no Avro file: it does not begin with 'Obj'");
    if (bytes.size() < kMagic.size()) return 0;
    Cursor in{bytes.data() + kMagic.size(), bytes.data() + bytes.size()};
    std::string_view schema, codec = "null";
    while (true) {
        int64_t count = 0, size = 0;
        if (!in.readLong(count)) return 0;
        if (count == 0) break;
        if (count < 0 && !in.readLong(size)) return 0;
        if (count < -kMetadataEntriesMax || count > kMetadataEntriesMax)
            damaged("the header of the Avro file is damaged");
        for (count = count < 0 ? -count : count; count > 0; --count) {
            std::string_view key, value;
            if (!in.readBytes(key) || !in.readBytes(value)) return 0;
            if (key == "avro.schema") schema = value;
            if (key == "avro.codec") codec = value;
        }
    }
    if (in.left() < kMarkBytes) return 0;
    if (schema.empty()) damaged("the header of the Avro file has no schema");
    header.schema = Schema::parse(schema);
    header.codec = codecOfFile(codec, source);
    header.mark.assign(in.at, kMarkBytes);
    return static_cast<size_t>(in.at + kMarkBytes - bytes.data());
}

void appendContainerHeader(const ContainerHeader& header, std::string& out) {
    out += kMagic;
    appendLong(2, out);
    appendBytes("avro.codec", out);
    appendBytes(nameOf(header.codec), out);
    appendBytes("avro.schema", out);
    appendBytes(header.schema->text(), out);
    appendLong(0, out);
    out += header.mark;
}

BlockStatus readContainerBlock(std::string_view bytes, std::string_view mark, ContainerBlock& block) {
    Cursor in{bytes.data(), bytes.data() + bytes.size()};
    int64_t records = 0, size = 0;
    for (int64_t* number : {&records, &size}) {
        if (!in.readLong(*number)) return in.left() < 10 ? BlockStatus::Cut : BlockStatus::Damaged;
        if (*number < 0) return BlockStatus::Damaged;
    }
    if (static_cast<uint64_t>(size) > kBlockBytesMax) return BlockStatus::Damaged;
    block.bytes = {in.at, static_cast<size_t>(size)};
    if (in.left() < static_cast<size_t>(size) + kMarkBytes) return BlockStatus::Cut;
    in.at += size;
    if (std::string_view(in.at, kMarkBytes) != mark) return BlockStatus::Damaged;
    block.records = static_cast<uint64_t>(records);
    block.size = static_cast<size_t>(in.at + kMarkBytes - bytes.data());
    return BlockStatus::Whole;
}

}  // namespace millrace::avro

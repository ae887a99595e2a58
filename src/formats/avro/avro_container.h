// Avro's object container files, byte by byte (Avro specification, "Object Container Files"):
//
//   header: "Obj" 0x01, a map of texts to bytes with avro.schema and avro.codec, 16 bytes that mark
//   block:  long records, long bytes, these bytes (compressed by the codec), the 16 bytes that mark
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "formats/avro/avro_codec.h"
#include "formats/avro/avro_schema.h"

namespace millrace::avro {

inline constexpr size_t kMarkBytes = 16;

struct ContainerHeader {
    SchemaPtr schema;
    Codec codec = Codec::Null;
    std::string mark;
};

// The header at the start of `bytes`, behind which some bytes can be read, and its length; 0 if there is more
// to it. UserError "data.malformed" naming the source, "avro.bad-schema".
size_t readContainerHeader(std::string_view bytes, std::string_view source, ContainerHeader& header);
void appendContainerHeader(const ContainerHeader& header, std::string& out);

struct ContainerBlock {
    uint64_t records = 0;
    std::string_view bytes;  // compressed
    size_t size = 0;         // of the whole block
};
enum class BlockStatus : uint8_t { Whole, Cut, Damaged };
BlockStatus readContainerBlock(std::string_view bytes, std::string_view mark, ContainerBlock& block);

}  // namespace millrace::avro

// How the blocks of a container file are compressed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::avro {

enum class Codec : uint8_t { Null, Deflate, Snappy, Zstandard };
const char* nameOf(Codec codec);  // as files name it
// UserError "config.bad-value" for an option's value, "data.malformed" for a file's that is not known.
Codec codecOfOption(const std::string& name);
Codec codecOfFile(std::string_view name, std::string_view source);

inline constexpr size_t kBlockBytesMax = 256 << 20;  // uncompressed

// False if the bytes are none of the codec's, or more than kBlockBytesMax.
bool uncompress(Codec codec, std::string_view bytes, std::string& out);
void compress(Codec codec, std::string_view bytes, std::string& out);  // appends

}  // namespace millrace::avro

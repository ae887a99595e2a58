// Avro's binary encoding, byte by byte.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace millrace::avro {

// What is left of the input. At least 16 bytes can be read behind the end; a reader that went beyond it says
// so by false.
struct Cursor {
    const char* at;
    const char* end;

    size_t left() const { return static_cast<size_t>(end - at); }

    bool readLong(int64_t& out) {
        const auto* bytes = reinterpret_cast<const uint8_t*>(at);
        uint64_t value = bytes[0] & 0x7FU;
        size_t size = 1;
        if (bytes[0] >= 0x80) {
            for (int shift = 7;; shift += 7) {
                if (shift > 63) return false;
                const uint8_t byte = bytes[size++];
                value |= uint64_t{byte & 0x7FU} << shift;
                if (byte < 0x80) break;
            }
        }
        if (size > left()) return false;
        at += size;
        out = static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
        return true;
    }
    template <class T>
    bool readPlain(T& out) {  // little endian
        if (sizeof(T) > left()) return false;
        std::memcpy(&out, at, sizeof(T));
        at += sizeof(T);
        return true;
    }
    bool skip(size_t bytes) {
        if (bytes > left()) return false;
        at += bytes;
        return true;
    }
    bool readBytes(std::string_view& out) {
        int64_t size = 0;
        if (!readLong(size) || size < 0 || static_cast<uint64_t>(size) > left()) return false;
        out = {at, static_cast<size_t>(size)};
        at += size;
        return true;
    }
};

inline void appendLong(int64_t value, std::string& out) {
    uint64_t bits = static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63);
    char buffer[10];
    size_t size = 0;
    for (; bits >= 0x80; bits >>= 7)
        buffer[size++] = static_cast<char>(bits | 0x80);
    buffer[size++] = static_cast<char>(bits);
    out.append(buffer, size);
}

inline void appendBytes(std::string_view bytes, std::string& out) {
    appendLong(static_cast<int64_t>(bytes.size()), out);
    out += bytes;
}

template <class T>
void appendPlain(T value, std::string& out) {
    char buffer[sizeof(T)];
    std::memcpy(buffer, &value, sizeof(T));
    out.append(buffer, sizeof(T));
}

}  // namespace millrace::avro

#include "base/hash.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <cstring>
#include <string>
#ifdef __x86_64__
#include <nmmintrin.h>
#endif

#include "base/error.h"

namespace millrace {
namespace {

constexpr std::array<uint32_t, 256> makeCrcTable() {
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < 256; ++i) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; ++bit)
            crc = (crc >> 1) ^ ((crc & 1) ? 0x82F63B78U : 0);
        table[i] = crc;
    }
    return table;
}

constexpr std::array<uint32_t, 256> kCrcTable = makeCrcTable();

uint32_t crcPortable(const char* at, size_t size, uint32_t crc) {
    for (size_t i = 0; i < size; ++i)
        crc = (crc >> 8) ^ kCrcTable[(crc ^ static_cast<uint8_t>(at[i])) & 0xFF];
    return crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) uint32_t crcSse42(const char* at, size_t size, uint32_t crc) {
    uint64_t wide = crc;
    for (; size >= 8; at += 8, size -= 8) {
        uint64_t word;
        std::memcpy(&word, at, 8);
        wide = _mm_crc32_u64(wide, word);
    }
    crc = static_cast<uint32_t>(wide);
    for (; size > 0; ++at, --size)
        crc = _mm_crc32_u8(crc, static_cast<uint8_t>(*at));
    return crc;
}
#endif

}  // namespace

uint32_t crc32c(std::string_view bytes, uint32_t seed) {
#ifdef __x86_64__
    static const bool fast = __builtin_cpu_supports("sse4.2");
    if (fast) return ~crcSse42(bytes.data(), bytes.size(), ~seed);
#endif
    return ~crcPortable(bytes.data(), bytes.size(), ~seed);
}

uint64_t hashBytes(std::string_view bytes) {
    uint64_t hash = 0x9E3779B97F4A7C15ULL ^ (bytes.size() * 0xC4CEB9FE1A85EC53ULL);
    const char* at = bytes.data();
    size_t left = bytes.size();
    for (; left >= 8; at += 8, left -= 8) {
        uint64_t word;
        std::memcpy(&word, at, 8);
        hash = mixHash(hash ^ word);
    }
    if (left > 0) {
        uint64_t word = 0;
        std::memcpy(&word, at, left);
        hash = mixHash(hash ^ word);
    }
    return hash;
}

namespace {
std::string lowerHex(const unsigned char* bytes, size_t size) {
    std::string out;
    for (size_t i = 0; i < size; ++i) {
        out += "0123456789abcdef"[bytes[i] >> 4];
        out += "0123456789abcdef"[bytes[i] & 15];
    }
    return out;
}
}  // namespace

std::string sha256Hex(std::string_view bytes) {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
    return lowerHex(digest, sizeof digest);
}

std::string md5Hex(std::string_view bytes) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    MILLRACE_CHECK(EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_md5(), nullptr) == 1,
                   "MD5 failed");
    return lowerHex(digest, size);
}

}  // namespace millrace

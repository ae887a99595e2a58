#include <simdjson.h>

#include <bit>
#include <cstring>
#include <optional>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "formats/format.h"
#include "formats/json/json_fault.h"
#include "formats/json/json_steps.h"
#include "types/calendar.h"

#define ALWAYS_INLINE [[gnu::always_inline]] inline

namespace millrace::json {
namespace {

// What the character behind a backslash stands for; 0 where that is no escape, or \u.
constexpr std::array<char, 256> kMeanings = [] {
    std::array<char, 256> meanings{};
    meanings['"'] = '"';
    meanings['\\'] = '\\';
    meanings['/'] = '/';
    meanings['b'] = '\b';
    meanings['f'] = '\f';
    meanings['n'] = '\n';
    meanings['r'] = '\r';
    meanings['t'] = '\t';
    return meanings;
}();

constexpr int64_t kPowers[] = {1LL,
                               10LL,
                               100LL,
                               1'000LL,
                               10'000LL,
                               100'000LL,
                               1'000'000LL,
                               10'000'000LL,
                               100'000'000LL,
                               1'000'000'000LL,
                               10'000'000'000LL,
                               100'000'000'000LL,
                               1'000'000'000'000LL,
                               10'000'000'000'000LL,
                               100'000'000'000'000LL,
                               1'000'000'000'000'000LL,
                               10'000'000'000'000'000LL,
                               100'000'000'000'000'000LL,
                               1'000'000'000'000'000'000LL};

ALWAYS_INLINE unsigned digitOf(char c) { return static_cast<unsigned char>(c) - unsigned{'0'}; }

// Eight characters, the first one lowest.
static_assert(std::endian::native == std::endian::little);
ALWAYS_INLINE uint64_t wordAt(const char* at) {
    uint64_t word;
    std::memcpy(&word, at, sizeof(word));
    return word;
}

constexpr uint64_t everyByte(uint64_t byte) { return byte * 0x0101010101010101U; }

// How many of the eight, from the first on, are digits. (Of ':' to '?', which differ in the lower half only,
// the sum tells.)
ALWAYS_INLINE unsigned digitsOf(uint64_t word) {
    const uint64_t values = word ^ everyByte('0');
    const uint64_t others = ((values + everyByte(0x76)) | values) & everyByte(0x80);
    return static_cast<unsigned>(std::countr_zero(others)) / 8;
}

// The number that the first `count` characters say, 1 to 8 digits.
ALWAYS_INLINE uint64_t valueOf(uint64_t word, unsigned count) {
    uint64_t digits = (word ^ everyByte('0')) << (64 - 8 * count);
    digits = digits * 10 + (digits >> 8);
    constexpr uint64_t kFirstAndThird = 0x000000FF000000FF;
    return ((digits & kFirstAndThird) * 0x000F424000000064 +
            ((digits >> 16) & kFirstAndThird) * 0x0000271000000001) >>
           32;
}

// "12:30:15"
ALWAYS_INLINE bool readTimeOfDay(uint64_t word, int64_t& seconds) {
    constexpr uint64_t kForm = 0x30303A30303A3030;       // 00:00:00, the last character highest
    constexpr uint64_t kDistances = 0x767A7F767A7F7676;  // from each character's largest value to 0x7F
    const uint64_t values = word ^ kForm;
    if ((((values + kDistances) | values) & everyByte(0x80)) != 0) return false;
    const uint64_t pairs = values * 10 + (values >> 8);
    const uint64_t hour = pairs & 0xFF;
    seconds = static_cast<int64_t>(hour * 3600 + (pairs >> 24 & 0xFF) * 60 + (pairs >> 48 & 0xFF));
    return hour <= 23;
}

bool takeDate(Steps& steps, const char* at) {
    const std::optional<int32_t> days = text::readDate({at, steps.last_date.size()});
    if (!days) return false;
    std::memcpy(steps.last_date.data(), at, steps.last_date.size());
    steps.last_date_micros = *days * kMicrosPerDay;
    return true;
}

// A value of any kind, checked in whole.
const char* skipAny(const char* at, const char* limit) {
    bool non_ascii = false;
    const char* const end = skipValue(at, limit, non_ascii);
    if (end == nullptr) return nullptr;
    if (non_ascii && !simdjson::validate_utf8(at, static_cast<size_t>(end - at))) return nullptr;
    // A nested value may be spread over lines, a record may not.
    if (std::memchr(at, '\n', static_cast<size_t>(end - at)) != nullptr) return nullptr;
    return end;
}

// What is no text, and no short whole number.
const char* skipNoText(const char* at, const char* limit) {
    const char* const end = skipNumber(at, limit);
    return end != at ? end : skipAny(at, limit);
}

bool isWord(const char* at, std::string_view word) { return std::memcmp(at, word.data(), word.size()) == 0; }

const char* readBool(const Step& step, const char* at, BatchBuilder& out) {
    const bool value = isWord(at, "true");
    if (!value && !isWord(at, "false")) return nullptr;
    out.column(step.column).append<uint8_t>(value ? 1 : 0);
    return at + (value ? 4 : 5);
}

// Where a value was looked for in vain.
const char* readNull(const Step& step, const char* at, BatchBuilder& out) {
    if (!step.nullable || !isWord(at, "null")) return nullptr;
    out.column(step.column).appendNull();
    return at + 4;
}

namespace portable {

using Mask = uint32_t;
struct Block {
    Mask quotes, slashes, odd;
};

#if defined(__SSE2__)
ALWAYS_INLINE Mask joined(__m128i low, __m128i high) {
    return static_cast<Mask>(_mm_movemask_epi8(low)) | static_cast<Mask>(_mm_movemask_epi8(high)) << 16;
}
ALWAYS_INLINE __m128i halfAt(const char* at) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)); }

ALWAYS_INLINE Block look(const char* at) {
    const __m128i low = halfAt(at), high = halfAt(at + 16);
    const auto is = [&](char c) {
        return joined(_mm_cmpeq_epi8(low, _mm_set1_epi8(c)), _mm_cmpeq_epi8(high, _mm_set1_epi8(c)));
    };
    const __m128i space = _mm_set1_epi8(' ');  // compared with signs, bytes above 0x7F are below it, too
    return {is('"'), is('\\'), joined(_mm_cmplt_epi8(low, space), _mm_cmplt_epi8(high, space))};
}
#else
ALWAYS_INLINE Block look(const char* at) {
    Block block{0, 0, 0};
    for (unsigned i = 0; i < sizeof(Mask) * 8; ++i) {
        block.quotes |= static_cast<Mask>(at[i] == '"') << i;
        block.slashes |= static_cast<Mask>(at[i] == '\\') << i;
        block.odd |= static_cast<Mask>(static_cast<signed char>(at[i]) < ' ') << i;
    }
    return block;
}
#endif

Mask controls(const char* at) {
    Mask found = 0;
    for (unsigned i = 0; i < sizeof(Mask) * 8; ++i)
        found |= static_cast<Mask>(static_cast<unsigned char>(at[i]) < ' ') << i;
    return found;
}

ALWAYS_INLINE void copyBlock(const char* from, char* to) { std::memcpy(to, from, sizeof(Mask) * 8); }

#if defined(__SSE2__)
ALWAYS_INLINE bool startsWith(const char* at, const char* literal, Mask mask) {
    return (mask & ~joined(_mm_cmpeq_epi8(halfAt(at), halfAt(literal)),
                           _mm_cmpeq_epi8(halfAt(at + 16), halfAt(literal + 16)))) == 0;
}
#else
ALWAYS_INLINE bool startsWith(const char* at, const char* literal, Mask mask) {
    return std::memcmp(at, literal, static_cast<size_t>(std::popcount(mask))) == 0;
}
#endif

#include "formats/json/json_kernel.inc"

}  // namespace portable

#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,popcnt"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2,popcnt")
#endif
namespace avx2 {

using Mask = uint64_t;
struct Block {
    Mask quotes, slashes, odd;
};

ALWAYS_INLINE uint32_t bits(__m256i block) { return static_cast<uint32_t>(_mm256_movemask_epi8(block)); }
ALWAYS_INLINE Mask joined(__m256i low, __m256i high) { return bits(low) | Mask{bits(high)} << 32; }
ALWAYS_INLINE __m256i halfAt(const char* at) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
}

ALWAYS_INLINE Block look(const char* at) {
    const __m256i low = halfAt(at), high = halfAt(at + 32);
    const __m256i quote = _mm256_set1_epi8('"'), slash = _mm256_set1_epi8('\\');
    const __m256i space = _mm256_set1_epi8(' ');  // compared with signs, bytes above 0x7F are below it, too
    return {joined(_mm256_cmpeq_epi8(low, quote), _mm256_cmpeq_epi8(high, quote)),
            joined(_mm256_cmpeq_epi8(low, slash), _mm256_cmpeq_epi8(high, slash)),
            joined(_mm256_cmpgt_epi8(space, low), _mm256_cmpgt_epi8(space, high))};
}

Mask controls(const char* at) {
    const __m256i last = _mm256_set1_epi8(0x1F);
    const __m256i low = halfAt(at), high = halfAt(at + 32);
    return joined(_mm256_cmpeq_epi8(_mm256_min_epu8(low, last), low),
                  _mm256_cmpeq_epi8(_mm256_min_epu8(high, last), high));
}

ALWAYS_INLINE void copyBlock(const char* from, char* to) {
    const __m256i low = halfAt(from), high = halfAt(from + 32);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), low);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 32), high);
}

ALWAYS_INLINE bool startsWith(const char* at, const char* literal, uint32_t mask) {
    return (mask & ~bits(_mm256_cmpeq_epi8(halfAt(at), halfAt(literal)))) == 0;
}

#include "formats/json/json_kernel.inc"

}  // namespace avx2
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vbmi2,avx2,bmi,bmi2,popcnt"))), \
                             apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vbmi2,avx2,bmi,bmi2,popcnt")
#endif
namespace avx512 {

using Mask = uint64_t;
struct Block {
    Mask quotes, slashes, odd;
};

ALWAYS_INLINE __m512i blockAt(const char* at) { return _mm512_loadu_si512(at); }

ALWAYS_INLINE Block look(const char* at) {
    const __m512i block = blockAt(at);
    return {_mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8('"')),
            _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8('\\')),
            _mm512_cmplt_epi8_mask(block, _mm512_set1_epi8(' '))};
}

Mask controls(const char* at) { return _mm512_cmplt_epu8_mask(blockAt(at), _mm512_set1_epi8(' ')); }

ALWAYS_INLINE void copyBlock(const char* from, char* to) { _mm512_storeu_si512(to, blockAt(from)); }

ALWAYS_INLINE bool startsWith(const char* at, const char* literal, uint32_t mask) {
    const __m256i text = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
    const __m256i wanted = _mm256_load_si256(reinterpret_cast<const __m256i*>(literal));
    return (mask & ~static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(text, wanted)))) == 0;
}

// The bytes of a block that have a bit in `kept`, side by side.
ALWAYS_INLINE void compress(const char* from, Mask kept, char* to) {
    _mm512_storeu_si512(to, _mm512_maskz_compress_epi8(kept, blockAt(from)));
}

#define KERNEL_COMPRESSES
#include "formats/json/json_kernel.inc"

#undef KERNEL_COMPRESSES
}  // namespace avx512
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

#undef ALWAYS_INLINE
}  // namespace

const std::vector<NamedKernel>& kernels() {
    static const std::vector<NamedKernel> all = [] {
        std::vector<NamedKernel> runnable;
#if defined(__x86_64__)
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("popcnt") &&
            __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2"))
            runnable.push_back({"avx512", avx512::readRecords});
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt") &&
            __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2"))
            runnable.push_back({"avx2", avx2::readRecords});
#endif
        runnable.push_back({"portable", portable::readRecords});
        return runnable;
    }();
    return all;
}

}  // namespace millrace::json

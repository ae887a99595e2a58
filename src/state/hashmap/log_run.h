// Rows of one key that came one behind the other lie so in its log (state/keyed_logs.h): a run. It begins
// with 8 bytes, the address of the key's run before it (48 bits) and how many rows it has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace millrace {

class LogRun {
  public:
    static constexpr size_t kHeaderBytes = 8;
    // A run ends with the row that makes it as long: a step of a capture takes a whole one.
    static constexpr size_t kBytesMax = 4096;

    static void begin(std::byte* run, const std::byte* previous, size_t rows) {
        const uint64_t word = reinterpret_cast<uintptr_t>(previous) | static_cast<uint64_t>(rows) << 48;
        std::memcpy(run, &word, sizeof(word));
    }
    static std::byte* previousOf(const std::byte* run) {
        return reinterpret_cast<std::byte*>(wordOf(run) << 16 >> 16);
    }
    static uint32_t rowsOf(const std::byte* run) { return static_cast<uint32_t>(wordOf(run) >> 48); }

  private:
    static uint64_t wordOf(const std::byte* run) {
        uint64_t word;
        std::memcpy(&word, run, sizeof(word));
        return word;
    }
};

}  // namespace millrace

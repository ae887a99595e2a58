// The texts of a stretch of a column's whole numbers, each in a slot of its own. Made column by column they
// do not wait for each other: where a number is written in a row depends on the lengths of all before it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace::text {

inline constexpr size_t kSlotBytes = 32;

// texts[i] becomes the text of values[i], which lies at slots + i * kSlotBytes; what follows it in its slot
// is anything.
void writeIntegers(const int32_t* values, size_t count, char* slots, std::string_view* texts);
void writeIntegers(const int64_t* values, size_t count, char* slots, std::string_view* texts);

}  // namespace millrace::text

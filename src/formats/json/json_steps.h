// A record's shape as the steps through it, and what goes them: one kernel, compiled for several instruction
// sets (json_kernel.inc).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "batch/batch.h"
#include "formats/text/scalar.h"

namespace millrace::json {

struct Step {
    enum class Kind : uint8_t {
        Skip,
        Bool,
        Int32,
        Int64,
        Double,
        Decimal64,  // precision up to 18
        String,
        Timestamp,  // SQL form
        Number,     // any other type written as a number
        Text,       // any other type written as a text
    };
    uint32_t literal;  // where the bytes before the value start in Steps::literals
    uint32_t literal_size;
    Kind kind;
    bool nullable;
    uint16_t column;  // of the output
    int8_t scale;     // of a decimal; precision of a timestamp
};

struct Steps {
    std::vector<Step> steps;
    std::string literals;                   // with kLiteralPadding bytes behind
    std::string tail;                       // between the last value and the line end; padded, too
    uint32_t tail_size = 0;                 // without the padding
    std::vector<uint16_t> absent;           // columns that get NULL
    const std::vector<LogicalType>& types;  // of each column
    text::TimestampStandard standard;
    // The date of last_date_micros: neighbouring rows mostly share it.
    std::array<char, 10> last_date = {'1', '9', '7', '0', '-', '0', '1', '-', '0', '1'};
    int64_t last_date_micros = 0;
    std::string scratch;
    std::string unescaped;
};

inline constexpr size_t kLiteralPadding = 64;

// Appends the records at `at` to `out` while they are of this shape and `rows_max` are not reached, and
// returns where the next one starts. A record must end in a line end before `limit`, which is behind one;
// what has been appended of one that is not of this shape is taken back.
using Kernel = const char* (*)(Steps& steps, const char* at, const char* limit, size_t rows_max,
                               BatchBuilder& out);

// By name, as this machine can run them, the best one first.
struct NamedKernel {
    const char* name;
    Kernel run;
};
const std::vector<NamedKernel>& kernels();

}  // namespace millrace::json

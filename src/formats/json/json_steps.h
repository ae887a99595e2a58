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

// Some bytes that are the same in every record, and the value behind them. One cache line.
struct alignas(64) Step {
    enum class Kind : uint8_t {
        Literal,  // no value
        Line,     // no value: the record ends
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
    static constexpr size_t kLiteralMax = 32;

    std::array<char, kLiteralMax> literal{};
    uint32_t mask = 0;  // a bit for each byte of it
    Kind kind = Kind::Skip;
    bool nullable = false;
    int8_t scale = 0;     // of a decimal; precision of a timestamp
    uint16_t column = 0;  // of the output
    uint32_t literal_size = 0;
};

struct Steps {
    std::vector<Step> steps;                // the last one is a Line
    std::vector<uint16_t> absent;           // columns that get NULL
    const std::vector<LogicalType>& types;  // of each column
    text::TimestampStandard standard;
    // The date of last_date_micros: neighbouring rows mostly share it.
    std::array<char, 10> last_date = {'1', '9', '7', '0', '-', '0', '1', '-', '0', '1'};
    int64_t last_date_micros = 0;
    std::string scratch;
    std::string unescaped;
};

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

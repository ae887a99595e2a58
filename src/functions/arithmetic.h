// The parts of + - * / % that live in files of their own.
#pragma once

#include "functions/function.h"

namespace millrace {

enum class Arithmetic : uint8_t { Add, Subtract, Multiply, Divide, Modulo };

// Both exact numbers, at least one DECIMAL.
BoundScalar bindDecimalArithmetic(Arithmetic operation, std::span<const ArgumentInfo> arguments);
// Dates, times and intervals; nothing where the operation has no meaning.
std::optional<BoundScalar> bindTemporalArithmetic(Arithmetic operation,
                                                  std::span<const ArgumentInfo> arguments);

[[noreturn]] void divisionByZero();

}  // namespace millrace

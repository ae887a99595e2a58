// FLOAT and DOUBLE as text, in the form of Java's Double.toString, which is what Flink's CAST and formats
// write: the shortest digits that read back as the same number, "1.0", "1.0E7", "1.0E-5", "NaN", "Infinity".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace millrace {

// Appenders write at `out` (32 bytes must be free) and return the new end.
char* appendDouble(char* out, double value);
char* appendFloat(char* out, float value);
std::string formatDouble(double value);
std::string formatFloat(float value);
std::optional<double> parseDouble(std::string_view text);  // the whole text; exponents, NaN, Infinity

}  // namespace millrace

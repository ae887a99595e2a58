// A VARIANT's value: any JSON value, kept as JSON text in one canonical spelling, so that two variants are
// equal exactly when their texts are. No space between tokens; members of an object sorted in Java's order of
// Strings, each once; strings escaped only where JSON wants it; an exact number in plain digits without
// needless zeros ("1", "-0.25"); a DOUBLE with an exponent, always ("1.5E0", "-2.0E300"), which tells it from
// a DECIMAL. JSON's null is a value, other than SQL's NULL.
#pragma once

#include <string>
#include <string_view>

namespace millrace {

// As it is shown and written: a DOUBLE in Java's form, "1.5" for "1.5E0".
std::string variantToJson(std::string_view variant);

}  // namespace millrace

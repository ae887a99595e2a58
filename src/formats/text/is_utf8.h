// Whether bytes are a text, and a text of those that are none.
#pragma once

#include <string>
#include <string_view>

namespace millrace::text {

bool isUtf8(std::string_view text);

// What is not UTF-8 becomes U+FFFD, as in Java.
std::string toUtf8(std::string_view bytes);

}  // namespace millrace::text

// Whether bytes are a text.
#pragma once

#include <string_view>

namespace millrace::text {

bool isUtf8(std::string_view text);

}  // namespace millrace::text

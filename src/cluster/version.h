// What this binary says of itself.
#pragma once

namespace millrace {

inline constexpr const char* kMillraceVersion = MILLRACE_VERSION;  // of CMakeLists.txt

}  // namespace millrace

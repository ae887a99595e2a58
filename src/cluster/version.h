// What this binary says of itself.
#pragma once

namespace millrace {

inline constexpr const char* kMillraceVersion = MILLRACE_VERSION;  // of CMakeLists.txt
inline constexpr const char* kFlinkVersion = "1.20.0";             // whose REST API and SQL it speaks

}  // namespace millrace

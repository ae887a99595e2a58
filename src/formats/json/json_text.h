// JSON texts, escaped as Jackson escapes them: \" \\ \b \f \n \r \t, other control characters as \u00XX, all
// else as it is.
#pragma once

#include <string>
#include <string_view>

namespace millrace::json {

// With the quotes. At most 6 * text.size() + 2 bytes at `out`, and up to 16 more may be overwritten.
char* writeQuoted(char* out, std::string_view text);
void appendQuoted(std::string_view text, std::string& out);

}  // namespace millrace::json

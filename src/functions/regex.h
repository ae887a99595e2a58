// Compiled regular expressions, kept by thread. The syntax is RE2's, which is Java's without look-around and
// back-references.
#pragma once

#include <re2/re2.h>

#include <string_view>

namespace millrace {

// Nothing for a malformed expression. Valid until the thread's next call.
const RE2* compiledRegex(std::string_view pattern);

inline re2::StringPiece toPiece(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace millrace

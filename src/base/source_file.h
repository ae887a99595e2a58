// For tests: files of the checkout they were built from.
#pragma once

#include <string>

namespace millrace {

// The absolute path of a file or folder of the checkout, say `docs/api.md`. Defined in tests and simulations
// only, by a source that the build generates: a path in a compiler's command would keep ccache from knowing a
// test of another checkout.
std::string sourceFile(const std::string& path);

}  // namespace millrace

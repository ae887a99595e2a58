// Rooms: base
// Any text is a valid duration, size, number or boolean, or it is a UserError that names the key.
#include <cstdlib>
#include <string>

#include "base/configuration.h"
#include "base/error.h"

namespace {

template <class T>
void parse(const std::string& text) {
    try {
        millrace::parseConfigValue<T>("fuzzed.key", text);
    } catch (const millrace::UserError& error) {
        if (std::string(error.what()).find("fuzzed.key") == std::string::npos) std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    parse<int64_t>(text);
    parse<double>(text);
    parse<bool>(text);
    parse<millrace::MemorySize>(text);
    parse<millrace::Duration>(text);
    return 0;
}

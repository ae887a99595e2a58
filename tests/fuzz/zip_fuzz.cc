// Rooms: base
// Whatever bytes come as a code package, they are read within their limits or refused with an error of ours;
// and no name comes out that could reach outside a folder.
#include <set>

#include "base/error.h"
#include "base/zip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace millrace;
    ZipLimits limits;
    limits.entries_max = 100;
    limits.bytes_max = 4 << 20;
    try {
        uint64_t total = 0;
        std::set<std::string> names;
        for (const ZipEntry& entry : readZip({reinterpret_cast<const char*>(data), size}, limits)) {
            total += entry.content.size();
            MILLRACE_CHECK(names.insert(entry.name).second, "two entries of one name");
            MILLRACE_CHECK(
                !entry.name.empty() && entry.name[0] != '/' && entry.name.find('\\') == std::string::npos,
                "an unsafe name");
            MILLRACE_CHECK(("/" + entry.name + "/").find("/../") == std::string::npos, "a name that climbs");
        }
        MILLRACE_CHECK(total <= limits.bytes_max && names.size() <= limits.entries_max,
                       "more than the limits");
    } catch (const UserError& error) {
        MILLRACE_CHECK(error.code().starts_with("zip."), "an error of another kind: {}", error.code());
    }
    return 0;
}

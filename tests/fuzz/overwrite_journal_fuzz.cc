// Rooms: connectors
// The journal of an INSERT OVERWRITE, as it may lie in a folder: it is read or refused, what was read is
// written and read again as the same, and it names nothing outside of its folder.
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "connectors/filesystem/overwrite.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace millrace;
    const std::string folder = "/table";
    const auto inside = [&](const std::string& path) {
        return (path + "/").starts_with(folder + "/") && (path + "/").find("/../") == std::string::npos;
    };
    try {
        const OverwriteJournal journal =
            OverwriteJournal::decode({reinterpret_cast<const char*>(data), size}, folder);
        for (const FileCommittable& file : journal.written) {
            if (!inside(file.hiddenPath()) || !inside(file.path())) std::abort();
        }
        for (const std::string& path : journal.before) {
            if (!inside(path)) std::abort();
        }
        const std::string text = journal.encode(folder);
        if (OverwriteJournal::decode(text, folder).encode(folder) != text) std::abort();
    } catch (const UserError& error) {
        if (error.code() != "io.damaged") std::abort();
    }
    return 0;
}

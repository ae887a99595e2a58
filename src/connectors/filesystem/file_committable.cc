#include "connectors/filesystem/file_committable.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "connectors/filesystem/committable_lines.h"

namespace millrace {

std::string FileCommittable::encode() const {
    return fmt::format("1\n{}\n{}\n{}\n{}", escapeLine(folder), escapeLine(hidden), escapeLine(name), bytes);
}

FileCommittable FileCommittable::decode(std::string_view text) {
    const std::vector<std::string> parts = linesOf(text);
    if (parts.size() != 5 || parts[0] != "1" ||
        parts[4].find_first_not_of("0123456789") != std::string::npos || parts[4].empty() ||
        parts[4].size() > 18) {
        throw UserError("snapshot.damaged",
                        "what a filesystem sink has to commit cannot be read from the snapshot");
    }
    return {parts[1], parts[2], parts[3], std::stoull(parts[4])};
}

bool makeVisible(const FileCommittable& file, FileSystem& files) {
    const std::string from = file.hiddenPath();
    const std::string to = file.path();
    if (files.exists(from)) {
        const uint64_t size = files.status(from).size;
        if (size != file.bytes) {
            throw UserError(
                "io.damaged",
                fmt::format("the file '{}' has {} bytes, and {} were written before the checkpoint "
                            "that names it",
                            from, size, file.bytes),
                "something else has changed it; start from an older snapshot");
        }
        files.rename(from, to);
    } else if (!files.exists(to)) {
        logWarn("connectors.filesystem",
                "'{}' is neither there nor hidden: it was committed before, and taken away since", to);
        return false;
    }
    return true;
}

}  // namespace millrace

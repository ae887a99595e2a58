// A file that the filesystem sink has written and not yet made visible, as a checkpoint keeps it:
// "1\n<folder>\n<hidden name>\n<name>\n<bytes>", line ends in names escaped.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/file_system.h"

namespace millrace {

struct FileCommittable {
    std::string folder;
    std::string hidden;
    std::string name;
    uint64_t bytes = 0;

    static bool is(std::string_view text) { return text.starts_with("1\n"); }
    std::string encode() const;
    static FileCommittable decode(std::string_view text);  // UserError "snapshot.damaged"

    std::string hiddenPath() const { return joinPath(folder, hidden); }
    std::string path() const { return joinPath(folder, name); }
};

// Gives the file its name, unless it has it. A rename may have happened before, and may not have reached the
// disk: the folder is to be synced whenever the file is there. False if it is gone: it was committed before,
// and taken away since. UserError "io.damaged" if its size is not what was written.
bool makeVisible(const FileCommittable& file, FileSystem& files);

}  // namespace millrace

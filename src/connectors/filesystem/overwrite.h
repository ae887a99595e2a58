// INSERT OVERWRITE: the rows of a job take the place of what a table, or its partitions, held before.
//
// A writer names all the files it has written at every barrier, and the committer leaves them hidden until
// the writers of all subtasks have said that their input has ended; a job that fails or is killed before that
// has changed nothing. The first subtask's word comes with a token, a hidden file in the table's folder. The
// committer puts into it which files there were, and from then on the change is made whatever happens: the
// new files are renamed, the old ones removed, and last the token. Committed again after a failure it goes on
// where it was; without a token there is nothing left to do.
//
// A writer's word is kept in the checkpoint beside the files to commit, as lines: 3, subtask, parallelism,
// the path of the token or nothing. The token holds the paths of the old files, one a line, behind the line
// "overwrites".
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "connectors/filesystem/file_committable.h"
#include "connectors/filesystem/filesystem_options.h"

namespace millrace {

// What a writer says when its input has ended.
struct OverwriteWord {
    uint32_t subtask = 0;
    uint32_t parallelism = 1;
    std::string token;

    static bool is(std::string_view committable);
    std::string encode() const;
    static OverwriteWord decode(std::string_view text);  // UserError "snapshot.damaged"
};

// What is overwritten even if no row comes for it: the table without partitions, or the one partition that
// the statement names; "" if it depends on the rows.
std::string overwrittenFolder(const FilesystemOptions& options, const TableSpec& spec);

// The committer's part, once all words are there. `always` is overwrittenFolder().
void overwriteFiles(const std::vector<FileCommittable>& written, const std::string& token,
                    const std::string& always, FileSystem& files);

}  // namespace millrace

// INSERT OVERWRITE: the rows of a job take the place of what a table, or its partitions, held before.
//
// A writer names all the files it has written at every barrier, and the committer leaves them hidden until
// the writers of all subtasks have said that their input has ended; a job that fails or is killed before that
// has changed nothing. The first subtask's word comes with a token, a hidden file in the table's folder. The
// committer makes it a journal: which files there are to be, and which there were. From then on the change is
// made whatever happens: the new files are renamed, the old ones removed, and last the journal. Committed
// again after a failure it goes on where it was; without a token there is nothing left to do. And whoever
// comes to the folder next, to read the table or to write to it, finds a journal that was left behind and
// makes the change first: nobody sees half of it.
//
// A writer's word is kept in the checkpoint beside the files to commit, as lines: 3, subtask, parallelism,
// the path of the token or nothing. A journal is lines behind the line "overwrites 1", with escaped line
// ends: "new <folder>\n<hidden name>\n<name>\n<bytes>" and "old <path>", folders and paths from the table's
// folder on.
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

// The name of a job's token. `suffix` is that of its hidden files.
std::string overwriteTokenName(std::string_view attempt, uint64_t number, std::string_view suffix);

// What a journal says. Paths that lead out of the folder are UserError "io.damaged", as is all that a journal
// does not look like.
struct OverwriteJournal {
    std::vector<FileCommittable> written;
    std::vector<std::string> before;

    std::string encode(const std::string& folder) const;
    static OverwriteJournal decode(std::string_view text, const std::string& folder);
};

// Makes the changes whose journals lie in the folder of a table, if it is one. Several may do so at once.
void finishOverwrites(const std::string& folder, FileSystem& files);

// The committer's part, once all words are there. `always` is overwrittenFolder().
void overwriteFiles(const std::vector<FileCommittable>& written, const std::string& token,
                    const std::string& always, FileSystem& files);

}  // namespace millrace

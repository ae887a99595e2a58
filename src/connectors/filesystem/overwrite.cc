#include "connectors/filesystem/overwrite.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "connectors/filesystem/committable_lines.h"

namespace millrace {
namespace {

constexpr std::string_view kJournalHead = "overwrites 1";
constexpr std::string_view kNew = "new ";
constexpr std::string_view kOld = "old ";
constexpr std::string_view kTokenMark = "-overwrite-";

[[noreturn]] void damagedJournal(const std::string& folder) {
    throw UserError(
        "io.damaged",
        fmt::format("the journal of an INSERT OVERWRITE in '{}' is not what was written", folder),
        "if no job is writing there, remove the hidden files whose names have '-overwrite-' in them");
}

// "" is the folder itself.
std::string below(const std::string& folder, const std::string& path) {
    return path.empty() ? folder : joinPath(folder, path);
}

std::string fromFolder(const std::string& folder, const std::string& path) {
    if (path == folder) return "";
    MILLRACE_CHECK(path.starts_with(folder + "/"), "'{}' is not below '{}'", path, folder);
    return path.substr(folder.size() + 1);
}

bool staysBelow(std::string_view path) {
    if (path.starts_with('/')) return false;
    for (size_t at = 0; at <= path.size();) {
        const size_t end = std::min(path.find('/', at), path.size());
        if (path.substr(at, end - at) == "..") return false;
        at = end + 1;
    }
    return true;
}

bool isName(std::string_view name) {
    return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos;
}

// Every visible file at or below `folder`, as a source of the table reads it.
void collectVisibleFiles(FileSystem& files, const std::string& folder, std::vector<std::string>& paths) {
    if (!files.exists(folder)) return;
    for (const FileStatus& entry : files.list(folder)) {
        if (isHidden(entry.name)) continue;
        const std::string path = joinPath(folder, entry.name);
        if (entry.is_folder) {
            collectVisibleFiles(files, path, paths);
        } else {
            paths.push_back(path);
        }
    }
}

std::vector<std::string> filesBefore(const std::vector<FileCommittable>& written, const std::string& always,
                                     FileSystem& files) {
    std::set<std::string> folders, names;
    for (const FileCommittable& file : written) {
        folders.insert(file.folder);
        names.insert(file.path());
    }
    if (!always.empty()) folders = {always};
    std::vector<std::string> before;
    for (const std::string& folder : folders)
        collectVisibleFiles(files, folder, before);
    std::erase_if(before, [&](const std::string& path) { return names.count(path) > 0; });
    return before;
}

}  // namespace

bool OverwriteWord::is(std::string_view committable) { return committable.starts_with("3\n"); }

std::string OverwriteWord::encode() const {
    return fmt::format("3\n{}\n{}\n{}", subtask, parallelism, escapeLine(token));
}

OverwriteWord OverwriteWord::decode(std::string_view text) {
    const std::vector<std::string> parts = linesOf(text);
    const auto number = [](const std::string& part) {
        return !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == std::string::npos;
    };
    if (parts.size() != 4 || !number(parts[1]) || !number(parts[2])) {
        throw UserError("snapshot.damaged",
                        "what a filesystem sink has to overwrite cannot be read from the snapshot");
    }
    return {static_cast<uint32_t>(std::stoul(parts[1])), static_cast<uint32_t>(std::stoul(parts[2])),
            parts[3]};
}

std::string overwrittenFolder(const FilesystemOptions& options, const TableSpec& spec) {
    std::string folder = options.path;
    for (const std::string& key : spec.partition_keys) {
        const auto value = spec.overwrite->partition.find(key);
        if (value == spec.overwrite->partition.end()) return "";
        const std::string& text = value->second.empty() ? options.default_partition : value->second;
        folder = joinPath(folder, escapePathName(key) + "=" + escapePathName(text));
    }
    return folder;
}

std::string overwriteTokenName(std::string_view attempt, uint64_t number, std::string_view suffix) {
    return fmt::format(".part-{}{}{}{}", attempt, kTokenMark, number, suffix);
}

std::string OverwriteJournal::encode(const std::string& folder) const {
    std::string text(kJournalHead);
    for (FileCommittable file : written) {
        file.folder = fromFolder(folder, file.folder);
        text += fmt::format("\n{}{}", kNew, escapeLine(file.encode()));
    }
    for (const std::string& path : before)
        text += fmt::format("\n{}{}", kOld, escapeLine(fromFolder(folder, path)));
    return text;
}

OverwriteJournal OverwriteJournal::decode(std::string_view text, const std::string& folder) {
    const std::vector<std::string> lines = linesOf(text);
    if (lines.front() != kJournalHead) damagedJournal(folder);
    OverwriteJournal journal;
    for (size_t i = 1; i < lines.size(); ++i) {
        const std::string_view line = lines[i];
        if (line.starts_with(kNew)) {
            FileCommittable file;
            try {
                file = FileCommittable::decode(line.substr(kNew.size()));
            } catch (const UserError&) {
                damagedJournal(folder);
            }
            if (!staysBelow(file.folder) || !isName(file.hidden) || !isName(file.name))
                damagedJournal(folder);
            file.folder = below(folder, file.folder);
            journal.written.push_back(std::move(file));
        } else if (line.starts_with(kOld) && line.size() > kOld.size() &&
                   staysBelow(line.substr(kOld.size()))) {
            journal.before.push_back(below(folder, std::string(line.substr(kOld.size()))));
        } else {
            damagedJournal(folder);
        }
    }
    return journal;
}

namespace {

// What has been decided, as far as it is not done. Others may be at it, too.
void makeChange(const OverwriteJournal& journal, const std::string& token, FileSystem& files) {
    std::set<std::string> folders;
    for (const FileCommittable& file : journal.written) {
        try {
            if (!makeVisible(file, files)) continue;
        } catch (const UserError& error) {
            // Not if somebody else has just renamed it.
            if (files.exists(file.hiddenPath()) || !files.exists(file.path())) throw;
        }
        folders.insert(file.folder);
    }
    for (const std::string& folder : folders)
        files.syncFolder(folder);
    folders.clear();
    for (const std::string& path : journal.before) {
        if (!files.exists(path)) continue;
        files.remove(path);
        folders.insert(parentFolder(path));
    }
    for (const std::string& folder : folders)
        files.syncFolder(folder);
    files.remove(token);
}

}  // namespace

void finishOverwrites(const std::string& folder, FileSystem& files) {
    if (!files.exists(folder) || !files.status(folder).is_folder) return;
    for (const FileStatus& entry : files.list(folder)) {
        if (entry.is_folder || !entry.name.starts_with(".part-") ||
            entry.name.find(kTokenMark) == std::string::npos) {
            continue;
        }
        const std::string token = joinPath(folder, entry.name);
        std::string noted;
        try {
            noted = readFile(files, token);
        } catch (const UserError&) {
            if (files.exists(token)) throw;
            continue;  // somebody else has made the change
        }
        if (noted.empty()) continue;  // of a job that has not decided yet
        makeChange(OverwriteJournal::decode(noted, folder), token, files);
    }
}

void overwriteFiles(const std::vector<FileCommittable>& written, const std::string& token,
                    const std::string& always, FileSystem& files) {
    if (!files.exists(token)) return;  // all was done before
    const std::string folder = parentFolder(token);
    const std::string noted = readFile(files, token);
    if (!noted.empty()) return makeChange(OverwriteJournal::decode(noted, folder), token, files);
    // A job that is started once more from its end has nothing new, and what came since is not its own.
    const bool nothing_new =
        !written.empty() && std::none_of(written.begin(), written.end(), [&](const FileCommittable& file) {
            return files.exists(file.hiddenPath());
        });
    if (nothing_new) {
        files.remove(token);
        return;
    }
    const OverwriteJournal journal{written, filesBefore(written, always, files)};
    writeFileAtomically(files, token, journal.encode(folder));
    makeChange(journal, token, files);
}

}  // namespace millrace

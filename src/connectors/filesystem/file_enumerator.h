// Finds the files of a table and deals them out, one at a time, in the order of their names, each reader its
// first before any its second.
//
// What it remembers is the paths already dealt out, below the table's folder and front-coded: a path costs
// its difference to the one before. They are kept for good, also when a file is gone, so that a folder that
// is empty for a moment does not make everything new. A bounded table keeps the undealt paths too, so that
// files that appear later do not become part of it.
//
// State: "\x01", then the dealt paths, then (bounded only) the undealt ones; a list is a varint count and,
// for each path in order, varint bytes shared with the one before, varint further bytes, these bytes.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <string>

#include "connectors/filesystem/filesystem_options.h"

namespace millrace {

class FileEnumerator final : public SplitEnumerator {
  public:
    FileEnumerator(FilesystemOptions options, const std::optional<std::string>& restored);
    ~FileEnumerator() override;

    void start(EnumeratorContext& context) override;
    void discover(EnumeratorContext& context) override;
    void onSplitRequest(EnumeratorContext& context, SlotIndex reader) override;
    std::string snapshot() const override;

  private:
    void scan(EnumeratorContext& context);
    void deal(EnumeratorContext& context);
    std::optional<SlotIndex> nextReader(uint32_t parallelism) const;

    class Pattern;
    const FilesystemOptions options_;
    std::unique_ptr<const Pattern> pattern_;
    bool restored_ = false;
    std::set<std::string> dealt_;
    std::set<std::string> undealt_;
    std::set<SlotIndex> waiting_;  // readers that asked while there was nothing for them
    std::set<SlotIndex> served_;   // that had a file since start()
    bool spreads_ = true;
};

// A split is named by its file's path below the table's folder (`id`); its state is how far it was read.
struct FilePosition {
    uint64_t offset = 0;
    uint64_t line = 1;
    uint64_t size_min = 0;  // the file's size when it was last opened: a file must not shrink
    uint64_t taken = 0;     // rows of what begins at `offset` that went on already: a block may give more
                            // than are taken at once

    std::string encode() const;
    static FilePosition decode(const std::string& state);
};

// The folder that paths of splits are relative to: the table's path, or the folder of the file it names.
std::string splitFolder(FileSystem& files, const FilesystemOptions& options);

}  // namespace millrace

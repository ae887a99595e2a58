// The files that hold the state of snapshots: segments of keyed state and lists, by section. A snapshot's own
// lie in its folder, those that checkpoints share in a folder beside theirs.
#pragma once

#include <memory>
#include <string>

#include "base/file_system.h"
#include "state/snapshot.h"
#include "state/snapshot_encoding.h"

namespace millrace {

std::string ownFileName(uint32_t number);                          // "state-3"
std::string sharedFileName(CheckpointId writer, uint32_t number);  // "17-3"

// Made when the first section comes.
class StateFileWriter {
  public:
    StateFileWriter(FileSystem& files, std::string path, CheckpointId writer, uint32_t number, bool compress);
    // Where the bytes are now.
    SectionData write(std::string_view bytes);
    KeyGroupSection write(const KeyGroupSection& section);  // one that is in memory
    bool any() const { return sections_ != nullptr; }
    std::shared_ptr<const StateFile> finish();  // any(): synced; its folder is not

  private:
    FileSystem& files_;
    StateFile file_;
    bool compress_;
    std::unique_ptr<snapshot_format::SectionWriter> sections_;
};

// UserError "snapshot.damaged" if it is missing or is not that file.
std::unique_ptr<snapshot_format::FileReader> openStateFile(FileSystem& files, const StateFile& file);

// Sections of segments, wherever they are; keeps the file it read last open.
class SegmentReader {
  public:
    explicit SegmentReader(FileSystem& files) : files_(files) {}
    SharedBytes read(const StateSegment& segment, const SectionData& data);
    KeyGroupSection read(const StateSegment& segment, const KeyGroupSection& section);

  private:
    FileSystem& files_;
    std::shared_ptr<const StateFile> open_;
    std::unique_ptr<snapshot_format::FileReader> reader_;
};

}  // namespace millrace

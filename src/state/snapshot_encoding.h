// The parts of the snapshot format that lie below files: file headers, frames with their checksums, and the
// index that `_metadata` holds. docs/formats/snapshot.md gives the bytes. All integers are little-endian.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file_system.h"
#include "state/snapshot.h"

namespace millrace::snapshot_format {

inline constexpr uint16_t kVersion = 2;
inline constexpr uint16_t kOldestVersion = 1;  // that is still read
inline constexpr size_t kHeaderBytes = 32;
inline constexpr size_t kFrameHeaderBytes = 32;
inline constexpr size_t kFramePayloadMax = 16 << 20;  // before compression
inline constexpr std::string_view kMetadataMagic = "MRSNAPME";
inline constexpr std::string_view kStateMagic = "MRSNAPST";

enum class Encryption : uint8_t { None = 0 };
enum class Codec : uint8_t { None = 0, Zstd = 1 };
enum class FrameKind : uint8_t { Index = 1, Data = 2 };

struct FileHeader {
    uint32_t file_number = 0;
    int64_t checkpoint_id = 0;
    uint16_t version = kVersion;
};
std::string encodeHeader(std::string_view magic, const FileHeader& header);

// Appends `bytes` as frames of at most kFramePayloadMax; `sequence` counts a file's frames.
void appendFrames(FrameKind kind, std::string_view bytes, bool compress, uint32_t& sequence,
                  std::string& out);

// The sections that are written to one file, one after another.
class SectionWriter {
  public:
    // Into `file`, whose header this writes; without one, into memory.
    SectionWriter(std::unique_ptr<WritableFile> file, const FileHeader& header, bool compress);
    explicit SectionWriter(bool compress) : compress_(compress) {}
    // Where they are now, with the bytes dropped.
    SectionData write(std::string_view bytes);
    uint64_t finish();                                 // syncs; the file's length
    std::string take() { return std::move(buffer_); }  // of one in memory
    bool any() const { return sequence_ > 0; }

  private:
    std::unique_ptr<WritableFile> file_;
    std::string buffer_;
    uint64_t flushed_ = 0;
    uint32_t sequence_ = 0;
    bool compress_;
};

// Reads a file's sections in any order, checking everything on the way. Damage is UserError
// "snapshot.damaged" that names the file and the offset.
class FileReader {
  public:
    FileReader(std::string path, std::unique_ptr<ReadableFile> file);
    uint64_t size() const { return size_; }
    FileHeader header(std::string_view magic);
    std::string index();              // the payload of all index frames, which follow the header
    void section(SectionData& data);  // fills in its bytes
    void checkAllRead() const;        // every byte belongs to something that was read, once
    [[noreturn]] void damaged(uint64_t offset, const std::string& reason) const;

    // The offset of a section of version 1: behind the one before it.
    static constexpr uint64_t kNext = UINT64_MAX;

  private:
    bool atEnd() const { return offset_ == size_; }
    void frame(FrameKind kind, std::string& out);
    void readExactly(uint64_t offset, char* into, size_t bytes);

    std::string path_;
    std::unique_ptr<ReadableFile> file_;
    uint64_t size_;
    uint64_t offset_ = 0;
    uint32_t sequence_ = 0;
    uint64_t base_ = 0;  // offsets count from here
    uint64_t read_ = 0;  // bytes
    uint64_t furthest_ = 0;
};

// A state file as the index lists it.
struct ListedFile {
    uint32_t number = 0;
    int64_t writer = 0;
    bool shared = false;
    uint64_t bytes = 0;
};

// A snapshot whose sections are known by their places alone.
struct SnapshotIndex {
    struct Segment {
        std::shared_ptr<StateSegment> segment;  // one of operators'
        uint32_t file = 0;                      // 0: `_metadata`; else counts `files` from 1
    };
    struct List {
        ListStateSnapshot* list;  // one of operators'
        SectionData data;
        uint32_t file = 0;
    };
    Snapshot snapshot;
    std::vector<std::unique_ptr<OperatorSnapshot>> operators;
    std::vector<ListedFile> files;
    // In the order of the index.
    std::vector<Segment> segments;
    std::vector<List> lists;
    std::vector<bool> list_next;  // whether the next section is a list's: the order among both
};
// Writes what is not of a state: segments and lists come with the places they were given.
struct PlacedOperator {
    struct List {
        SectionData data;
        uint32_t file = 0;
    };
    std::shared_ptr<const OperatorSnapshot> snapshot;
    std::vector<std::vector<uint32_t>> segment_files;  // of each keyed state's segments
    std::vector<List> lists;
};
std::string encodeIndex(const Snapshot& snapshot, const std::vector<PlacedOperator>& operators,
                        const std::vector<ListedFile>& files);
// `path` is for errors.
SnapshotIndex decodeIndex(std::string_view bytes, uint16_t version, const std::string& path);

// A list's items as one section.
std::string encodeItems(const std::vector<std::string>& items);
std::vector<std::string> decodeItems(std::string_view bytes, const std::string& path);

}  // namespace millrace::snapshot_format

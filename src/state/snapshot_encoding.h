// The parts of the snapshot format that lie below files: file headers, frames with their checksums, and the
// index that `_metadata` holds. docs/formats/snapshot.md gives the bytes. All integers are little-endian.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "state/snapshot.h"

namespace millrace::snapshot_format {

inline constexpr uint16_t kVersion = 1;
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
};
std::string encodeHeader(std::string_view magic, const FileHeader& header);

// Appends `bytes` as frames of at most kFramePayloadMax; `sequence` counts a file's frames.
void appendFrames(FrameKind kind, std::string_view bytes, bool compress, uint32_t& sequence,
                  std::string& out);

// Walks a file that is in memory, checking everything on the way. Damage is UserError "snapshot.damaged" that
// names the file and the offset.
class FileReader {
  public:
    FileReader(std::string path, std::string_view bytes) : path_(std::move(path)), bytes_(bytes) {}
    FileHeader header(std::string_view magic);
    // The next `bytes` payload bytes, which must fill whole frames of that kind.
    std::string frames(FrameKind kind, uint64_t bytes);
    bool atEnd() const { return offset_ == bytes_.size(); }
    uint64_t offset() const { return offset_; }
    FrameKind nextKind() const;  // not atEnd()
    void appendFrame(FrameKind kind, std::string& out);
    [[noreturn]] void damaged(uint64_t offset, const std::string& reason) const;

  private:
    std::string path_;
    std::string_view bytes_;
    uint64_t offset_ = 0;
    uint32_t sequence_ = 0;
};

// Where a section lies: its number of payload bytes, and the file. Within a file sections lie in index order.
struct SectionPlace {
    uint32_t file = 0;  // 0: in `_metadata`, behind the index; else state-<file>
    uint64_t bytes = 0;
};
struct StateFile {
    uint32_t number = 0;
    uint64_t bytes = 0;
};

// A snapshot without its sections' bytes, and where these are: of every operator in order, first its keyed
// states' groups, then its lists.
struct SnapshotIndex {
    Snapshot snapshot;
    std::vector<OperatorSnapshot> operators;
    std::vector<SectionPlace> sections;
    std::vector<StateFile> files;
};
std::string encodeIndex(const Snapshot& snapshot, const std::vector<SectionPlace>& sections,
                        const std::vector<StateFile>& files);
// `path` and `offset` are for errors.
SnapshotIndex decodeIndex(std::string_view bytes, const std::string& path);

// A list's items as one section.
std::string encodeItems(const std::vector<std::string>& items);
std::vector<std::string> decodeItems(std::string_view bytes, const std::string& path);

}  // namespace millrace::snapshot_format

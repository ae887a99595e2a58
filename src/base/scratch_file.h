// Bytes that are written once and read later, and need not be in memory until then: they lie in a local file
// without a name, which goes with whoever holds it, however that ends, and are read through the system's page
// cache, which the system gives up as it needs to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

// Opens a file without a name in `folder`; -1, and errno, if there can be none.
int openNameless(const std::string& folder);
// False, and errno, if not all could be written.
bool writeAll(int file, std::string_view bytes, uint64_t offset);

class ScratchFile {
  public:
    // UserError "state.spill" if no file can be made there.
    explicit ScratchFile(const std::string& folder);
    ~ScratchFile();
    ScratchFile(const ScratchFile&) = delete;
    ScratchFile& operator=(const ScratchFile&) = delete;

  private:
    friend class ScratchText;
    int file_ = -1;
    uint64_t end_ = 0;
    bool full_ = false;  // it could not grow: nothing more is put into it
};

// A text in a scratch file, which grows at its end. Several may grow in one file, on one thread.
class ScratchText {
  public:
    explicit ScratchText(std::shared_ptr<ScratchFile> file) : file_(std::move(file)) {}

    uint64_t size() const { return size_; }
    // False, and nothing is changed, if the disk is full, which the log says once a file.
    bool append(std::string_view bytes);
    // The whole text, contiguous, for as long as the owner is held, on any thread. UserError "state.spill".
    std::pair<std::shared_ptr<const void>, std::string_view> view() const;

  private:
    // A stretch of the file. The next one begins when it is full.
    struct Extent {
        uint64_t offset;
        size_t bytes;
    };
    std::shared_ptr<ScratchFile> file_;
    std::vector<Extent> extents_;
    size_t left_ = 0;  // of the last extent
    uint64_t size_ = 0;
};

}  // namespace millrace

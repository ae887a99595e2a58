// Memory for state that may be larger than memory: extents of 2 MiB that are moved to a local file when the
// job's state takes more than it may, and come back, a page at a time, when they are read or written. Rows
// keep their addresses, so nothing else knows of it.
//
// An extent starts as anonymous memory. To spill it, its pages are written to the file, and the file is
// mapped privately over it: reading brings pages back through the system's page cache, which the system
// reclaims as it needs to; a page that is written to becomes anonymous again, which /proc/self/pagemap shows,
// and is written once more when the extent's turn comes. So nothing is written to disk that need not leave
// memory.
//
// The file has no name: it goes with the process, however that ends. It is no part of snapshots. Where it
// cannot grow (the disk is full), state stays in memory, and the log says so once. One SpillingMemory is used
// by one thread; those of a job share a budget.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/memory_source.h"

namespace millrace {

// How much memory the state of a job may take, and where the rest of it goes.
class SpillBudget {
  public:
    // Throws UserError "config.bad-value" if no file can be made in the folder, which is made if it is
    // missing.
    SpillBudget(std::string folder, int64_t bytes);

    const std::string& folder() const { return folder_; }
    int64_t bytes() const { return bytes_; }
    // A file for a copy of so much state, unless it would fit beside the state itself.
    std::shared_ptr<ScratchFile> scratchFor(int64_t state_bytes) const;
    // What the state takes, as far as is known: pages that came back are counted when they are looked at.
    std::atomic<int64_t> used{0};
    std::atomic<int64_t> spilled{0};  // of it, what is on disk, or was and is not known to have come back

  private:
    std::string folder_;
    int64_t bytes_;
};

class SpillingMemory final : public MemorySource {
  public:
    explicit SpillingMemory(std::shared_ptr<SpillBudget> budget);
    ~SpillingMemory() override;

    std::byte* take(size_t bytes) override;
    void give(std::byte* block, size_t bytes) noexcept override;
    std::shared_ptr<ScratchFile> scratch() override;
    // Between other work: looks whether pages have come back, and spills where there is too much.
    void relieve();

  private:
    static constexpr size_t kExtent = kHugePage;

    struct Extent {
        uint64_t offset = 0;   // in the file
        size_t resident = 0;   // bytes that take memory, as last seen
        bool spilled = false;  // the file is mapped
    };
    using Extents = std::map<std::byte*, Extent>;

    std::byte* takeExtents(size_t bytes);
    void giveExtents(std::byte* block, size_t bytes) noexcept;
    void keepRest();
    void setResident(Extent& extent, size_t bytes);
    void look(std::byte* base, Extent& extent);
    bool spillNext();
    bool spill(std::byte* base, Extent& extent);
    bool write(const std::byte* from, size_t bytes, uint64_t offset);
    // Which pages of an extent are its own memory; all, where the system does not tell.
    void readPages(const std::byte* base);

    std::shared_ptr<SpillBudget> budget_;
    int file_ = -1;
    int pagemap_ = -1;
    Extents extents_;
    std::byte* look_at_ = nullptr;   // where looking goes on
    std::byte* spill_at_ = nullptr;  // where spilling goes on
    uint64_t file_end_ = 0;
    std::vector<uint64_t> free_offsets_;
    bool told_full_ = false;
    // Blocks below an extent's size, by log2; and the extent that is cut up at present.
    std::array<std::vector<std::byte*>, 21> small_;
    std::byte* cut_ = nullptr;
    size_t cut_left_ = 0;
    std::vector<uint64_t> entries_;  // of the page map
    std::vector<bool> own_;          // by page
};

}  // namespace millrace

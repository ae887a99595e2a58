#include "state/spilling_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <new>

#include "base/error.h"
#include "base/log.h"
#include "base/scratch_file.h"

namespace millrace {

namespace {

constexpr const char* kLog = "state.spill";
constexpr size_t kLookedPerCall = 4;
constexpr size_t kSpilledPerCall = 8;

size_t pageBytes() {
    static const auto bytes = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    return bytes;
}

}  // namespace

SpillBudget::SpillBudget(std::string folder, int64_t bytes) : folder_(std::move(folder)), bytes_(bytes) {
    std::error_code ignored;  // the next line finds out
    std::filesystem::create_directories(folder_, ignored);
    const int file = openNameless(folder_);
    if (file < 0) {
        throw UserError(
            "config.bad-value",
            fmt::format("state cannot be kept in '{}': {}", folder_, std::strerror(errno)),
            "set 'state.backend.rocksdb.localdir' to a folder on a local disk that can be written");
    }
    ::close(file);
}

std::shared_ptr<ScratchFile> SpillBudget::scratchFor(int64_t state_bytes) const {
    return state_bytes > bytes_ / 2 ? std::make_shared<ScratchFile>(folder_) : nullptr;
}

SpillingMemory::SpillingMemory(std::shared_ptr<SpillBudget> budget) : budget_(std::move(budget)) {
    file_ = openNameless(budget_->folder());
    if (file_ < 0) {
        throw UserError("state.spill", fmt::format("no file for state can be made in '{}': {}",
                                                   budget_->folder(), std::strerror(errno)));
    }
    pagemap_ = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
}

SpillingMemory::~SpillingMemory() {
    for (auto& [base, extent] : extents_) {
        setResident(extent, 0);
        if (extent.spilled) budget_->spilled -= static_cast<int64_t>(kExtent);
        ::munmap(base, kExtent);
    }
    ::close(file_);
    if (pagemap_ >= 0) ::close(pagemap_);
}

std::shared_ptr<ScratchFile> SpillingMemory::scratch() {
    return budget_->scratchFor(budget_->used.load() + budget_->spilled.load());
}

std::byte* SpillingMemory::take(size_t bytes) {
    MILLRACE_CHECK(std::has_single_bit(bytes) && bytes >= kSmallest, "a block of {} bytes", bytes);
    if (bytes >= kExtent) return takeExtents(bytes);
    std::vector<std::byte*>& free = small_[static_cast<size_t>(std::countr_zero(bytes))];
    if (!free.empty()) {
        std::byte* block = free.back();
        free.pop_back();
        return block;
    }
    if (cut_left_ < bytes) {
        keepRest();
        cut_ = takeExtents(kExtent);
        cut_left_ = kExtent;
    }
    std::byte* block = cut_;
    cut_ += bytes;
    cut_left_ -= bytes;
    return block;
}

void SpillingMemory::give(std::byte* block, size_t bytes) noexcept {
    if (bytes >= kExtent) return giveExtents(block, bytes);
    small_[static_cast<size_t>(std::countr_zero(bytes))].push_back(block);
}

// What is left of the extent that is cut up, as blocks of the largest sizes that there are in it.
void SpillingMemory::keepRest() {
    while (cut_left_ >= kSmallest) {
        const size_t bytes = std::bit_floor(cut_left_);
        small_[static_cast<size_t>(std::countr_zero(bytes))].push_back(cut_);
        cut_ += bytes;
        cut_left_ -= bytes;
    }
}

std::byte* SpillingMemory::takeExtents(size_t bytes) {
    // As much as comes is made to leave, so that what was spilled before it is enough.
    while (budget_->used.load() + static_cast<int64_t>(bytes) > budget_->bytes() && spillNext()) {
    }
    // Aligned, so a piece before and one after may be too much.
    const size_t reserved = bytes + kExtent;
    void* const mapped =
        ::mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    auto* const start = static_cast<std::byte*>(mapped);
    const size_t before = (kExtent - reinterpret_cast<uintptr_t>(start) % kExtent) % kExtent;
    if (before > 0) ::munmap(start, before);
    std::byte* const block = start + before;
    if (kExtent - before > 0) ::munmap(block + bytes, kExtent - before);
    ::madvise(block, bytes, MADV_HUGEPAGE);
    for (size_t at = 0; at < bytes; at += kExtent) {
        Extent extent;
        if (free_offsets_.empty()) {
            extent.offset = file_end_;
            file_end_ += kExtent;
        } else {
            extent.offset = free_offsets_.back();
            free_offsets_.pop_back();
        }
        setResident(extent, kExtent);
        extents_.emplace(block + at, extent);
    }
    return block;
}

void SpillingMemory::giveExtents(std::byte* block, size_t bytes) noexcept {
    for (size_t at = 0; at < bytes; at += kExtent) {
        const auto found = extents_.find(block + at);
        Extent& extent = found->second;
        setResident(extent, 0);
        if (extent.spilled) {
            budget_->spilled -= static_cast<int64_t>(kExtent);
            ::fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(extent.offset),
                        static_cast<off_t>(kExtent));
        }
        free_offsets_.push_back(extent.offset);
        extents_.erase(found);
    }
    ::munmap(block, bytes);
}

void SpillingMemory::setResident(Extent& extent, size_t bytes) {
    budget_->used += static_cast<int64_t>(bytes) - static_cast<int64_t>(extent.resident);
    extent.resident = bytes;
}

void SpillingMemory::relieve() {
    for (size_t i = 0; i < kLookedPerCall && budget_->spilled.load() > 0 && !extents_.empty(); ++i) {
        auto next = extents_.upper_bound(look_at_);
        if (next == extents_.end()) next = extents_.begin();
        look_at_ = next->first;
        look(next->first, next->second);
    }
    for (size_t i = 0; i < kSpilledPerCall && budget_->used.load() > budget_->bytes(); ++i) {
        if (!spillNext()) return;
    }
}

void SpillingMemory::look(std::byte* base, Extent& extent) {
    if (!extent.spilled) return;
    readPages(base);
    setResident(extent, static_cast<size_t>(std::count(own_.begin(), own_.end(), true)) * pageBytes());
}

// The one that comes next in the order of addresses, which is about that in which they were taken, has not
// been spilled for the longest.
bool SpillingMemory::spillNext() {
    for (size_t tried = 0; tried < extents_.size(); ++tried) {
        auto next = extents_.upper_bound(spill_at_);
        if (next == extents_.end()) next = extents_.begin();
        spill_at_ = next->first;
        if (next->second.spilled) look(next->first, next->second);
        if (next->second.resident == 0) continue;
        return spill(next->first, next->second);
    }
    return false;
}

bool SpillingMemory::spill(std::byte* base, Extent& extent) {
    if (!extent.spilled) {
        if (!write(base, kExtent, extent.offset)) return false;
        if (::mmap(base, kExtent, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, file_,
                   static_cast<off_t>(extent.offset)) == MAP_FAILED) {
            // The old pages may be gone.
            throw InternalError(fmt::format("state on disk cannot be mapped: {}", std::strerror(errno)));
        }
        ::madvise(base, kExtent, MADV_RANDOM);
        extent.spilled = true;
        budget_->spilled += static_cast<int64_t>(kExtent);
        setResident(extent, 0);
        return true;
    }
    // Runs of pages that were written to since; look() has read the page map just now.
    const size_t page = pageBytes();
    for (size_t first = 0; first < own_.size();) {
        if (!own_[first]) {
            ++first;
            continue;
        }
        size_t last = first;
        while (last < own_.size() && own_[last])
            ++last;
        std::byte* const from = base + first * page;
        const size_t bytes = (last - first) * page;
        if (!write(from, bytes, extent.offset + first * page)) return false;
        ::madvise(from, bytes, MADV_DONTNEED);  // they are read from the file again
        first = last;
    }
    setResident(extent, 0);
    return true;
}

bool SpillingMemory::write(const std::byte* from, size_t bytes, uint64_t offset) {
    if (writeAll(file_, {reinterpret_cast<const char*>(from), bytes}, offset)) return true;
    if (!told_full_) {
        logWarn(kLog, "state stays in memory, above its {} bytes: '{}' takes no more: {}", budget_->bytes(),
                budget_->folder(), std::strerror(errno));
    }
    told_full_ = true;
    return false;
}

void SpillingMemory::readPages(const std::byte* base) {
    const size_t page = pageBytes();
    const size_t pages = kExtent / page;
    own_.assign(pages, true);
    if (pagemap_ < 0) return;
    entries_.resize(pages);
    const auto wanted = static_cast<ssize_t>(pages * sizeof(uint64_t));
    const auto at = static_cast<off_t>(reinterpret_cast<uintptr_t>(base) / page * sizeof(uint64_t));
    if (::pread(pagemap_, entries_.data(), static_cast<size_t>(wanted), at) != wanted) return;
    constexpr uint64_t kPresent = uint64_t{1} << 63, kSwapped = uint64_t{1} << 62;
    constexpr uint64_t kOfFile = uint64_t{1} << 61;
    for (size_t i = 0; i < pages; ++i)
        own_[i] = (entries_[i] & (kPresent | kSwapped)) != 0 && (entries_[i] & kOfFile) == 0;
}

}  // namespace millrace

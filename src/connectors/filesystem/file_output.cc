#include "connectors/filesystem/file_output.h"

#include <algorithm>
#include <cstring>
#include <new>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/error.h"

namespace millrace {
namespace {

constexpr size_t kGatheredBytes = 64 * 1024;
constexpr size_t kLineBytes = 64;  // of a cache

// Whole lines, to where a line begins. The block was last read by the disk, so that its lines are in no cache
// of this processor: to fetch what is overwritten as a whole would be in vain.
void copyPastCaches(char* to, const char* from, size_t bytes) {
#if defined(__SSE2__)
    constexpr size_t kStep = sizeof(__m128i);
    for (size_t at = 0; at < bytes; at += kStep) {
        _mm_stream_si128(reinterpret_cast<__m128i*>(to + at),
                         _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + at)));
    }
    _mm_sfence();
#else
    std::memcpy(to, from, bytes);
#endif
}

}  // namespace

FileOutput::FileOutput(std::unique_ptr<WritableFile> file, size_t block_bytes)
    : file_(std::move(file)), block_bytes_(block_bytes), gathering_(kGatheredBytes) {
    MILLRACE_CHECK(block_bytes > 0 && block_bytes % kDirectUnit == 0, "a block of {} bytes", block_bytes);
    at_ = gathering_.data();
    end_ = at_ + gathering_.size();
}

uint64_t FileOutput::size() const { return written() + block_filled_ + gathered(); }

uint64_t FileOutput::written() const { return file_->size(); }

void FileOutput::sync() {
    if (block_filled_ > 0) file_->append({block_.get(), block_filled_});
    block_filled_ = 0;
    if (gathered() > 0) file_->append({gathering_.data(), gathered()});
    at_ = gathering_.data();
    file_->sync();
}

void FileOutput::allocateBlock() {
    block_.reset(static_cast<char*>(std::aligned_alloc(kDirectUnit, block_bytes_)));
    if (!block_) throw std::bad_alloc();
}

char* FileOutput::makeRoom(char* at, size_t bytes) {
    const char* from = gathering_.data();
    for (size_t lines; (lines = static_cast<size_t>(at - from) / kLineBytes) > 0;) {
        if (!block_) allocateBlock();
        const size_t part = std::min(lines * kLineBytes, block_bytes_ - block_filled_);
        copyPastCaches(block_.get() + block_filled_, from, part);
        from += part;
        block_filled_ += part;
        if (block_filled_ < block_bytes_) continue;
        file_->append({block_.get(), block_bytes_});
        block_filled_ = 0;
    }
    const auto rest = static_cast<size_t>(at - from);
    std::memmove(gathering_.data(), from, rest);
    if (rest + bytes > gathering_.size()) gathering_.resize(rest + bytes);  // a long row
    at_ = gathering_.data() + rest;
    end_ = gathering_.data() + gathering_.size();
    return at_;
}

}  // namespace millrace

#include "formats/encoder_output.h"

#include <algorithm>

namespace millrace {
namespace {

constexpr size_t kScratchBytes = 64 * 1024;
constexpr size_t kScratchBytesKept = 16 * kScratchBytes;

}  // namespace

StringOutput::StringOutput(std::vector<char>& scratch, std::string& out) : scratch_(scratch), out_(out) {
    if (scratch_.size() < kScratchBytes) scratch_.resize(kScratchBytes);
    at_ = scratch_.data();
    end_ = at_ + scratch_.size();
}

void StringOutput::finish(char* at) {
    out_.append(scratch_.data(), static_cast<size_t>(at - scratch_.data()));
    if (scratch_.size() > kScratchBytesKept) {
        scratch_.resize(kScratchBytes);
        scratch_.shrink_to_fit();
    }
    at_ = scratch_.data();
    end_ = at_ + scratch_.size();
}

char* StringOutput::makeRoom(char* at, size_t bytes) {
    out_.append(scratch_.data(), static_cast<size_t>(at - scratch_.data()));
    if (bytes > scratch_.size()) scratch_.resize(bytes);
    at_ = scratch_.data();
    end_ = at_ + scratch_.size();
    return at_;
}

}  // namespace millrace

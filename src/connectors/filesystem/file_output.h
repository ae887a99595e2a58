// A file that a writer's rows are encoded into. They are gathered in memory that stays in the processor's
// caches, and copied past these into a block, from which the disk reads them.
#pragma once

#include <cstdlib>
#include <memory>
#include <vector>

#include "base/file_system.h"
#include "formats/encoder_output.h"

namespace millrace {

class FileOutput final : public EncoderOutput {
  public:
    // Writes whole blocks, of a multiple of kDirectUnit, and the rest with sync().
    FileOutput(std::unique_ptr<WritableFile> file, size_t block_bytes);

    uint64_t size() const;     // of the file, with what is still in memory
    uint64_t written() const;  // of that, given to the file
    void sync();               // writes everything, and syncs; the end

  private:
    struct Free {
        void operator()(char* memory) const { std::free(memory); }
    };

    char* makeRoom(char* at, size_t bytes) override;
    size_t gathered() const { return static_cast<size_t>(at_ - gathering_.data()); }
    void allocateBlock();

    std::unique_ptr<WritableFile> file_;
    const size_t block_bytes_;
    std::vector<char> gathering_;
    std::unique_ptr<char, Free> block_;  // none before there is something to copy into it
    size_t block_filled_ = 0;
};

}  // namespace millrace

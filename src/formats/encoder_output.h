// Where an encoder's bytes go: straight into the memory that they are written to a file from, or by way of a
// scratch that stays in the cache to the end of a string.
#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

// Whoever writes keeps the place to write at in a local variable (a member would be read and written again
// with each byte, which might be its own) and gives it back at the end:
//     char* at = out.begin();
//     for (...) {
//         at = out.room(at, most);  // what lies before it may have been taken away
//         *at++ = ...
//     }
//     out.finish(at);
class EncoderOutput {
  public:
    EncoderOutput() = default;
    EncoderOutput(const EncoderOutput&) = delete;
    EncoderOutput& operator=(const EncoderOutput&) = delete;
    virtual ~EncoderOutput() = default;

    char* begin() const { return at_; }
    // The place to go on at, with `bytes` free behind it. `at` is where writing has come to.
    char* room(char* at, size_t bytes) {
        return static_cast<size_t>(end_ - at) >= bytes ? at : makeRoom(at, bytes);
    }
    virtual void finish(char* at) { at_ = at; }

    void append(std::string_view bytes) {
        char* const at = room(at_, bytes.size());
        if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
        finish(at + bytes.size());
    }

  protected:
    virtual char* makeRoom(char* at, size_t bytes) = 0;  // and sets end_

    char* at_ = nullptr;
    char* end_ = nullptr;
};

// Appends to a string what finish() gives it; `scratch` is kept between batches and does not stay large.
class StringOutput final : public EncoderOutput {
  public:
    StringOutput(std::vector<char>& scratch, std::string& out);
    void finish(char* at) override;

  private:
    char* makeRoom(char* at, size_t bytes) override;

    std::vector<char>& scratch_;
    std::string& out_;
};

}  // namespace millrace

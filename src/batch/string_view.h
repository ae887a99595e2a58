// A string of a column or a state row: 16 bytes; up to 12 characters lie inline, longer ones are pointed at,
// with their first four beside the length so that most comparisons end without a memory access. It owns
// nothing: the column's keepers, or the state row's heap, keep the bytes alive.
#pragma once

#include <compare>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace millrace {

class StringView {
  public:
    static constexpr uint32_t kInlineSize = 12;

    StringView() { std::memset(this, 0, sizeof(*this)); }
    explicit StringView(std::string_view text) : size_(static_cast<uint32_t>(text.size())) {
        if (size_ <= kInlineSize) {
            std::memset(inlined_, 0, kInlineSize);
            if (size_ > 0) std::memcpy(inlined_, text.data(), size_);
        } else {
            std::memcpy(inlined_, text.data(), 4);
            const char* data = text.data();
            std::memcpy(inlined_ + 4, &data, 8);
        }
    }

    // The same, where 16 bytes can be read at `text`.
    static StringView ofPadded(const char* text, uint32_t size) {
        StringView view;
        view.size_ = size;
        if (size > kInlineSize) {
            std::memcpy(view.inlined_, text, 4);
            std::memcpy(view.inlined_ + 4, &text, 8);
            return view;
        }
        uint64_t words[2];
        std::memcpy(words, text, sizeof(words));
        const uint32_t first = size < 8 ? size : 8;
        words[0] &= first == 0 ? 0 : ~uint64_t{0} >> (64 - 8 * first);
        words[1] &= (uint64_t{1} << 8 * (size - first)) - 1;
        std::memcpy(view.inlined_, words, kInlineSize);
        return view;
    }

    uint32_t size() const { return size_; }
    bool isInline() const { return size_ <= kInlineSize; }
    const char* data() const {
        if (isInline()) return inlined_;
        const char* pointer;
        std::memcpy(&pointer, inlined_ + 4, 8);
        return pointer;
    }
    std::string_view view() const { return {data(), size_}; }

    bool operator==(const StringView& other) const {
        if (std::memcmp(this, &other, 8) != 0) return false;  // size and first four
        if (isInline()) return std::memcmp(inlined_ + 4, other.inlined_ + 4, 8) == 0;
        return std::memcmp(data(), other.data(), size_) == 0;
    }
    // Bytewise, which for UTF-8 is the order of code points.
    std::strong_ordering operator<=>(const StringView& other) const { return view() <=> other.view(); }

  private:
    uint32_t size_;
    char inlined_[kInlineSize];
};
static_assert(sizeof(StringView) == 16);

}  // namespace millrace

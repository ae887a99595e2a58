// The texts of the generator, made once a process: what the public generator draws letter by letter is cut
// here from long random texts, at places and lengths drawn a row at a time. Lengths, letters and their
// frequencies are the public generator's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "batch/string_view.h"

namespace millrace {

struct NexmarkText {
    // How many characters may be read from any place at which cuts begin.
    static constexpr size_t kCutMax = 96 * 1024;
    // Few enough that the texts stay in the first cache.
    static constexpr size_t kExtraPlaces = size_t{1} << 12;  // at every sixth character
    static constexpr size_t kWordPlaces = size_t{1} << 14;   // at every character
    static constexpr size_t kGroup = 6;
    static constexpr int64_t kHotChannels = 4;
    static constexpr int64_t kChannels = 10'000;

    // Groups of six characters from one random int each: 'a' + r % 26, where r is negative half of the time.
    std::string extra;
    std::string words;  // small letters, with one blank in thirteen
    std::vector<std::string> names;
    std::vector<std::string> cities;
    std::vector<std::string> states;
    std::string numbers;  // "0000" to "9999"
    // The hot ones come first. Bids of one channel all have its url.
    std::vector<std::string> channels;
    std::vector<std::string> urls;
    std::vector<StringView> channel_views;
    std::vector<StringView> url_views;

    // A text of 3 to length_max - 1 characters, without blanks at its ends.
    std::string_view word(uint64_t random, uint32_t length_max) const;
};

// The same in every process; it lives as long as the process does, so columns need not keep it.
const NexmarkText& nexmarkText();

}  // namespace millrace

#include "connectors/nexmark/nexmark_text.h"

#include <fmt/format.h>

#include "base/random.h"

namespace millrace {
namespace {

constexpr uint64_t kSeed = 0x4E45584D41524B;

// 3 to length_max - 1 characters: small letters, and one in thirteen is `special`.
std::string drawString(Random& random, uint64_t length_max, char special) {
    std::string text(3 + random.below(length_max - 3), special);
    for (char& c : text) {
        if (random.below(13) != 0) c = static_cast<char>('a' + random.below(26));
    }
    return text;
}

std::string drawUrl(Random& random) {
    std::string url = "https://www.nexmark.com/";
    for (int i = 0; i < 3; ++i)
        url += drawString(random, 5, '_') + '/';
    return url + "item.htm?query=1";
}

// A channel's id: its number with the bits in reverse order, as an int without its sign. That of 1 keeps its
// sign, as the smallest int has no positive counterpart.
int32_t channelId(uint32_t number) {
    uint32_t reversed = 0;
    for (int bit = 0; bit < 32; ++bit)
        reversed |= (number >> bit & 1U) << (31 - bit);
    return static_cast<int32_t>(reversed >> 31 != 0 ? 0U - reversed : reversed);
}

NexmarkText makeText() {
    Random random(kSeed);
    NexmarkText text;
    while (text.extra.size() < NexmarkText::kExtraPlaces * NexmarkText::kGroup + NexmarkText::kCutMax) {
        auto drawn = static_cast<int32_t>(random.next());
        for (size_t i = 0; i < NexmarkText::kGroup; ++i) {
            text.extra += static_cast<char>('a' + drawn % 26);
            drawn /= 26;
        }
    }
    while (text.words.size() < NexmarkText::kWordPlaces + NexmarkText::kCutMax)
        text.words += random.below(13) == 0 ? ' ' : static_cast<char>('a' + random.below(26));
    for (const char* first :
         {"Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"}) {
        for (const char* last :
             {"Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"})
            text.names.push_back(fmt::format("{} {}", first, last));
    }
    text.cities = {"Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland",
                   "Bend",    "Redmond",     "Seattle",       "Kent",  "Cheyenne"};
    text.states = {"AZ", "CA", "ID", "OR", "WA", "WY"};
    for (int i = 0; i < 10'000; ++i)
        text.numbers += fmt::format("{:04}", i);
    text.channels = {"Google", "Facebook", "Baidu", "Apple"};
    for (int64_t i = 0; i < NexmarkText::kHotChannels; ++i)
        text.urls.push_back(drawUrl(random));
    for (uint32_t i = 0; i < NexmarkText::kChannels; ++i) {
        text.channels.push_back(fmt::format("channel-{}", i));
        std::string url = drawUrl(random);
        if (random.below(10) != 0) url += fmt::format("&channel_id={}", channelId(i));
        text.urls.push_back(std::move(url));
    }
    return text;
}

}  // namespace

std::string_view NexmarkText::word(uint64_t random, uint32_t length_max) const {
    const uint64_t length = 3 + ((random & 0xFFFFFFFF) * (length_max - 3) >> 32);
    std::string_view cut(words.data() + (random >> 32) % kWordPlaces, length);
    while (!cut.empty() && cut.front() == ' ')
        cut.remove_prefix(1);
    while (!cut.empty() && cut.back() == ' ')
        cut.remove_suffix(1);
    return cut;
}

const NexmarkText& nexmarkText() {
    static const NexmarkText& text = *[] {
        auto made = std::make_unique<NexmarkText>(makeText());
        for (const std::string& channel : made->channels)
            made->channel_views.emplace_back(channel);
        for (const std::string& url : made->urls)
            made->url_views.emplace_back(url);
        return made.release();
    }();
    return text;
}

}  // namespace millrace

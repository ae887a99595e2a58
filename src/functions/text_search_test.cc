#include "functions/text_search.h"

#include <gtest/gtest.h>

#include <string>

#include "base/random.h"

namespace millrace {
namespace {

TEST(TextSearch, AgreesWithTheStandardLibraryOnRandomTexts) {
    Random random(5);
    for (int round = 0; round < 20'000; ++round) {
        std::string text(random.below(80), ' ');
        for (char& c : text)
            c = static_cast<char>('a' + random.below(3));
        std::string part(random.below(6), ' ');
        for (char& c : part)
            c = static_cast<char>('a' + random.below(3));
        const size_t from = random.below(text.size() + 3);
        ASSERT_EQ(findText(text, part, from), std::string_view(text).find(part, from))
            << text << " " << part << " " << from;

        size_t n = random.below(12);
        const size_t found = findNth(text, 'b', n, from);
        size_t expected = text.find('b', from);
        while (n-- > 0 && expected != std::string::npos)
            expected = text.find('b', expected + 1);
        ASSERT_EQ(found, expected) << text;
    }
}

TEST(TextSearch, PartsAreThoseOfASplit) {
    Random random(6);
    size_t glances = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::string text(random.below(150), ' ');
        const uint64_t rare = 2 + random.below(40);
        for (char& c : text)
            c = random.below(rare) == 0 ? '/' : 'a';
        std::vector<std::string_view> parts;
        size_t begin = 0;
        for (size_t end = text.find('/'); end != std::string::npos; end = text.find('/', begin)) {
            parts.push_back(std::string_view(text).substr(begin, end - begin));
            begin = end + 1;
        }
        parts.push_back(std::string_view(text).substr(begin));
        for (size_t n = 0; n < parts.size(); ++n) {
            const auto part = partAt(text, '/', n);
            ASSERT_TRUE(part) << text << " " << n;
            ASSERT_EQ(*part, parts[n]) << text << " " << n;
            ASSERT_EQ(part->data(), parts[n].data());
            const StringView view = viewOfPart(text, *part);
            ASSERT_TRUE(view == StringView(*part)) << text << " " << n;
            ASSERT_EQ(std::memcmp(&view, &static_cast<const StringView&>(StringView(*part)), sizeof(view)),
                      0);
            const auto at_a_glance = shortPartAt(text, '/', n);
            ASSERT_TRUE(!at_a_glance || *at_a_glance == view) << text << " " << n;
            glances += at_a_glance.has_value();
        }
        ASSERT_FALSE(shortPartAt(text, '/', parts.size())) << text;
        ASSERT_FALSE(partAt(text, '/', parts.size())) << text;
        ASSERT_FALSE(partAt(text, '/', SIZE_MAX)) << text;
    }
    EXPECT_GT(glances, 10'000U);
}

TEST(TextSearch, FindsBytesOfEveryValueAtTheEnd) {
    for (int value = 0; value < 256; ++value) {
        const char c = static_cast<char>(value);
        std::string text(37, static_cast<char>(value + 1));
        text.back() = c;
        EXPECT_EQ(findNth(text, c, 0), 36U);
        EXPECT_EQ(findNth(text, c, 1), std::string_view::npos);
        EXPECT_EQ(findText(text, std::string{static_cast<char>(value + 1), c}), 35U);
    }
}

}  // namespace
}  // namespace millrace

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

#include "functions/field_regex.h"

#include <gtest/gtest.h>

#include <random>

#include "functions/regex.h"

namespace millrace {
namespace {

TEST(FieldRegex, IsOnlyWhatItKnows) {
    for (const char* pattern : {"(&|^)channel_id=([^&]*)", "(^|&)a([^&]*)", "(;|^)k: ([^,]*)"})
        EXPECT_TRUE(FieldRegex::of(pattern)) << pattern;
    for (const char* pattern :
         {"", "(", "(&|^)", "(&|^)([^&]*)", "(&|^)a=([^&]+)", "(&|^)a=([^&]*", "(&|^)a=([^&]*)x",
          "(&|^)a.=([^&]*)", "(.|^)a=([^&]*)", "(&|^)a=([^^]*)", "(&|^)a=([^&;]*)", "(&|$)a=([^&]*)",
          "(&|^)&a=([^&]*)", "(ab|^)c([^&]*)", "(&|^)a=([^\\d]*)", "(?i)(&|^)a=([^&]*)"})
        EXPECT_FALSE(FieldRegex::of(pattern)) << pattern;
}

// The twin is RE2.
TEST(FieldRegex, AgreesWithTheRegularExpression) {
    std::mt19937_64 random(3);
    int64_t matches = 0;
    for (const char* pattern : {"(&|^)ab=([^&]*)", "(^|&)a([^b]*)", "(b|^)aa([^=]*)"}) {
        const std::optional<FieldRegex> field = FieldRegex::of(pattern);
        ASSERT_TRUE(field) << pattern;
        const RE2 regex(pattern);
        for (int i = 0; i < 20'000; ++i) {
            std::string text;
            for (size_t length = random() % 12; length > 0; --length)
                text += "ab&=a"[random() % 5];
            re2::StringPiece groups[3];
            const bool found = regex.Match(text, 0, text.size(), RE2::UNANCHORED, groups, 3);
            matches += found;
            for (int group = 0; group <= FieldRegex::kGroups; ++group) {
                const auto got = field->group(text, group);
                ASSERT_EQ(got.has_value(), found) << pattern << " in " << text;
                if (!found) continue;
                ASSERT_EQ(*got, std::string_view(groups[group].data(), groups[group].size()))
                    << pattern << " in " << text << ", group " << group;
            }
        }
    }
    EXPECT_GT(matches, 1000);
}

}  // namespace
}  // namespace millrace

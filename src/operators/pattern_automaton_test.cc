// Patterns over letters, against all the ways in which they can be laid over a text.
#include "operators/pattern_automaton.h"

#include <gtest/gtest.h>

#include <random>

#include "base/error.h"

namespace millrace {
namespace {

struct LetterPattern {
    std::vector<PatternPart> parts;
    std::vector<std::string> letters;  // of each part
    AfterMatch after = AfterMatch::ToNextRow;
    uint32_t after_variable = 0;
    int64_t within = 0;
};

// The matches as they are told, "0-3" from the first to the last letter and what each part has: "0-3 a bb c".
// With `cut`, everything goes through its encoding behind each letter.
std::vector<std::string> matchesIn(const LetterPattern& pattern, const std::string& text, bool cut = false) {
    const PatternAutomaton automaton(pattern.parts);
    const PartialMatches::Rules rules{&automaton, pattern.after, pattern.after_variable, pattern.within};
    PartialMatches matches;
    std::vector<std::vector<PartialMatches::Row>> told;
    for (size_t i = 0; i < text.size(); ++i) {
        const auto time = static_cast<int64_t>(i);
        matches.advanceTime(rules, time, told);
        VariableSet satisfied = 0;
        for (size_t v = 0; v < pattern.letters.size(); ++v) {
            if (pattern.letters[v].find(text[i]) != std::string::npos) satisfied |= VariableSet{1} << v;
        }
        const std::vector<VariableSet> each(matches.candidates(rules).size(), satisfied);
        matches.step(rules, each, time, time, told);
        if (!cut) continue;
        matches.compact();
        matches = PartialMatches::decode(matches.encode(), automaton);
    }
    std::vector<std::string> result;
    for (const auto& rows : told) {
        std::vector<std::string> of_part(pattern.parts.size());
        for (const PartialMatches::Row& row : rows)
            of_part[row.variable] += text[static_cast<size_t>(row.row)];
        std::string line = std::to_string(rows.front().row) + "-" + std::to_string(rows.back().row);
        for (const std::string& part : of_part)
            line += " " + (part.empty() ? "-" : part);
        result.push_back(line);
    }
    return result;
}

// Where the shortest match that begins at `at` ends, or -1.
int64_t shortestEnd(const LetterPattern& pattern, const std::string& text, size_t at) {
    int64_t best = -1;
    const auto go = [&](const auto& self, size_t part, int64_t had, size_t position) -> void {
        if (part == pattern.parts.size()) {
            const auto end = static_cast<int64_t>(position) - 1;
            if (position > at && (best < 0 || end < best)) best = end;
            return;
        }
        const PatternPart& of = pattern.parts[part];
        if (had >= of.from) self(self, part + 1, 0, position);
        if ((of.to && had >= *of.to) || position >= text.size()) return;
        if (pattern.letters[part].find(text[position]) != std::string::npos)
            self(self, part, had + 1, position + 1);
    };
    go(go, 0, 0, at);
    return best;
}

using Lines = std::vector<std::string>;

TEST(PatternAutomaton, GreedyVariablesTakeWhatTheyCan) {
    const LetterPattern pattern{{{}, {0, std::nullopt}, {}}, {"ax", "b", "bc"}, AfterMatch::PastLastRow};
    EXPECT_EQ(matchesIn(pattern, "abbc"), Lines{"0-3 a bb c"});
    EXPECT_EQ(matchesIn(pattern, "abbz"), Lines{});  // and do not give it back
    EXPECT_EQ(matchesIn(pattern, "acac"), (Lines{"0-1 a - c", "2-3 a - c"}));
    LetterPattern reluctant = pattern;
    reluctant.parts[1].reluctant = true;
    EXPECT_EQ(matchesIn(reluctant, "abbc"), Lines{"0-1 a - b"});
    LetterPattern counted{{{}, {1, 2}, {}}, {"a", "b", "bc"}};
    EXPECT_EQ(matchesIn(counted, "abbbc"), Lines{});
    counted.parts[1].reluctant = true;
    EXPECT_EQ(matchesIn(counted, "abbbc"), Lines{"0-2 a b b"});
}

TEST(PatternAutomaton, AfterAMatch) {
    LetterPattern pattern{{{}, {1, std::nullopt}, {}}, {"ab", "b", "c"}};
    EXPECT_EQ(matchesIn(pattern, "abbbc"), (Lines{"0-4 a bbb c", "1-4 b bb c", "2-4 b b c"}));
    pattern.after = AfterMatch::PastLastRow;
    EXPECT_EQ(matchesIn(pattern, "abbbcabc"), (Lines{"0-4 a bbb c", "5-7 a b c"}));
    pattern.after = AfterMatch::ToFirst;
    pattern.after_variable = 1;
    EXPECT_EQ(matchesIn(pattern, "abbbc"), (Lines{"0-4 a bbb c", "1-4 b bb c", "2-4 b b c"}));
    pattern.after = AfterMatch::ToLast;
    EXPECT_EQ(matchesIn(pattern, "abbbc"), Lines{"0-4 a bbb c"});
    pattern.after_variable = 0;
    EXPECT_THROW(matchesIn(pattern, "abc"), UserError);  // from its first row again
    LetterPattern without{{{}, {0, 1}, {}}, {"a", "b", "c"}, AfterMatch::ToFirst, 1};
    EXPECT_EQ(matchesIn(without, "abc"), Lines{"0-2 a b c"});
    EXPECT_THROW(matchesIn(without, "ac"), UserError);  // no row to skip to
}

// "bd" is complete long before "a...c", and told behind it, or when that comes to nothing.
TEST(PatternAutomaton, MatchesAreToldAsTheyBegin) {
    const LetterPattern pattern{{{}, {0, std::nullopt}, {}}, {"ab", "bde", "cd"}};
    LetterPattern reluctant = pattern;
    reluctant.parts[1].reluctant = true;
    reluctant.letters = {"ab", "be", "cd"};
    EXPECT_EQ(matchesIn(reluctant, "abd"), (Lines{"0-2 a b d", "1-2 b - d"}));
    LetterPattern waits{{{}, {2, std::nullopt}, {}}, {"ab", "bdefe", "c"}};
    EXPECT_EQ(matchesIn(waits, "abdzbdec"), Lines{"4-7 b de c"});
}

TEST(PatternAutomaton, Within) {
    LetterPattern pattern{{{}, {1, std::nullopt}, {}}, {"a", "b", "c"}};
    pattern.within = 4;
    EXPECT_EQ(matchesIn(pattern, "abbc"), Lines{"0-3 a bb c"});
    EXPECT_EQ(matchesIn(pattern, "abbbc"), Lines{});
}

TEST(PatternAutomaton, ShortestMatchesOfRandomPatterns) {
    std::mt19937 random(7);
    const auto pick = [&](int below) { return static_cast<int>(random() % static_cast<unsigned>(below)); };
    size_t found = 0;
    for (int round = 0; round < 400; ++round) {
        LetterPattern pattern;
        const int parts = 1 + pick(4);
        for (int i = 0; i < parts; ++i) {
            PatternPart part;
            part.from = pick(3);
            part.reluctant = true;
            if (pick(3) == 0) {
                part.to.reset();
            } else {
                part.to = std::max<int64_t>(part.from, 1) + pick(2);
            }
            pattern.parts.push_back(part);
            std::string letters;
            for (const char letter : {'a', 'b', 'c'}) {
                if (pick(2) == 0) letters += letter;
            }
            pattern.letters.push_back(letters);
        }
        pattern.parts[0].from = std::max<int64_t>(pattern.parts[0].from, 1);
        pattern.after = pick(2) == 0 ? AfterMatch::ToNextRow : AfterMatch::PastLastRow;
        std::string text;
        for (int i = 0; i < 12; ++i)
            text += static_cast<char>('a' + pick(3));
        text += "zzz";  // which no part takes: whatever is under way comes to nothing

        Lines expected;
        for (size_t at = 0; at < text.size(); ++at) {
            const int64_t end = shortestEnd(pattern, text, at);
            if (end < 0) continue;
            expected.push_back(std::to_string(at) + "-" + std::to_string(end));
            if (pattern.after == AfterMatch::PastLastRow) at = static_cast<size_t>(end);
        }
        for (const bool cut : {false, true}) {
            Lines got = matchesIn(pattern, text, cut);
            for (std::string& line : got)
                line = line.substr(0, line.find(' '));
            ASSERT_EQ(got, expected) << "round " << round << " of " << text;
        }
        found += expected.size();
    }
    EXPECT_GT(found, 500U);
}

TEST(PatternAutomaton, RefusesWhatFlinkRefuses) {
    const auto code = [](std::vector<PatternPart> parts) -> std::string {
        try {
            PatternAutomaton automaton(parts);
        } catch (const UserError& error) {
            return error.code();
        }
        return "";
    };
    EXPECT_EQ(code({{}, {1, std::nullopt}}), "sql.not-supported");
    EXPECT_EQ(code({{}, {1, std::nullopt, true}}), "");
    EXPECT_EQ(code({{}, {2, 2}}), "");
    EXPECT_EQ(code({{0, std::nullopt, true}, {0, 3, true}}), "sql.not-supported");
    EXPECT_EQ(code({{1, std::nullopt}, {0, 1}, {}}), "sql.not-supported");
    EXPECT_EQ(code({{1, std::nullopt, true}, {0, 1}, {}}), "");
    EXPECT_EQ(code({{0, 1}, {0, 1}, {}}), "");
    EXPECT_EQ(code({{700, 700}, {600, 600}}), "sql.too-large");
}

TEST(PatternAutomaton, DamagedBytes) {
    const PatternAutomaton automaton(std::vector<PatternPart>{{}, {}});
    PartialMatches matches;
    const PartialMatches::Rules rules{&automaton, AfterMatch::ToNextRow, 0, 0};
    std::vector<std::vector<PartialMatches::Row>> told;
    matches.candidates(rules);
    matches.step(rules, std::vector<VariableSet>{3}, 0, 0, told);
    const std::string bytes = matches.encode();
    EXPECT_EQ(PartialMatches::decode(bytes, automaton).encode(), bytes);
    for (size_t size = 0; size < bytes.size(); ++size)
        EXPECT_THROW(PartialMatches::decode(bytes.substr(0, size), automaton), UserError) << size;
    for (size_t at = 0; at < bytes.size(); ++at) {
        std::string other = bytes;
        other[at] = static_cast<char>(0xFF);
        try {
            PartialMatches::decode(other, automaton);
        } catch (const UserError& error) {
            EXPECT_EQ(error.code(), "snapshot.damaged");
        }
    }
}

}  // namespace
}  // namespace millrace

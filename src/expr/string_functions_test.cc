#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include <functional>

#include "expr/expression_test_support.h"

namespace millrace {
namespace {

using namespace testing_support;

std::string of(std::string_view function, std::vector<ExpressionPtr> arguments) {
    return shown(call(function, std::move(arguments)));
}

// Characters of a text, for naive twins.
std::vector<std::string> characters(const std::string& text) {
    std::vector<std::string> all;
    for (const char c : text) {
        if ((static_cast<unsigned char>(c) & 0xC0) == 0x80 && !all.empty()) {
            all.back() += c;
        } else {
            all.emplace_back(1, c);
        }
    }
    return all;
}

std::string joined(const std::vector<std::string>& all, int64_t begin, int64_t end) {
    std::string text;
    for (int64_t i = std::max<int64_t>(begin, 0);
         i < std::min<int64_t>(end, static_cast<int64_t>(all.size())); ++i)
        text += all[static_cast<size_t>(i)];
    return text;
}

bool likeNaively(const std::vector<std::string>& text, size_t t, const std::vector<std::string>& pattern,
                 size_t p) {
    if (p == pattern.size()) return t == text.size();
    if (pattern[p] == "%")
        return likeNaively(text, t, pattern, p + 1) ||
               (t < text.size() && likeNaively(text, t + 1, pattern, p));
    return t < text.size() && (pattern[p] == "_" || pattern[p] == text[t]) &&
           likeNaively(text, t + 1, pattern, p + 1);
}

TEST(Strings, AgreeWithNaiveTwinsOnRandomText) {
    Random random(21);
    constexpr size_t kRows = 2000;
    const LogicalType string = LogicalType::string();
    std::vector<Value> texts = randomColumn(string, kRows, random);
    std::vector<Value> parts;
    std::vector<Value> patterns;
    std::vector<Value> numbers;
    static const char* const kParts[] = {"a", "b", "é", "😀", "ab", " ", ""};
    static const char* const kPatterns[] = {"%", "_", "a", "é", "b", "😀"};
    for (size_t i = 0; i < kRows; ++i) {
        parts.push_back(Value::string(kParts[random.below(7)]));
        std::string pattern;
        for (uint64_t k = random.below(5); k > 0; --k)
            pattern += kPatterns[random.below(6)];
        patterns.push_back(Value::string(pattern));
        numbers.push_back(Value::int64(static_cast<int64_t>(random.below(14)) - 6));
    }
    const Batch batch(kRows, {Column::of(string, texts), Column::of(string, parts),
                              Column::of(string, patterns), Column::of(LogicalType::integer(), numbers)});
    const auto text = Expression::column(0, string, "text");
    const auto part = Expression::column(1, string, "part");
    const auto pattern = Expression::column(2, string, "pattern");
    const auto number = Expression::column(3, LogicalType::integer(), "number");
    ExpressionExecutor executor(
        {call("SUBSTRING", {text, number, integer(3)}), call("LIKE", {text, pattern}),
         call("REVERSE", {text}), call("CHAR_LENGTH", {text}), call("LEFT", {text, number}),
         call("RIGHT", {text, number}), call("POSITION", {part, text}),
         call("REPLACE", {text, part, Expression::literal(Value::string("<>"), string)}),
         call("||", {text, part}), call("LTRIM", {text, part}),
         call("LPAD", {text, integer(7), testing_support::text("é-")})});
    const auto columns = executor.evaluate({}, batch);
    for (size_t i = 0; i < kRows; ++i) {
        if (texts[i].isNull()) {
            for (const auto& column : columns)
                ASSERT_TRUE(column->isNull(i));
            continue;
        }
        const std::string& t = texts[i].asString();
        const std::string& p = parts[i].asString();
        const auto all = characters(t);
        const auto size = static_cast<int64_t>(all.size());
        const int64_t n = numbers[i].asInt64();
        const int64_t start = n > 0 ? n - 1 : n < 0 ? size + n : 0;
        ASSERT_EQ(columns[0]->textAt(i), start < 0 ? "" : joined(all, start, start + 3)) << t << " " << n;
        ASSERT_EQ(columns[1]->valueAt(i),
                  Value::boolean(likeNaively(all, 0, characters(patterns[i].asString()), 0)))
            << t << " LIKE " << patterns[i].asString();
        ASSERT_EQ(columns[2]->textAt(i), [&] {
            std::string reversed;
            for (auto c = all.rbegin(); c != all.rend(); ++c)
                reversed += *c;
            return reversed;
        }());
        ASSERT_EQ(columns[3]->valueAt(i), Value::int64(size));
        ASSERT_EQ(columns[4]->textAt(i), n <= 0 ? "" : joined(all, 0, n));
        ASSERT_EQ(columns[5]->textAt(i), n <= 0 ? "" : joined(all, size - n, size));
        const size_t found = t.find(p);
        ASSERT_EQ(columns[6]->valueAt(i),
                  Value::int64(found == std::string::npos
                                   ? 0
                                   : static_cast<int64_t>(characters(t.substr(0, found)).size()) + 1))
            << t << " " << p;
        if (!p.empty()) {
            std::string replaced = t;
            for (size_t at = replaced.find(p); at != std::string::npos; at = replaced.find(p, at + 2))
                replaced.replace(at, p.size(), "<>");
            ASSERT_EQ(columns[7]->textAt(i), replaced);
        }
        ASSERT_EQ(columns[8]->textAt(i), t + p);
        size_t cut = 0;
        const auto set = characters(p);
        while (cut < all.size() && std::find(set.begin(), set.end(), all[cut]) != set.end())
            ++cut;
        ASSERT_EQ(columns[9]->textAt(i), joined(all, static_cast<int64_t>(cut), size))
            << t << " without " << p;
        std::string padding;
        for (int64_t k = 0; k < 7 - size; ++k)
            padding += k % 2 == 0 ? "é" : "-";
        ASSERT_EQ(columns[10]->textAt(i), size >= 7 ? joined(all, 0, 7) : padding + t);
    }
}

TEST(Strings, Edges) {
    EXPECT_EQ(of("UPPER", {text("straße é")}), "STRASSE É");
    for (const std::string& in :
         {std::string("@AZ[`az{"), std::string("MiXeD 12 Zz"), std::string("A"), std::string(),
          std::string("exactly12AZ"), std::string("THIRTEEN long"), std::string("x\0Y", 3)}) {
        std::string upper = in, lower = in;
        std::transform(in.begin(), in.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
        std::transform(in.begin(), in.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
        EXPECT_EQ(of("UPPER", {text(in)}), upper);
        EXPECT_EQ(of("LOWER", {text(in)}), lower);
    }
    EXPECT_EQ(of("LOWER", {text("ÀÉ x")}), "àé x");
    EXPECT_EQ(of("SUBSTRING", {text("hello"), integer(2)}), "ello");
    EXPECT_EQ(of("SUBSTRING", {text("hello"), integer(0), integer(2)}), "he");
    EXPECT_EQ(of("SUBSTRING", {text("hello"), integer(-2)}), "lo");
    EXPECT_EQ(of("SUBSTRING", {text("hello"), integer(-9)}), "");
    EXPECT_EQ(of("SUBSTRING", {text("hello"), integer(1), integer(-1)}), "NULL");
    EXPECT_EQ(of("SUBSTRING", {text("a very long string that is not inline"), integer(3), integer(20)}),
              "very long string tha");
    EXPECT_EQ(of("TRIM", {text("LEADING"), text("xy"), text("yxaxy")}), "axy");
    EXPECT_EQ(of("TRIM", {text("TRAILING"), text("xy"), text("yxaxy")}), "yxa");
    EXPECT_EQ(of("TRIM", {text("BOTH"), text("é"), text("éaé")}), "a");
    EXPECT_EQ(of("TRIM", {text("  a b ")}), "a b");
    EXPECT_EQ(of("RTRIM", {text("ab  ")}), "ab");
    EXPECT_EQ(of("BTRIM", {text("xabx"), text("x")}), "ab");
    EXPECT_EQ(of("CONCAT", {text("a"), null("STRING"), text("b")}), "NULL");
    EXPECT_EQ(of("CONCAT_WS", {text(","), text("a"), null("STRING"), text("b")}), "a,b");
    EXPECT_EQ(of("CONCAT_WS", {null("STRING"), text("a")}), "NULL");
    EXPECT_EQ(of("LPAD", {text("hi"), integer(-1), text("x")}), "NULL");
    EXPECT_EQ(of("RPAD", {text("hi"), integer(4), text("")}), "NULL");
    EXPECT_EQ(of("OVERLAY", {text("xxxxxtest"), text("xxxx"), integer(6)}), "xxxxxxxxx");
    EXPECT_EQ(of("OVERLAY", {text("abc"), text("X"), integer(9)}), "abc");
    EXPECT_EQ(of("INITCAP", {text("a1b cD-eF")}), "A1b Cd-Ef");
    EXPECT_EQ(of("INSTR", {text("banana"), text("an"), integer(1), integer(2)}), "4");
    EXPECT_EQ(of("INSTR", {text("banana"), text("an"), integer(-1)}), "4");
    EXPECT_EQ(of("INSTR", {text("banana"), text("x")}), "0");
    EXPECT_EQ(of("LOCATE", {text("a"), text("banana"), integer(3)}), "4");
    EXPECT_EQ(of("SPLIT_INDEX", {text("a,,c"), text(","), integer(1)}), "");
    EXPECT_EQ(of("SPLIT_INDEX", {text("a,,c"), text(","), integer(3)}), "NULL");
    EXPECT_EQ(of("SPLIT_INDEX", {text("a,,c"), text(","), integer(-1)}), "NULL");
    EXPECT_EQ(of("ASCII", {text("")}), "0");
    EXPECT_EQ(of("CHR", {integer(353)}), "a");
    EXPECT_EQ(of("REPEAT", {text("ab"), integer(-1)}), "");
    EXPECT_EQ(errorCode([] {
                  return call("REPEAT", {text("abcdefgh"), integer(INT32_MAX)});
              }),
              "data.too-long");
    EXPECT_EQ(of("PARSE_URL", {text("http://u:p@h.org:8/a/b?k=v&k2=v2#r"), text("HOST")}), "h.org");
    EXPECT_EQ(of("PARSE_URL", {text("http://u:p@h.org:8/a/b?k=v&k2=v2#r"), text("QUERY"), text("k2")}), "v2");
    EXPECT_EQ(of("URL_DECODE", {text("%zz")}), "NULL");
    EXPECT_EQ(of("URL_DECODE", {call("URL_ENCODE", {text("a é/&?")})}), "a é/&?");
    EXPECT_EQ(of("FROM_BASE64", {call("TO_BASE64", {text("é")})}), "é");
    EXPECT_EQ(of("FROM_BASE64", {text("!!!!")}), "NULL");
    EXPECT_EQ(of("HEX", {integer(-1)}), "FFFFFFFFFFFFFFFF");
    EXPECT_EQ(errorCode([] { return call("UPPER", {integer(1)}); }), "sql.bad-argument");
    EXPECT_EQ(errorCode([] { return call("LEFT", {text("a")}); }), "sql.bad-argument");
}

TEST(Patterns, Edges) {
    EXPECT_EQ(of("LIKE", {text("a%c"), text("a!%c"), text("!")}), "TRUE");
    EXPECT_EQ(of("LIKE", {text("abc"), text("a!%c"), text("!")}), "FALSE");
    EXPECT_EQ(of("LIKE", {text(""), text("")}), "TRUE");
    EXPECT_EQ(of("LIKE", {text("a\nb"), text("a%b")}), "TRUE");
    EXPECT_EQ(of("LIKE", {text("xay"), text("%a")}), "FALSE");
    EXPECT_EQ(errorCode([] { return call("LIKE", {text("a"), text("a!"), text("!")}); }), "data.bad-pattern");
    EXPECT_EQ(of("SIMILAR TO", {text("a.c"), text("a.c")}), "TRUE");
    EXPECT_EQ(of("SIMILAR TO", {text("abc"), text("a.c")}), "TRUE");
    EXPECT_EQ(of("SIMILAR TO", {text("abcabc"), text("(abc){2}")}), "TRUE");
    EXPECT_EQ(of("REGEXP", {text("x42"), text("[0-9]+")}), "TRUE");
    EXPECT_EQ(errorCode([] { return call("REGEXP", {text("x"), text("(")}); }), "data.bad-pattern");
    EXPECT_EQ(of("REGEXP_EXTRACT", {text("foothebar"), text("foo(.*?)(bar)")}), "foothebar");
    EXPECT_EQ(of("REGEXP_EXTRACT", {text("foothebar"), text("foo(.*?)(bar)"), integer(3)}), "NULL");
    EXPECT_EQ(of("REGEXP_EXTRACT", {text("foothebar"), text("(")}), "NULL");
    EXPECT_EQ(of("REGEXP_REPLACE", {text("a1b22"), text("([0-9]+)"), text("<$1>")}), "a<$1>b<$1>");
    EXPECT_EQ(of("REGEXP_REPLACE", {text("aé"), text(""), text("-")}), "-a-é-");
    EXPECT_EQ(of("REGEXP_REPLACE", {text("ab"), text("a"), text("$9")}), "$9b");
    EXPECT_EQ(of("REGEXP_COUNT", {text("banana"), text("an")}), "2");
    EXPECT_EQ(of("REGEXP_INSTR", {text("éa"), text("a")}), "2");
}

TEST(Maths, Edges) {
    EXPECT_EQ(of("ABS", {typed("DECIMAL(5, 2)", "-1.50")}), "1.50");
    EXPECT_EQ(of("SIGN", {typed("DECIMAL(5, 2)", "-1.50")}), "-1.00");
    EXPECT_EQ(of("FLOOR", {typed("DECIMAL(5, 2)", "-1.50")}), "-2");
    EXPECT_EQ(of("CEIL", {typed("DECIMAL(5, 2)", "-1.50")}), "-1");
    EXPECT_EQ(of("CEILING", {number(1.2)}), "2.0");
    EXPECT_EQ(of("FLOOR", {integer(7)}), "7");
    EXPECT_EQ(of("ROUND", {number(1.005), integer(2)}), "1.01");
    EXPECT_EQ(of("ROUND", {number(-2.5)}), "-3.0");
    EXPECT_EQ(of("ROUND", {number(1e300), integer(2)}), "1.0E300");
    EXPECT_EQ(of("ROUND", {integer(1250), integer(-2)}), "1300");
    EXPECT_EQ(of("ROUND", {typed("DECIMAL(10, 3)", "2.555"), integer(2)}), "2.56");
    EXPECT_EQ(of("ROUND", {typed("DECIMAL(10, 3)", "-999.555"), integer(0)}), "-1000");
    EXPECT_EQ(of("TRUNCATE", {number(-1.99), integer(1)}), "-1.9");
    EXPECT_EQ(of("TRUNCATE", {typed("DECIMAL(10, 3)", "42.329"), integer(2)}), "42.320");
    EXPECT_EQ(of("POWER", {integer(2), integer(3)}), "8.0");
    EXPECT_EQ(of("SQRT", {integer(-1)}), "NaN");
    EXPECT_EQ(of("LN", {integer(0)}), "-Infinity");
    EXPECT_EQ(of("GREATEST", {integer(1), null("INT")}), "NULL");
    EXPECT_EQ(of("GREATEST", {integer(1), number(2.5)}), "2.5");
    const auto random = call("RAND", {});
    EXPECT_EQ(random->kind(), ExpressionKind::Call);
    EXPECT_EQ(of("<", {random, integer(1)}), "TRUE");
    ExpressionExecutor executor(
        {call("RAND", {integer(7)}), call("RAND_INTEGER", {integer(10)}), call("-", {random, random})});
    const auto columns = executor.evaluate({}, Batch(1000, {}));
    size_t distinct = 0;
    for (size_t i = 0; i < 1000; ++i) {
        ASSERT_LT(columns[0]->valueAt(i).asDouble(), 1);
        ASSERT_LT(columns[1]->valueAt(i).asInt64(), 10);
        ASSERT_EQ(columns[2]->valueAt(i).asDouble(), 0);  // one node, drawn once
        distinct += i > 0 && columns[0]->valueAt(i) != columns[0]->valueAt(i - 1);
    }
    EXPECT_GT(distinct, 990U);
}

}  // namespace
}  // namespace millrace

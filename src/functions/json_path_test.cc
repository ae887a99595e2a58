#include "functions/json_path.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace millrace {
namespace {

std::string rewritten(std::string_view text) {
    JsonDocument document;
    if (!document.parse(text)) return "not JSON";
    std::string out;
    document.write(0, out);
    return out;
}

TEST(JsonDocument, IsWrittenAsJacksonWritesIt) {
    EXPECT_EQ(rewritten(R"( { "b" : 1 , "a" : [ true , null ] } )"), R"({"b":1,"a":[true,null]})");
    EXPECT_EQ(rewritten("[1.50, 1e5, -0, 1E-7, 12345678901234567890123]"),
              "[1.5,100000.0,0,1.0E-7,12345678901234567890123]");
    EXPECT_EQ(rewritten(R"("\u00f1\ud83d\ude00\/\u0001\n")"), "\"ñ😀/\\u0001\\n\"");
    EXPECT_EQ(rewritten(R"("\ud83d")"), "\"\xEF\xBF\xBD\"");  // half a pair
    EXPECT_EQ(rewritten(R"({"a":1,"b":2,"a":3})"), R"({"a":3,"b":2})");
    std::string many = "{";
    std::string once = "{";
    for (int i = 0; i < 20; ++i) {
        many += "\"k" + std::to_string(i) + "\":0,";
        once += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":" + (i == 7 ? "9" : "0");
    }
    EXPECT_EQ(rewritten(many + "\"k7\":9}"), once + "}");
    EXPECT_EQ(rewritten("[1e400, -1e400]"), "[\"Infinity\",\"-Infinity\"]");
    EXPECT_EQ(rewritten("{} and more"), "{}");
}

TEST(JsonDocument, RefusesWhatIsNotJson) {
    for (const char* text : {"", " ", "nul", "01", "1.", "-", "+1", "1abc", "[1,]", "{\"a\":1,}", "{a:1}",
                             "[1 2]", "\"a", "\"\\x\"", "\"\\u12g4\"", "\"\n\"", "NaN", "{\"a\"}", "]"}) {
        EXPECT_EQ(rewritten(text), "not JSON") << text;
    }
    const std::string deep(JsonDocument::kDepthMax + 2, '[');
    EXPECT_EQ(rewritten(deep), "not JSON");
}

std::string found(std::string_view path_text, std::string_view json) {
    const auto path = JsonPath::compile(path_text);
    if (!path) return "no path";
    JsonDocument document;
    if (!document.parse(json)) return "not JSON";
    const JsonPath::Found result = path->find(document);
    if (result.error) return "error";
    if (result.value == JsonDocument::kNone) return "nothing";
    std::string out;
    document.write(result.value, out);
    return out;
}

TEST(JsonPath, LeadsToValues) {
    const char* const json = R"({"a":[{"b":1},{"b":2,"c":[3,4]},5],"d e":{"x":null},"f":"t"})";
    EXPECT_EQ(found("$.a[1].c[0]", json), "3");
    EXPECT_EQ(found("$.a[-1]", json), "5");
    EXPECT_EQ(found("$['d e']", json), R"({"x":null})");
    EXPECT_EQ(found("$.['d e'].x", json), "error");
    EXPECT_EQ(found("lax $['d e'].x", json), "nothing");
    EXPECT_EQ(found("$.a[*].b", json), "[1,2]");
    EXPECT_EQ(found("$..b", json), "[1,2]");
    EXPECT_EQ(found("$.a[0:2]", json), R"([{"b":1},{"b":2,"c":[3,4]}])");
    EXPECT_EQ(found("$.a[0,2]", json), R"([{"b":1},5])");
    EXPECT_EQ(found("$['f','a']", json), R"({"f":"t","a":[{"b":1},{"b":2,"c":[3,4]},5]})");
    EXPECT_EQ(found("$['f','f']", json), "\"t\"");
    EXPECT_EQ(found("LAX  $.f.g", json), "nothing");
    EXPECT_EQ(found("strict $.f.g", json), "error");
    EXPECT_EQ(found("$.a[7]", json), "error");
    EXPECT_EQ(found("$.none[*]", json), "error");
    EXPECT_EQ(found("lax $.none[*]", json), "[]");
    EXPECT_EQ(found("$", "null"), "error");
}

TEST(JsonPath, IsReadStrictly) {
    for (const char* text :
         {"", "a", "$a", "$.", "$.a.", "$[", "$[a]", "$['a", "$..", "$[1", "$[1:2:3]", "$ .a"})
        EXPECT_EQ(found(text, "{}"), "no path") << text;
    EXPECT_TRUE(JsonPath::compile("$.a[?(@.b > 1 && !(@.c || $.d in [1, 'x']))]"));
    EXPECT_TRUE(JsonPath::compile("$.a[?(@['b)'] =~ /x\\/y/i)].c"));
    for (const char* wrong :
         {"$[?]", "$[?()]", "$[?(@.a]", "$[?(@.a)", "$[?(@.a > )]", "$[?(1)]", "$[?(@.a = 1)]",
          "$[?(@.a in 1)]", "$[?(@.a && )]", "$[?(@.a =~ /(/)]", "$[?(@.a 'x)]"})
        EXPECT_FALSE(JsonPath::compile(wrong)) << wrong;
    std::string deep = "@.a";
    for (int i = 0; i < 5000; ++i)
        deep = "@[?(" + deep + ")]";
    EXPECT_FALSE(JsonPath::compile("$[?(" + deep + ")]"));
    EXPECT_FALSE(JsonPath::compile("$[?(" + std::string(5000, '(') + "@.a" + std::string(5000, ')') + ")]"));
    EXPECT_FALSE(JsonPath::compile("$[?(" + std::string(5000, '!') + "@.a)]"));
    EXPECT_THROW(JsonPath::compile("$.a[?(@.b contains 1)]"), UserError);
    EXPECT_THROW(JsonPath::compile("$.a.length()"), UserError);
}

}  // namespace
}  // namespace millrace

// Tests of the JSON slice reader, beside nlohmann-json as the judge of what is JSON.
#include "applications/statestore/native/json_reader.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

namespace berth::statestore {
namespace {

bool judge(std::string_view text) { return nlohmann::json::accept(text); }

TEST(JsonReader, AgreesWithNlohmannOnWhatIsJson) {
  for (const std::string text : {"1",
                                 "-0",
                                 "0.5",
                                 "1e9",
                                 "-1.5E+10",
                                 "\"\"",
                                 "\"\\u00e4\\n\\/\"",
                                 "true",
                                 "false",
                                 "null",
                                 "[]",
                                 "{}",
                                 " [ 1 , 2 ] ",
                                 "{\"a\":{\"b\":[[],{}]}}",
                                 "[1,[2,[3]]]",
                                 "",
                                 " ",
                                 "01",
                                 "-",
                                 "+1",
                                 "1.",
                                 ".5",
                                 "1e",
                                 "\"",
                                 "\"\\\"",
                                 "\"\\x\"",
                                 "\"\\u12g4\"",
                                 "\"\n\"",
                                 "tru",
                                 "nul",
                                 "[1,]",
                                 "[,1]",
                                 "[1 2]",
                                 "[",
                                 "]",
                                 "{",
                                 "}",
                                 "{\"a\"}",
                                 "{\"a\":}",
                                 "{\"a\":1,}",
                                 "{a:1}",
                                 "{1:2}",
                                 "[}",
                                 "{]",
                                 "1 2",
                                 "[]]",
                                 "\xc3\xa4",
                                 "\"\xc3\xa4\"",
                                 "\"\xc3\"",
                                 "\"\xed\xa0\x80\"",
                                 "\"\xf4\x90\x80\x80\"",
                                 "\"\xc0\x80\"",
                                 "\"\xe0\x80\x80\"",
                                 "\"\xf0\x8f\xbf\xbf\"",
                                 "\"\xf0\x9f\x98\x80\"",
                                 "NaN",
                                 "\"a\"b\"",
                                 "[\"a\"\"b\"]"}) {
    EXPECT_EQ(is_json(text), judge(text)) << text;
  }
}

TEST(JsonReader, AgreesWithNlohmannOnAlteredTexts) {
  const std::string good =
      R"([{"key":"a\u00e4","value":{"x":[1,-2.5e3,true,null,"q\"\\"],"y":{}},"etag":"1"},{"k":[[]]}])";
  const std::string alphabet = "{}[]\":,\\u01eE+-.tfn \n\x01\xc3\xa4";
  std::mt19937 random(7);
  int good_ones = 0;
  for (int i = 0; i < 50'000; ++i) {
    std::string text = good;
    for (int edits = 1 + static_cast<int>(random() % 3); edits > 0; --edits) {
      const auto at = random() % text.size();
      switch (random() % 3) {
        case 0: text[at] = alphabet[random() % alphabet.size()]; break;
        case 1: text.erase(at, 1 + random() % 3); break;
        default: text.insert(at, 1, alphabet[random() % alphabet.size()]);
      }
    }
    const bool expected = judge(text);
    good_ones += expected;
    ASSERT_EQ(is_json(text), expected) << text;
  }
  EXPECT_GT(good_ones, 1000);
}

TEST(JsonReader, DecodesStrings) {
  const auto decode = [](std::string_view text) {
    JsonReader reader(text);
    std::string out = "old";
    EXPECT_TRUE(reader.string(out) && reader.end()) << reader.error();
    return out;
  };
  EXPECT_EQ(decode(R"("")"), "");
  EXPECT_EQ(decode(R"( "a\"\\\/\b\f\n\r\tz" )"), "a\"\\/\b\f\n\r\tz");
  EXPECT_EQ(decode(R"("\u0041\u00e4\u20ac\ud83d\ude00")"), "A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
  EXPECT_EQ(decode(R"("\ud83d")"), "\xef\xbf\xbd");
  EXPECT_EQ(decode(R"("\ude00x")"), "\xef\xbf\xbdx");
  EXPECT_EQ(decode(R"("\ud83dA")"),
            "\xef\xbf\xbd"
            "A");
}

TEST(JsonReader, GivesValuesAsWritten) {
  JsonReader reader(R"({ "a" : { "x" : [ 1 , 2 ] } , "b":"q\"" })");
  std::vector<std::string> seen;
  ASSERT_TRUE(read_object(reader, [&](std::string_view name) {
    std::string_view value;
    if (!reader.value(value)) return false;
    seen.push_back(std::string(name) + "=" + std::string(value));
    return true;
  }));
  EXPECT_TRUE(reader.end());
  EXPECT_EQ(seen, (std::vector<std::string>{R"(a={ "x" : [ 1 , 2 ] })", R"(b="q\"")"}));
}

TEST(JsonReader, BoundsTheDepth) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + "1" + std::string(depth, ']');
  };
  EXPECT_TRUE(is_json(nested(kMaxJsonDepth)));
  EXPECT_FALSE(is_json(nested(kMaxJsonDepth + 1)));
  const std::string deep = nested(1'000'000);
  JsonReader reader(deep);
  EXPECT_FALSE(reader.skip());
  EXPECT_EQ(reader.error(), "nested deeper than 256 at byte 257");
}

TEST(JsonReader, WritesStringsThatReadBackTheSame) {
  std::string all;
  for (int c = 0; c < 128; ++c) all.push_back(static_cast<char>(c));
  all += "\xc3\xa4\xf0\x9f\x98\x80";
  std::string text;
  append_json_string(text, all);
  EXPECT_EQ(nlohmann::json::parse(text).get<std::string>(), all);
  JsonReader reader(text);
  std::string back;
  EXPECT_TRUE(reader.string(back));
  EXPECT_EQ(back, all);
}

}  // namespace
}  // namespace berth::statestore

// Views of JSON, as guests have them.
#include <gtest/gtest.h>

#include <random>

#include "capabilities/kubernetes/codegen/runtime/view.h"

namespace kube {
namespace {

TEST(View, ReadsWhatItIsAskedFor) {
  const View pod(R"( {"metadata": {"name": "a\"b\\c\u00e9\ud83d\ude00\n", "labels": {"x/y": "1", "z": ""}},
    "spec": {"n": -42, "f": -2.5, "yes": true, "no": false, "none": null, "list": [1, [2], {"a": "]}"}, "x"]}} )");
  EXPECT_EQ(Metadata(pod.at("metadata")).name(), "a\"b\\c\xC3\xA9\xF0\x9F\x98\x80\n");
  EXPECT_EQ(Metadata(pod.at("metadata")).labels()["x/y"], "1");
  const View spec = pod.at("spec");
  EXPECT_EQ(spec.at("n").integer(), -42);
  EXPECT_EQ(spec.at("f").number(), -2.5);
  EXPECT_TRUE(spec.at("yes").boolean());
  EXPECT_FALSE(spec.at("no").boolean());
  EXPECT_TRUE(spec.at("no").exists());
  EXPECT_FALSE(spec.at("none").exists());
  EXPECT_FALSE(spec.at("absent").exists());
  const List<View> list(spec.at("list"));
  ASSERT_EQ(list.size(), 4u);
  std::string texts;
  for (const View item : list) (texts += item.text()) += ';';
  EXPECT_EQ(texts, R"(1;[2];{"a": "]}"};"x";)");
  std::string labels;
  for (const auto& [key, value] : Metadata(pod.at("metadata")).labels()) labels += key + "=" + value + ";";
  EXPECT_EQ(labels, "x/y=1;z=;");
}

TEST(View, AnotherTypeReadsAsNothing) {
  const View text(R"({"a": "text", "b": 1, "c": [], "d": {}})");
  EXPECT_EQ(text.at("b").string(), "");
  EXPECT_EQ(text.at("a").integer(), 0);
  EXPECT_FALSE(text.at("a").boolean());
  EXPECT_FALSE(text.at("a").at("x").exists());
  EXPECT_EQ(List<View>(text.at("d")).size(), 0u);
  EXPECT_EQ(List<View>(text.at("b")).size(), 0u);
  EXPECT_EQ(List<View>(text.at("c")).size(), 0u);
  EXPECT_EQ(View("12345678901234567890").integer(), 0);
  EXPECT_EQ(View("").at("x").text(), "");
}

// Whatever is cut off or exchanged: it ends, and every view lies inside the text.
TEST(View, DamagedTextEnds) {
  const std::string whole =
      R"({"a": [{"b": "c\u00e9\\"}, 1.5, [[]], {"d": {"e": null}}], "f": "\ud83d\ude00", "g": true})";
  std::mt19937 random(7);
  const auto walk = [](std::string_view text, auto& self, View view, int depth) -> std::size_t {
    std::size_t seen = 1 + view.string().size() + static_cast<std::size_t>(view.integer() != 0) +
                       static_cast<std::size_t>(view.number() != 0);
    EXPECT_TRUE(view.text().empty() ||
                (view.text().data() >= text.data() &&
                 view.text().data() + view.text().size() <= text.data() + text.size()));
    if (depth == 12) return seen;
    for (const View item : List<View>(view)) seen += self(text, self, item, depth + 1);
    for (const auto& [key, item] : Map<View>(view)) seen += key.size() + self(text, self, item, depth + 1);
    return seen;
  };
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const std::string cut = whole.substr(0, size);
    EXPECT_GT(walk(cut, walk, View(cut), 0), 0u);
  }
  for (int i = 0; i < 20'000; ++i) {
    std::string text = whole;
    for (int n = 0; n < 3; ++n) text[random() % text.size()] = R"({}[]",:\ 01u)"[random() % 12];
    EXPECT_GT(walk(text, walk, View(text), 0), 0u);
  }
}

TEST(View, DepthCostsNothing) {
  const std::string deep =
      "{\"a\": " + std::string(1'000'000, '[') + std::string(1'000'000, ']') + ", \"b\": 7}";
  EXPECT_EQ(View(deep).at("b").integer(), 7);
}

TEST(Quoted, ComesBack) {
  std::string out;
  const std::string text("a\"\\\n\x01\x1f\xC3\xA9/", 9);
  json::append_quoted(out, text);
  EXPECT_EQ(out, "\"a\\\"\\\\\\u000a\\u0001\\u001f\xC3\xA9/\"");
  EXPECT_EQ(View(out).string(), text);
}

}  // namespace
}  // namespace kube

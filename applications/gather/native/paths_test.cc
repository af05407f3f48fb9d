// Tests of record paths.
#include "applications/gather/native/paths.h"

#include <gtest/gtest.h>

#include "applications/gather/native/limits.h"

namespace berth::gather {
namespace {

TEST(Paths, AcceptsWhatArchivesHave) {
  for (const char* path : {"config/node/n1.json", "a", "a.b/c", "config/pod/ns/logs/p/c_current.log",
                           "ä/ö.json", ".hidden", "...", "a/..b", "config/id"})
    EXPECT_EQ(checked_path(path).value(), path);
}

TEST(Paths, RefusesWhatLeadsElsewhere) {
  std::string deep = "a";
  for (std::size_t i = 0; i < kMaxPathParts; ++i) deep += "/a";
  const std::string table[] = {"",
                               "/",
                               "/a",
                               "a/",
                               "a//b",
                               ".",
                               "..",
                               "../a",
                               "a/..",
                               "a/./b",
                               "a/../../b",
                               "a\\b",
                               "a\nb",
                               std::string("a\0b", 3),
                               "a\x7f",
                               "\x1b[2J",
                               "\xff\xfe",
                               "a/\xc3",
                               deep,
                               std::string(kMaxPathBytes + 1, 'a'),
                               std::string(kMaxPartBytes + 1, 'a') + "/b"};
  for (const std::string& path : table) {
    const auto checked = checked_path(path);
    ASSERT_FALSE(checked) << path;
    EXPECT_EQ(checked.error().code(), Code::kInvalidArgument);
  }
  EXPECT_TRUE(checked_path(deep.substr(2)));
}

TEST(Paths, CutsTheStemOfALongName) {
  const std::string name = checked_path("d/" + std::string(400, 'n') + ".json").value();
  EXPECT_EQ(name.size(), 2 + kMaxPartBytes);
  EXPECT_TRUE(name.ends_with("n.json"));
  EXPECT_EQ(checked_path(std::string(kMaxPartBytes, 'n')).value().size(), kMaxPartBytes);
  EXPECT_EQ(checked_path(std::string(300, 'n')).value().size(), kMaxPartBytes);
  // Something that long is no extension.
  EXPECT_EQ(checked_path("a." + std::string(300, 'n')).value().size(), kMaxPartBytes);
  // No character is cut in two: é has two bytes.
  std::string wide;
  for (int i = 0; i < 200; ++i) wide += "é";
  const std::string cut = checked_path(wide + ".log").value();
  EXPECT_EQ(cut.size(), 254);
  EXPECT_TRUE(cut.ends_with("é.log"));
}

}  // namespace
}  // namespace berth::gather

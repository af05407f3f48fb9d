// config: the section and the store.
#include <gtest/gtest.h>

#include "capabilities/config/binding.h"
#include "capabilities/config/grants.h"
#include "capabilities/config/limits.h"
#include "capabilities/grants/testing.h"

namespace berth::config {
namespace {

std::string problems(std::string_view yaml) { return grants::testing::read(capability(), yaml).problems; }

TEST(Config, KeepsTextsAsTheyAreWritten) {
  manifest::Problems none("berth.yaml");
  const auto yaml = manifest::parse_yaml("{ version: 1.10, on: yes, empty: \"\" }", none);
  ASSERT_TRUE(yaml);
  auto values = read(*yaml, "grants.config", none);
  ASSERT_TRUE(values) << none.to_string();
  const Store store(std::move(*values));
  EXPECT_EQ(store.get("version"), "1.10");
  EXPECT_EQ(store.get("on"), "yes");
  EXPECT_EQ(store.get("empty"), "");
  EXPECT_EQ(store.get("none"), std::nullopt);
  EXPECT_EQ(store.all().size(), 3U);
}

TEST(Config, MistakesHaveAPlace) {
  EXPECT_TRUE(problems("[a]").contains("berth.yaml:1:1: grants.config: expected a map of texts"));
  EXPECT_TRUE(problems("a:").contains("grants.config.a has no value; write \"\" for an empty text"))
      << problems("a:");
  EXPECT_TRUE(problems("a: [b]").contains("berth.yaml:1:4: grants.config.a: expected a text"))
      << problems("a: [b]");
  EXPECT_TRUE(problems(std::string(kMaxKeyBytes + 1, 'k') + ": v").contains("a key has 1 to 256 bytes"));
}

TEST(Config, HasLimits) {
  std::string many;
  for (std::size_t i = 0; i <= kMaxKeys; ++i) many += "k" + std::to_string(i) + ": v\n";
  EXPECT_TRUE(problems(many).contains("berth.yaml:1001:1: grants.config has 1001 keys; 1000 is the most"))
      << problems(many);
  std::string large;
  for (int i = 0; i < 5; ++i) large += "k" + std::to_string(i) + ": " + std::string(60'000, 'v') + "\n";
  EXPECT_TRUE(problems(large).contains("berth.yaml:5:1: grants.config has more than 262144 bytes"))
      << problems(large).substr(0, 300);
}

TEST(Config, CoversItsInterface) {
  EXPECT_TRUE(covers("wasi:config/store@0.2.0-rc.1"));
  EXPECT_FALSE(covers("wasi:config/runtime@0.2.0-draft"));
}

}  // namespace
}  // namespace berth::config

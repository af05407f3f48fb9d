// Tests of versions and ranges.
#include "applications/gather/native/version_range.h"

#include <gtest/gtest.h>

namespace berth::gather {
namespace {

bool matches(const char* range, const char* version) {
  return VersionRange::parse(range).value().matches(SemanticVersion::parse(version).value());
}

TEST(SemanticVersion, Orders) {
  // As semver.org has it.
  const char* ascending[] = {"1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta",
                             "1.0.0-beta",  "1.0.0-beta.2",  "1.0.0-beta.11",
                             "1.0.0-rc.1",  "1.0.0",         "1.0.1",
                             "1.2.0",       "10.0.0"};
  for (std::size_t i = 0; i < std::size(ascending); ++i) {
    for (std::size_t k = 0; k < std::size(ascending); ++k) {
      const int order = SemanticVersion::compare(SemanticVersion::parse(ascending[i]).value(),
                                                 SemanticVersion::parse(ascending[k]).value());
      EXPECT_EQ(order < 0, i < k) << ascending[i] << " " << ascending[k];
      EXPECT_EQ(order > 0, i > k) << ascending[i] << " " << ascending[k];
    }
  }
  EXPECT_EQ(SemanticVersion::compare(SemanticVersion::parse("v1.31.2+k3s1").value(),
                                     SemanticVersion::parse("1.31.2").value()),
            0);
}

TEST(SemanticVersion, RefusesWhatIsNone) {
  for (const char* text : {"", "1", "1.2", "1.2.3.4", "a.b.c", "1.2.x", "01.2.3", "1.2.3-", "1.2.3-01",
                           "1.2.3+", "1.2.3-a..b", "-1.2.3", "1.2.99999999999999999999", "1.2.3 "})
    EXPECT_FALSE(SemanticVersion::parse(text)) << text;
  EXPECT_FALSE(SemanticVersion::parse("1.2.3-" + std::string(1000, 'a')));
}

TEST(VersionRange, Matches) {
  EXPECT_TRUE(matches("4.17.3", "4.17.3"));
  EXPECT_FALSE(matches("4.17.3", "4.17.4"));
  EXPECT_TRUE(matches(">=4.16.0 <4.18.0", "4.17.3"));
  EXPECT_FALSE(matches(">=4.16.0 <4.18.0", "4.18.0"));
  EXPECT_TRUE(matches(">= 4.16.0 < 4.18.0", "4.17.3"));
  EXPECT_TRUE(matches("<4.0.0 || >4.17.0", "4.17.3"));
  EXPECT_TRUE(matches("4.17.x", "4.17.9"));
  EXPECT_FALSE(matches("4.17.x", "4.18.0"));
  EXPECT_TRUE(matches("4.x", "4.99.0"));
  EXPECT_TRUE(matches("4.x.x", "4.99.0"));
  EXPECT_FALSE(matches("!=4.17.x", "4.17.9"));
  EXPECT_TRUE(matches("!4.17.x", "4.16.9"));
  EXPECT_TRUE(matches(">4.17.x", "4.18.0"));
  EXPECT_FALSE(matches(">4.17.x", "4.17.9"));
  EXPECT_TRUE(matches("<=4.17.x", "4.17.9"));
  EXPECT_TRUE(matches("==4.17.3", "4.17.3"));
  // A candidate is where its release would be, too.
  EXPECT_TRUE(matches(">=4.17.0", "4.17.0-rc.1"));
  EXPECT_TRUE(matches("4.17.0-rc.1", "4.17.0-rc.1"));
  EXPECT_TRUE(matches("4.17.x", "4.17.0-0.nightly-2026-01-01"));
}

TEST(VersionRange, RefusesWhatIsNotUnderstood) {
  for (const char* text : {"", " ", "||", "4.17.3 ||", ">=", ">= <1.0.0", "x", "*.1.0", "4.x.1", "4.17",
                           "~4.17.0", "^4.17.0", "4.17.3,4.17.4", ">=>4.17.3", "4.17.x.x"})
    EXPECT_FALSE(VersionRange::parse(text)) << text;
  EXPECT_FALSE(VersionRange::parse(std::string(65, '1')));
}

}  // namespace
}  // namespace berth::gather

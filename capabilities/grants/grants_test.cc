// What all capabilities share: interface matching, host patterns, denial lines, lists.
#include <gtest/gtest.h>

#include "capabilities/grants/denials.h"
#include "capabilities/grants/host_pattern.h"
#include "capabilities/grants/interfaces.h"
#include "capabilities/grants/limits.h"
#include "capabilities/grants/section.h"
#include "capabilities/grants/testing.h"
#include "capabilities/grants/token_bucket.h"

namespace berth::grants {
namespace {

TEST(Interfaces, MatchTheCompatibleVersions) {
  static constexpr std::string_view kNames[] = {"clock", "zone"};
  constexpr InterfaceSet wasi{"wasi:clocks", "0.2.0", kNames};
  EXPECT_TRUE(contains(wasi, "wasi:clocks/clock@0.2.0"));
  EXPECT_TRUE(contains(wasi, "wasi:clocks/zone@0.2.9"));
  for (const auto* other :
       {"wasi:clocks/clock@0.3.0", "wasi:clocks/clock@1.2.0", "wasi:clocks/clock", "wasi:clocks/other@0.2.0",
        "wasi:clock/clock@0.2.0", "wasi:clocks/clock@0.2.0-rc.1", "wasi:clocks/clock@0.2",
        "wasi:clocks/clock@0.2.0.0", "wasi:clocks/clock@0.2.x", "wasi:clocks/@0.2.0", "", "@/", "clock"})
    EXPECT_FALSE(contains(wasi, other)) << other;
  constexpr InterfaceSet draft{"wasi:logging", "0.1.0-draft", kNames};
  EXPECT_TRUE(contains(draft, "wasi:logging/clock@0.1.0-draft"));
  EXPECT_FALSE(contains(draft, "wasi:logging/clock@0.1.0"));
  constexpr InterfaceSet major{"a:b", "1.2.0", kNames};
  EXPECT_TRUE(contains(major, "a:b/clock@1.0.7"));
  constexpr InterfaceSet first{"a:b", "0.0.1", kNames};
  EXPECT_TRUE(contains(first, "a:b/clock@0.0.1"));
  EXPECT_FALSE(contains(first, "a:b/clock@0.0.2"));
}

TEST(Hosts, ReadsNamesAndAddresses) {
  EXPECT_EQ(parse_host("API.Example.COM.")->text, "api.example.com");
  EXPECT_EQ(parse_host("10.1.2.3")->address->to_string(), "10.1.2.3");
  EXPECT_EQ(parse_host("[::1]")->address->to_string(), "::1");
  EXPECT_EQ(parse_host("_service.example")->text, "_service.example");
  for (const auto* bad : {"", ".", "a..b", "-@-", "a b", "a\r\nb", "user@host", "host/path", "host:80",
                          "exa\xcc\x81mple", "[10.0.0.1]", "[host]", "fe80::1%eth0", "0177.0.0.1",
                          "2130706433", "0x7f000001", "127.1", "10.0.0.1."})
    EXPECT_FALSE(parse_host(bad)) << bad;
  EXPECT_FALSE(parse_host(std::string(254, 'a')));
  EXPECT_FALSE(parse_host(std::string(64, 'a') + ".example"));
}

TEST(Hosts, PatternsMatchWhatTheySay) {
  const auto matches = [](std::string_view pattern, std::string_view host) {
    const auto p = HostPattern::parse(pattern);
    const auto h = parse_host(host);
    EXPECT_TRUE(p) << pattern;
    EXPECT_TRUE(h) << host;
    return p && h && p->matches(*h);
  };
  EXPECT_TRUE(matches("api.example.com", "API.example.com."));
  EXPECT_FALSE(matches("api.example.com", "xapi.example.com"));
  EXPECT_FALSE(matches("api.example.com", "api.example.com.evil.org"));
  EXPECT_TRUE(matches("*.example.com", "a.b.example.com"));
  EXPECT_FALSE(matches("*.example.com", "example.com"));
  EXPECT_FALSE(matches("*.example.com", "evilexample.com"));
  EXPECT_FALSE(matches("*.0.0.example", "10.0.0.1"));
  EXPECT_TRUE(matches("*", "anything.example"));
  EXPECT_TRUE(matches("*", "10.0.0.1"));
  EXPECT_TRUE(matches("[::1]", "0:0:0:0:0:0:0:1"));
  EXPECT_FALSE(matches("10.0.0.1", "10.0.0.2"));
  for (const auto* bad : {"a.*.example", "*a.example", "**", "*.", "*.10.0.0.1", "", "127.1"})
    EXPECT_FALSE(HostPattern::parse(bad)) << bad;
}

TEST(Hosts, AuthoritiesHoldNothingElse) {
  EXPECT_EQ(parse_authority("a.example:8080")->port, 8080);
  EXPECT_FALSE(parse_authority("a.example")->port);
  EXPECT_EQ(parse_authority("[::1]:80")->port, 80);
  for (const auto* bad : {"user@a.example", "user:pw@a.example:80", "a.example:", "a.example:0",
                          "a.example:65536", "a.example:80:80", "a.example:+80", "a.example:8 0", "[::1",
                          "[::1]x", "::1:80:", "a.example\r\nHost: b"})
    EXPECT_FALSE(parse_authority(bad)) << bad;
}

TEST(Buckets, RefillOverTime) {
  TokenBucket bucket(2, 3);
  const auto start = TokenBucket::Clock::now();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.take(start));
  EXPECT_FALSE(bucket.take(start));
  EXPECT_TRUE(bucket.take(start + std::chrono::milliseconds(500)));
  EXPECT_FALSE(bucket.take(start + std::chrono::milliseconds(600)));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.take(start + std::chrono::hours(1)));
  EXPECT_FALSE(bucket.take(start + std::chrono::hours(1)));
}

TEST(Denials, NameTheLineAndCountAFlood) {
  testing::Process process;
  Denials denials(process.services(), "http", "sha256:1");
  for (int i = 0; i < 10'000; ++i)
    denials.report("HTTP GET to https://a.example", "http: [{ hosts: [a.example], methods: [GET] }]");
  EXPECT_EQ(denials.count(), 10'000U);
  const auto lines = process.lines();
  EXPECT_GE(lines.size(), static_cast<std::size_t>(kDenialLineBurst));
  EXPECT_LE(lines.size(), static_cast<std::size_t>(kDenialLineBurst) + 10);
  EXPECT_TRUE(process.logged(
      "to allow it, write under workloads.shop.grants: http: [{ hosts: [a.example], methods: [GET] }]"));
  EXPECT_TRUE(process.metrics().expose().contains("} 10000\n")) << process.metrics().expose();
}

TEST(Denials, ShowWhatAGuestChoseOnOneLine) {
  EXPECT_EQ(shown("a\r\nb\x1b[31m").find_first_of("\r\n\x1b"), std::string::npos);
  EXPECT_LE(shown(std::string(100'000, 'x')).size(), kMaxShownBytes + 3);
}

TEST(Lists, HaveALimit) {
  manifest::Problems problems("berth.yaml");
  std::string yaml = "hosts: [";
  for (std::size_t i = 0; i <= kMaxListItems; ++i) yaml += "a,";
  const auto value = manifest::parse_yaml(yaml + "]", problems);
  ASSERT_TRUE(value);
  EXPECT_TRUE(read_texts(*value, "hosts", "http.hosts", problems).empty());
  EXPECT_TRUE(problems.to_string().contains("257 items; 256 is the most")) << problems.to_string();
}

TEST(Lists, RefuseWhatIsNoText) {
  manifest::Problems problems("berth.yaml");
  const auto value = manifest::parse_yaml(
      "hosts:\n  - \"\"\n  - \"a\\tb\"\n  - [x]\n  - " + std::string(kMaxHostRuleBytes + 1, 'a') + "\n",
      problems);
  ASSERT_TRUE(value);
  EXPECT_TRUE(read_texts(*value, "hosts", "http.hosts", problems).empty());
  const std::string text = problems.to_string();
  for (const auto* place : {"berth.yaml:2:5: http.hosts", "berth.yaml:3:5: http.hosts",
                            "berth.yaml:4:5: http.hosts", "berth.yaml:5:5: http.hosts"})
    EXPECT_TRUE(text.contains(place)) << text;
}

}  // namespace
}  // namespace berth::grants

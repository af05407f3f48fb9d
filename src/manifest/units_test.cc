// Units: what is accepted, and the advice when it is not.
#include "manifest/units.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "manifest/problems.h"

namespace berth::manifest {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

TEST(Units, Bytes) {
  EXPECT_EQ(parse_bytes("0").value(), 0);
  EXPECT_EQ(parse_bytes("100").value(), 100);
  EXPECT_EQ(parse_bytes("1B").value(), 1);
  EXPECT_EQ(parse_bytes("64KiB").value(), 65'536);
  EXPECT_EQ(parse_bytes("64MiB").value(), 64u << 20);
  EXPECT_EQ(parse_bytes("3GiB").value(), std::uint64_t{3} << 30);
  for (const char* bad : {"", "MiB", "-1", "1.5MiB", "64 MiB", "64mib", "64Mi", "1TiB",
                          "18446744073709551616", "17179869184GiB", "0x10"}) {
    EXPECT_FALSE(parse_bytes(bad)) << bad;
  }
  EXPECT_THAT(parse_bytes("64Mi").error().message(), HasSubstr("write 64MiB"));
  EXPECT_THAT(parse_bytes("2g").error().message(), HasSubstr("write 2GiB"));
  EXPECT_THAT(parse_bytes("much").error().message(), HasSubstr("such as 64MiB"));
}

TEST(Units, Durations) {
  EXPECT_EQ(parse_duration("250ms").value(), 250ms);
  EXPECT_EQ(parse_duration("30s").value(), 30s);
  EXPECT_EQ(parse_duration("5m").value(), 5min);
  EXPECT_EQ(parse_duration("2h").value(), 2h);
  EXPECT_EQ(parse_duration("0s").value(), 0ms);
  for (const char* bad :
       {"", "s", "-1s", "1.5s", "1 s", "1d", "1m30s", "9223372036854775807s", "18446744073709551615ms"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
  EXPECT_THAT(parse_duration("5").error().message(), HasSubstr("write 5s, 5ms"));
}

TEST(Units, Percentages) {
  EXPECT_DOUBLE_EQ(parse_percent("5%").value(), 0.05);
  EXPECT_DOUBLE_EQ(parse_percent("0.5%").value(), 0.005);
  EXPECT_DOUBLE_EQ(parse_percent("100%").value(), 1);
  for (const char* bad : {"", "5", "%", "-1%", "101%", "nan%", "5%%"})
    EXPECT_FALSE(parse_percent(bad)) << bad;
}

TEST(Units, Factors) {
  EXPECT_DOUBLE_EQ(parse_factor("2x").value(), 2);
  EXPECT_DOUBLE_EQ(parse_factor("1.5x").value(), 1.5);
  EXPECT_DOUBLE_EQ(parse_factor("1000x").value(), 1000);
  for (const char* bad : {"", "x", "2", "0.9x", "1001x", "-2x", "nanx", "2xx", "2 x"})
    EXPECT_FALSE(parse_factor(bad)) << bad;
  EXPECT_EQ(format_factor(1.5), "1.5x");
  EXPECT_EQ(format_percent(0.1), "10%");
  EXPECT_EQ(format_percent(0.005), "0.5%");
}

TEST(Units, Endpoints) {
  EXPECT_EQ(parse_endpoint("127.0.0.1:3500").value().to_string(), "127.0.0.1:3500");
  EXPECT_EQ(parse_endpoint("[::1]:80").value().to_string(), "[::1]:80");
  EXPECT_EQ(parse_endpoint("localhost:0").value().to_string(), "127.0.0.1:0");
  for (const char* bad : {"", ":80", "80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
                          "example:80", "::1:80", "[::1]80", "[1.2.3.4]:80", "127.0.0.1:80x"}) {
    EXPECT_FALSE(parse_endpoint(bad)) << bad;
  }
}

TEST(Units, FormatsAsItParses) {
  for (const std::uint64_t bytes :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1000}, std::uint64_t{65'536},
        std::uint64_t{3} << 30, (std::uint64_t{3} << 30) + 1}) {
    EXPECT_EQ(parse_bytes(format_bytes(bytes)).value(), bytes);
  }
  for (const auto duration : {0ms, 1ms, 1500ms, 60'000ms, 90'000ms, 7'200'000ms}) {
    EXPECT_EQ(parse_duration(format_duration(duration)).value(), duration);
  }
  EXPECT_EQ(format_bytes(64 << 20), "64MiB");
  EXPECT_EQ(format_duration(90s), "90s");
}

TEST(Suggestion, NamesTheNearest) {
  const std::vector<std::string_view> known = {"memory", "call", "queue"};
  EXPECT_EQ(nearest("memroy", known), "memory");
  EXPECT_EQ(nearest("cal", known), "call");
  EXPECT_EQ(nearest("queues", known), "queue");
  EXPECT_EQ(nearest("timeout", known), "");
  EXPECT_EQ(nearest(std::string(100'000, 'q'), known), "");
  EXPECT_EQ(suggestion("timeout", known), "known here: memory, call, queue");
}

TEST(Shown, IsOneLineAndCutBetweenCharacters) {
  EXPECT_EQ(shown("a\nb\x01"), "\"a\\nb\\x01\"");
  const std::string umlauts = std::string(59, 'x') + "\xc3\xa4\xc3\xa4";
  EXPECT_EQ(shown(umlauts), "\"" + std::string(59, 'x') + "...\"");
}

}  // namespace
}  // namespace berth::manifest

// keyvalue: the section, and its mistakes.
#include <gtest/gtest.h>

#include <filesystem>

#include "capabilities/grants/testing.h"
#include "capabilities/keyvalue/grants.h"
#include "capabilities/keyvalue/limits.h"

namespace berth::keyvalue {
namespace {

namespace fs = std::filesystem;

std::optional<BucketOptions> read_yaml(std::string_view yaml) {
  manifest::Problems problems("/etc/berth/berth.yaml");
  const auto value = manifest::parse_yaml(yaml, problems);
  if (!value) return std::nullopt;
  auto read = keyvalue::read(*value, "grants.keyvalue", problems);
  EXPECT_EQ(read.has_value(), problems.empty()) << problems.to_string();
  return read;
}

TEST(Keyvalue, ReadsBuckets) {
  const auto buckets = read_yaml(R"(
default: { sqlite: state.db }
small: { sqlite: /var/lib/small.db, max-size: 2MiB }
cache: { redis: redis://10.0.0.7 }
sessions: { redis: "redis://[::1]:6380/3", prefix: "", user: shop, password-file: secret }
)");
  ASSERT_TRUE(buckets);
  ASSERT_EQ(buckets->size(), 4U);
  const auto& file = std::get<SqliteOptions>(buckets->at("default"));
  EXPECT_EQ(file.file, "/etc/berth/state.db");
  EXPECT_EQ(file.max_bytes, kDefaultMaxFileBytes);
  EXPECT_EQ(std::get<SqliteOptions>(buckets->at("small")).max_bytes, 2U << 20);
  const auto& cache = std::get<RedisOptions>(buckets->at("cache"));
  EXPECT_EQ(cache.host, "10.0.0.7");
  EXPECT_EQ(cache.port, 6379);
  EXPECT_EQ(cache.database, 0);
  EXPECT_EQ(cache.prefix, "cache:");
  EXPECT_TRUE(cache.password_file.empty());
  EXPECT_TRUE(cache.addresses.allows(*net::IpAddress::parse("10.0.0.7"), 6379));
  EXPECT_FALSE(cache.addresses.allows(*net::IpAddress::parse("169.254.169.254"), 6379));
  const auto& sessions = std::get<RedisOptions>(buckets->at("sessions"));
  EXPECT_EQ(sessions.host, "::1");
  EXPECT_EQ(sessions.port, 6380);
  EXPECT_EQ(sessions.database, 3);
  EXPECT_EQ(sessions.prefix, "");
  EXPECT_EQ(sessions.user, "shop");
  EXPECT_EQ(sessions.password_file, "/etc/berth/secret");
  EXPECT_TRUE(read_yaml("{}")->empty());
}

TEST(Keyvalue, MistakesHaveAPlace) {
  const auto problems = [](std::string_view yaml) {
    return grants::testing::read(capability(), yaml).problems;
  };
  const struct {
    const char *yaml, *expected;
  } cases[] = {
      {"- default", "berth.yaml:1:1: grants.keyvalue must be a map of buckets; write `keyvalue: { default:"},
      {"default: {}", "berth.yaml:1:10: grants.keyvalue.default: write either sqlite or redis"},
      {"default: { sqlite: a, redis: redis://a }", "grants.keyvalue.default: write either sqlite or redis"},
      {"default: state.db", "grants.keyvalue.default"},
      {"a/b: { sqlite: a }", "berth.yaml:1:1: grants.keyvalue: a bucket's name has 1 to 64 letters"},
      {"a: { sqlite: x }\nb: { sqlite: ./x }", "berth.yaml:2:4: grants.keyvalue.b: its file is that of a"},
      {"a: { sqlite: \"\" }", "grants.keyvalue.a.sqlite: is no path"},
      {"a: { sqlite: x, max-size: 1KiB }", "grants.keyvalue.a.max-size"},
      {"a: { sqlite: x, prefix: y }", "grants.keyvalue.a.prefix: has no meaning beside sqlite"},
      {"a: { sqlite: x, path: y }", "no key \"path\""},
      {"a: { redis: redis://a, max-size: 1MiB }", "grants.keyvalue.a.max-size: has no meaning beside redis"},
      {"a: { redis: rediss://a }", "grants.keyvalue.a.redis: TLS to Redis is not offered"},
      {"a: { redis: localhost }",
       "grants.keyvalue.a.redis: is no Redis URL; write redis://HOST:PORT/DATABASE"},
      {"a: { redis: redis://user:secret@host }", "holds a login; write it as user and password-file"},
      {"a: { redis: redis://2130706433 }", "grants.keyvalue.a.redis"},
      {"a: { redis: redis://a/x }", "ends with no database; write a number from 0 to 16383"},
      {"a: { redis: redis://a, user: b }", "grants.keyvalue.a.user: needs password-file beside it"},
  };
  for (const auto& c : cases)
    EXPECT_TRUE(problems(c.yaml).contains(c.expected)) << c.yaml << "\n" << problems(c.yaml);
  EXPECT_FALSE(problems("a: { redis: redis://user:secret@host }").contains("secret"));
  std::string many;
  for (std::size_t i = 0; i <= kMaxBuckets; ++i) many += "b" + std::to_string(i) + ": { redis: redis://a }\n";
  EXPECT_TRUE(problems(many).contains("has 65 buckets; 64 is the most")) << problems(many);
}

TEST(Keyvalue, ABucketThatCannotBeOpenedFailsTheStart) {
  grants::testing::Process process;
  const auto reading =
      grants::testing::read(capability(), "{ default: { sqlite: /nowhere/at/all/state.db } }");
  ASSERT_TRUE(reading.maker) << reading.problems;
  const auto made = reading.maker(process.services());
  ASSERT_FALSE(made);
  EXPECT_TRUE(made.error().message().starts_with(
      "keyvalue: bucket default: opening /nowhere/at/all/state.db: the folder"))
      << made.error().message();
}

TEST(Keyvalue, ShadowsHaveNone) {
  grants::testing::Process process;
  const auto grant = grants::testing::grant(capability(), "{}", process.services());
  ASSERT_TRUE(grant);
  EXPECT_EQ(grant->shadow(), nullptr);
  EXPECT_TRUE(grant->covers("wasi:keyvalue/store@0.2.0-draft2"));
  EXPECT_TRUE(grant->covers("wasi:keyvalue/atomics@0.2.0-draft2"));
  EXPECT_FALSE(grant->covers("wasi:keyvalue/watcher@0.2.0-draft2"));
  EXPECT_FALSE(grant->covers("wasi:keyvalue/store@0.2.0-draft"));
}

}  // namespace
}  // namespace berth::keyvalue

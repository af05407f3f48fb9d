// logging, metrics and config as a guest meets them.
#include <gtest/gtest.h>

#include "capabilities/metrics/limits.h"
#include "world.h"

namespace berth::capability_guests {
namespace {

const World::Sections kAll = {
    {"logging", "{}"}, {"metrics", "{}"}, {"config", "{ greeting: hello, empty: \"\" }"}};

TEST(Talk, IsRefusedWithoutGrantsAndToldEveryLine) {
  World world;
  const auto refused = world.start("caps_talk", {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kPermissionDenied) << refused.error().to_string();
  const std::string text = refused.error().to_string();
  for (const auto* line : {"logging: {}", "metrics: {}", "config: {}", "berth:logging/logging@0.1.0",
                           "wasi:config/store@0.2.0-rc.1"})
    EXPECT_TRUE(text.contains(line)) << text;
  const auto one_missing = world.start("caps_talk", {{"logging", "{}"}, {"config", "{}"}});
  ASSERT_FALSE(one_missing);
  EXPECT_TRUE(one_missing.error().to_string().contains("metrics: {}")) << one_missing.error().to_string();
  EXPECT_FALSE(one_missing.error().to_string().contains("logging: {}")) << one_missing.error().to_string();
}

TEST(Talk, LogsStructuredRecords) {
  World world;
  ASSERT_TRUE(world.start("caps_talk", kAll));
  EXPECT_EQ(world.call("say(\"low stock\", \"item\", \"cup\")"), "");
  const auto lines = world.process.lines();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_TRUE(
      lines[0].contains("\"level\":\"warn\",\"message\":\"low "
                        "stock\",\"workload\":\"shop\",\"from\":\"guest\",\"item\":\"cup\""))
      << lines[0];
  EXPECT_TRUE(
      lines[1].contains("\"level\":\"info\",\"message\":\"low "
                        "stock\",\"workload\":\"shop\",\"from\":\"guest\",\"context\":\"ctx\""))
      << lines[1];
  EXPECT_EQ(world.call("is-debug()"), "false");
}

TEST(Talk, FloodOfHostileRecordsIsCutAndHarmless) {
  World world;
  ASSERT_TRUE(world.start("caps_talk",
                          {{"logging", "{ records-per-second: 20 }"}, {"metrics", "{}"}, {"config", "{}"}}));
  EXPECT_EQ(world.call("shout(50000)"), "");
  EXPECT_LE(world.process.log().last(1)[0].sequence, 400U) << "50,000 records were sent";
  for (const std::string& line : world.process.lines()) {
    EXPECT_EQ(line.find_first_of("\r\n\x1b"), std::string::npos) << line;
    EXPECT_TRUE(line.contains("\"workload\":\"shop\"")) << line;
  }
}

TEST(Talk, MeasuresThroughResources) {
  World world;
  ASSERT_TRUE(world.start("caps_talk", kAll));
  EXPECT_EQ(world.call("measure(\"requests.total\", \"route\", \"/a\")"), "ok");
  EXPECT_EQ(world.call("measure(\"requests.total\", \"route\", \"/a\")"), "ok");
  const std::string text = world.process.metrics().expose();
  EXPECT_TRUE(text.contains("guest_shop_requests_total{route=\"/a\",workload=\"shop\"} 2")) << text;
  EXPECT_TRUE(text.contains("guest_shop_level{route=\"/a\",workload=\"shop\"} 2")) << text;
  EXPECT_TRUE(text.contains("guest_shop_size_bucket{route=\"/a\",workload=\"shop\",le=\"10\"} 2")) << text;
  // A wrong name, a taken label, and a kind that does not fit are error values; the guest goes on.
  EXPECT_TRUE(
      world.call("measure(\"a b\", \"\", \"\")").starts_with("err(\"the name of the metric is wrong"));
  EXPECT_TRUE(world.call("measure(\"n\", \"workload\", \"other\")")
                  .starts_with("err(\"the attribute name workload is taken"));
  EXPECT_TRUE(world.call("measure(\"level\", \"\", \"\")").starts_with("err(\"level exists as another kind"));
  EXPECT_EQ(world.call("measure(\"again\", \"route\", \"/b\")"), "ok");
}

TEST(Talk, LabelFloodEndsAtTheLimit) {
  World world;
  ASSERT_TRUE(world.start("caps_talk", kAll));
  EXPECT_EQ(world.call("label-flood(5000)"), std::to_string(5000 - metrics::kMaxSeries));
  EXPECT_TRUE(world.process.logged("more metric series than a workload may have"));
  EXPECT_LT(world.process.metrics().expose().size(), 200'000U);
}

TEST(Talk, HoardingHandlesEndsTheCallNotTheHost) {
  World world;
  ASSERT_TRUE(world.start("caps_talk", kAll));
  const std::string answer = world.call("hoard(100000)");
  EXPECT_TRUE(answer.starts_with("error: ")) << answer;
  ASSERT_TRUE(world.start("caps_talk", kAll));
  EXPECT_EQ(world.call("hoard(1000)"), "0");
}

TEST(Talk, ReadsItsSettings) {
  World world;
  ASSERT_TRUE(world.start("caps_talk", kAll));
  EXPECT_EQ(world.call("setting(\"greeting\")"), "some(\"hello\")");
  EXPECT_EQ(world.call("setting(\"empty\")"), "some(\"\")");
  EXPECT_EQ(world.call("setting(\"none\")"), "none");
  EXPECT_EQ(world.call("settings()"), "[(\"empty\", \"\"), (\"greeting\", \"hello\")]");
}

}  // namespace
}  // namespace berth::capability_guests

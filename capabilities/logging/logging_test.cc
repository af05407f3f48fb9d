// logging: the section, levels, and what a hostile guest cannot do to the log.
#include <gtest/gtest.h>

#include "capabilities/grants/testing.h"
#include "capabilities/logging/binding.h"
#include "capabilities/logging/grants.h"
#include "telemetry/limits.h"

namespace berth::logging {
namespace {

using grants::testing::Process;
using telemetry::Level;
using Fields = std::vector<GuestLog::Field>;

TEST(Logging, ReadsTheSection) {
  const auto read_yaml = [](std::string_view yaml) {
    manifest::Problems problems("berth.yaml");
    return read(*manifest::parse_yaml(yaml, problems), "grants.logging", problems);
  };
  EXPECT_EQ(read_yaml("{}")->level, Level::kInfo);
  EXPECT_EQ(read_yaml("{ level: debug, records-per-second: 5 }")->level, Level::kDebug);
  EXPECT_EQ(read_yaml("{ level: debug, records-per-second: 5 }")->records_per_second, 5);
  const auto problems = [](std::string_view yaml) {
    return grants::testing::read(capability(), yaml).problems;
  };
  EXPECT_TRUE(
      problems("level: loud").contains("berth.yaml:1:8: grants.logging.level: \"loud\" is not known here"))
      << problems("level: loud");
  EXPECT_TRUE(problems("records-per-second: 100001").contains("from 1 to 100000"))
      << problems("records-per-second: 100001");
  EXPECT_TRUE(problems("levle: info").contains("did you mean \"level\""));
}

TEST(Logging, WritesFieldsBehindTheHostsOwn) {
  Process process;
  GuestLog log(process.services(), {});
  log.log(Level::kWarn, "low stock",
          Fields{{"item", "cup"}, {"workload", "other"}, {"from", "host"}, {"level", "info"}});
  ASSERT_EQ(process.lines().size(), 1U);
  const std::string line = process.lines()[0];
  EXPECT_TRUE(line.contains(
      "\"workload\":\"shop\",\"from\":\"guest\",\"item\":\"cup\",\"workload_\":\"other\",\"from_\":\"host\""))
      << line;
  EXPECT_TRUE(line.contains("\"level\":\"warn\"")) << line;
}

TEST(Logging, KeepsToTheLevel) {
  Process process;
  GuestLog log(process.services(), {.level = Level::kWarn});
  EXPECT_FALSE(log.enabled(Level::kInfo));
  EXPECT_TRUE(log.enabled(Level::kError));
  log.log(Level::kInfo, "quiet", {});
  EXPECT_TRUE(process.lines().empty());
  process.log().set_level(Level::kCritical);
  EXPECT_FALSE(log.enabled(Level::kError)) << "the program's own level counts too";
}

TEST(Logging, FloodIsCutAndCounted) {
  Process process;
  GuestLog log(process.services(), {.records_per_second = 10});
  for (int i = 0; i < 5000; ++i) log.log(Level::kInfo, "flood", {});
  EXPECT_LE(process.lines().size(), 40U);
  EXPECT_GE(process.lines().size(), 20U);
  ::usleep(250'000);
  log.log(Level::kInfo, "after", {});
  EXPECT_TRUE(process.logged("logs more than its grant allows"));
  EXPECT_TRUE(process.logged("after"));
}

TEST(Logging, OneRecordIsOneLineWhateverIsInIt) {
  Process process;
  GuestLog log(process.services(), {});
  log.log(Level::kInfo, "a\r\n2026-01-01T00:00:00Z error forged \x1b[2J\x1b]0;x\x07 \xe2\x80\xae",
          Fields{{"k\r\n", "v\n\x1b[31m"}});
  for (const auto& record : process.log().last(1)) {
    for (const std::string& line : {telemetry::render_text(record), telemetry::render_json(record)}) {
      EXPECT_EQ(line.find_first_of("\r\n\x1b\x07"), std::string::npos) << line;
    }
    EXPECT_FALSE(telemetry::render_text(record).contains("\xe2\x80\xae"));
  }
}

TEST(Logging, ManyFieldsAreCounted) {
  Process process;
  GuestLog log(process.services(), {});
  Fields fields;
  for (int i = 0; i < 100'000; ++i) fields.emplace_back("k" + std::to_string(i), "v");
  log.log(Level::kInfo, std::string(100'000, 'm'), fields);
  ASSERT_EQ(process.lines().size(), 1U);
  EXPECT_TRUE(process.lines()[0].contains("\"fields_given\":100000")) << process.lines()[0].substr(9000);
  EXPECT_LE(process.log().last(1)[0].fields.size(), telemetry::kMaxFields + 1);
  EXPECT_LE(process.log().last(1)[0].message.size(), telemetry::kMaxMessageBytes + 3);
}

TEST(Logging, CoversBothContracts) {
  EXPECT_TRUE(covers("berth:logging/logging@0.1.0"));
  EXPECT_TRUE(covers("wasi:logging/logging@0.1.0-draft"));
  EXPECT_FALSE(covers("berth:metrics/metrics@0.1.0"));
}

}  // namespace
}  // namespace berth::logging

// cli_streams: what a guest writes becomes bounded log lines.
#include <gtest/gtest.h>

#include "capabilities/cli/grants.h"
#include "capabilities/cli/line_log.h"
#include "capabilities/grants/testing.h"
#include "telemetry/limits.h"

namespace berth::cli_streams {
namespace {

using grants::testing::Process;

std::vector<std::string> messages(Process& process) {
  std::vector<std::string> out;
  for (const auto& record : process.log().last(10'000)) out.push_back(record.message);
  return out;
}

TEST(Lines, AreCutWhereTheGuestEndsThem) {
  Process process;
  {
    LineBuffer lines(std::make_shared<LineLog>(process.services()));
    lines.write(1, "one\ntw");
    lines.write(2, "err\r\n");
    lines.write(1, "o\n\nlast");
    EXPECT_EQ(messages(process), (std::vector<std::string>{"one", "err", "two", ""}));
  }
  EXPECT_EQ(messages(process).back(), "last");
  EXPECT_TRUE(process.lines()[0].contains("\"workload\":\"shop\",\"from\":\"guest\",\"stream\":\"stdout\""))
      << process.lines()[0];
  EXPECT_TRUE(process.lines()[1].contains("\"stream\":\"stderr\"")) << process.lines()[1];
}

TEST(Lines, WithoutAnEndAreLoggedInPieces) {
  Process process;
  LineBuffer lines(std::make_shared<LineLog>(process.services()));
  const std::string chunk(1000, 'x');
  for (int i = 0; i < 100; ++i) lines.write(1, chunk);
  ASSERT_EQ(messages(process).size(), 100'000 / kMaxLineBytes);
  for (const std::string& m : messages(process)) EXPECT_EQ(m.size(), kMaxLineBytes);
  static_assert(kMaxLineBytes <= telemetry::kMaxMessageBytes);
}

TEST(Lines, OfExactlyTheLimitAreOneRecord) {
  Process process;
  LineBuffer lines(std::make_shared<LineLog>(process.services()));
  lines.write(1, std::string(kMaxLineBytes, 'x') + "\nnext\n");
  EXPECT_EQ(messages(process).size(), 2U);
  EXPECT_EQ(messages(process)[1], "next");
}

TEST(Lines, FloodIsCutAndCounted) {
  Process process;
  auto log = std::make_shared<LineLog>(process.services());
  LineBuffer lines(log);
  for (int i = 0; i < 100'000; ++i) lines.write(1, "\x1b[2Jflood\n");
  ::usleep(20'000);
  lines.write(1, "after\n");
  EXPECT_TRUE(process.logged("it writes too many"));
  EXPECT_TRUE(process.logged("after"));
  EXPECT_FALSE(process.logged("\x1b"));
  const auto last = process.log().last(1);
  EXPECT_LE(last[0].sequence, static_cast<std::uint64_t>(kLineBurst) + 2000) << "100,000 lines were written";
}

TEST(Base, EachInstanceHasItsOwnLines) {
  Process process;
  const auto grant = base_grant(process.services());
  EXPECT_TRUE(grant->covers("wasi:cli/stdout@0.2.0"));
  EXPECT_TRUE(grant->covers("wasi:io/streams@0.2.6"));
  EXPECT_FALSE(grant->covers("wasi:filesystem/types@0.2.0"));
  host::WasiSettings settings;
  grant->configure(settings);
  ASSERT_EQ(settings.output.size(), 1U);
  auto a = settings.output[0]();
  auto b = settings.output[0]();
  a(1, "aa");
  b(1, "bb");
  a(1, "AA\n");
  b(1, "BB\n");
  EXPECT_EQ(messages(process), (std::vector<std::string>{"aaAA", "bbBB"}));
}

}  // namespace
}  // namespace berth::cli_streams

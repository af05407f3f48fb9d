// Hostile guests, swapped: a version that traps, hangs or lies while state is handed over costs no
// call, and callers wait for it no longer than for an honest one.
#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>

#include "tests/hostile/stage.h"

namespace berth::hostile {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using U32 = std::uint32_t;

// What a hang costs. Long, because honest calls run under it too, and a busy machine must not decide.
constexpr auto kCallLimit = 500ms;
constexpr int kTries = 3;
// A hostile hand-over may take this many times as long as an honest one of the same run (measured: less than
// once, because it ends earlier), and one that hangs this share of its limit longer, since a busy machine's
// clock ticks late (deadlines are exact in ticks: DeadlineTest). The quickest of a few tries is compared with
// the slowest honest one: a pause of the machine decides nothing, but what always waits is seen.
constexpr int kSlower = 4;
constexpr double kLate = 0.5;

enum class Attacker : std::uint8_t { kFails, kHangs };

class SwapTest : public StageTest {
 protected:
  std::shared_ptr<host::Workload> start(std::string_view guest) {
    return StageTest::start("keeper", guest, host::InstancePolicy::one(), kCallLimit);
  }
  Result<std::shared_ptr<const host::Version>> version(std::string_view guest) {
    return StageTest::version(guest, kCallLimit);
  }
  static void count_to_three(const std::shared_ptr<host::Workload>& workload) {
    for (U32 n = 1; n <= 3; ++n) EXPECT_EQ(call(workload, "count").value_or(0), n);
  }

  // The slowest of a few swaps of an honest keeper for another.
  std::chrono::nanoseconds honest_swap() {
    auto workload = StageTest::start("honest", "keeper", host::InstancePolicy::one(), kCallLimit);
    auto candidate = version("keeper");
    if (workload == nullptr || !candidate) return ADD_FAILURE() << "no honest keeper", 0ns;
    std::chrono::nanoseconds slowest{0};
    for (int i = 0; i < kTries; ++i) {
      slowest = std::max(slowest, timed([&] {
                           auto report = workload->swap(*candidate);
                           EXPECT_TRUE(report) << report.error().to_string();
                         }));
    }
    return slowest;
  }

  void expect_no_longer_than_honest(std::chrono::nanoseconds quickest, Attacker attacker) {
    const std::chrono::nanoseconds honest = honest_swap();
    RecordProperty("honest_us", static_cast<int>(honest / 1us));
    RecordProperty("hostile_us", static_cast<int>(quickest / 1us));
    if (attacker == Attacker::kHangs) {
      EXPECT_GE(quickest, kCallLimit - engine_options().tick);  // it may begin just before a tick
      EXPECT_LE(quickest, kCallLimit * (1 + kLate) + kSlower * honest);
    } else {
      EXPECT_LE(quickest, kSlower * honest);
    }
  }

  // A keeper that has counted to three, swapped for `next`: it must fail with `words` in time, and the
  // keeper go on counting where it was.
  void expect_keeps_counting(std::string_view next, std::string_view words, Attacker attacker) {
    auto workload = start("keeper");
    ASSERT_TRUE(workload);
    count_to_three(workload);
    auto candidate = version(next);
    ASSERT_TRUE(candidate) << candidate.error().to_string();

    std::chrono::nanoseconds quickest = std::chrono::nanoseconds::max();
    for (U32 i = 1; i <= kTries; ++i) {
      std::optional<Result<host::SwapReport>> report;
      quickest = std::min(quickest, timed([&] { report = workload->swap(*candidate); }));
      ASSERT_FALSE(*report);
      EXPECT_THAT(report->error().message(), HasSubstr(words));

      EXPECT_EQ(call(workload, "count").value_or(0), 3 + i) << "the old version lost its state";
      const host::WorkloadStatus status = workload->status();
      EXPECT_EQ(status.swaps_failed, i);
      ASSERT_TRUE(status.last_swap);
      EXPECT_FALSE(status.last_swap->ok);
      EXPECT_FALSE(status.last_swap->error.empty());
    }
    expect_no_longer_than_honest(quickest, attacker);
  }

  // `old` fails while it saves: its instance is gone, but not its service, and the next swap is not
  // hindered by it.
  void expect_serves_anew(std::string_view old, std::string_view words, Attacker attacker) {
    auto workload = start(old);
    ASSERT_TRUE(workload);
    auto candidate = version("keeper");
    ASSERT_TRUE(candidate) << candidate.error().to_string();
    std::chrono::nanoseconds quickest = std::chrono::nanoseconds::max();
    for (int i = 0; i < kTries; ++i) {
      count_to_three(workload);  // each time on a new instance of the old version
      std::optional<Result<host::SwapReport>> report;
      quickest = std::min(quickest, timed([&] { report = workload->swap(*candidate); }));
      ASSERT_FALSE(*report);
      EXPECT_THAT(report->error().message(), HasSubstr(words));
    }
    EXPECT_EQ(call(workload, "ping").value_or(0), 7u);
    expect_no_longer_than_honest(quickest, attacker);
  }
};

TEST_F(SwapTest, AnHonestHandOverKeepsTheCount) {
  auto workload = start("keeper");
  ASSERT_TRUE(workload);
  count_to_three(workload);
  auto candidate = version("save_trap");  // takes over honestly; it is hostile only when it goes
  ASSERT_TRUE(candidate) << candidate.error().to_string();
  auto report = workload->swap(*candidate);
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_EQ(report->handed_over.value_or(0), 4u);
  EXPECT_EQ(call(workload, "count").value_or(0), 4u);
}

TEST_F(SwapTest, TrapInSave) { expect_serves_anew("save_trap", "save", Attacker::kFails); }
TEST_F(SwapTest, HangInSave) { expect_serves_anew("save_loop", "save", Attacker::kHangs); }
TEST_F(SwapTest, ForgedListFromSave) { expect_serves_anew("save_forged", "save", Attacker::kFails); }
TEST_F(SwapTest, TrapInRestore) { expect_keeps_counting("restore_trap", "restore", Attacker::kFails); }
TEST_F(SwapTest, HangInRestore) { expect_keeps_counting("restore_loop", "restore", Attacker::kHangs); }
TEST_F(SwapTest, WrongAnswerFromRestore) {
  expect_keeps_counting("restore_bad_answer", "restore", Attacker::kFails);
}

}  // namespace
}  // namespace berth::hostile

// Hostile guests, swapped: a version that traps, hangs or lies while state is handed over costs no
// call, and callers wait for it no longer than for an honest one.
#include <gmock/gmock.h>

#include <chrono>

#include "abi/test_clock.h"
#include "tests/hostile/stage.h"

namespace berth::hostile {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using U32 = std::uint32_t;

// What a hang costs, on a clock that ticks while versions are swapped. Long, because honest halves of a
// hand-over run under it too, and a busy machine must not decide.
constexpr U32 kHangTicks = 250;
// What no hand-over may wait for: a test that did would not end.
constexpr std::chrono::milliseconds kForever = 10min;
constexpr int kTries = 3;

enum class Attacker : std::uint8_t { kFails, kHangs };

class SwapTest : public StageTest {
 protected:
  std::shared_ptr<host::Workload> start(std::string_view guest, Attacker attacker) {
    return StageTest::start("keeper", guest, host::InstancePolicy::one(), limit(attacker), kForever);
  }
  Result<std::shared_ptr<const host::Version>> version(std::string_view guest, Attacker attacker) {
    return StageTest::version(guest, limit(attacker));
  }
  static std::chrono::milliseconds limit(Attacker attacker) {
    return attacker == Attacker::kHangs ? std::chrono::milliseconds(kHangTicks) : kForever;
  }
  static void count_to_three(const std::shared_ptr<host::Workload>& workload) {
    for (U32 n = 1; n <= 3; ++n) EXPECT_EQ(call(workload, "count").value_or(0), n);
  }

  // What hangs ends with its limit; what fails is over at once: its clock stands still, and nothing else that
  // could be waited for ends either.
  Result<host::SwapReport> swap(const std::shared_ptr<host::Workload>& workload,
                                const std::shared_ptr<const host::Version>& candidate, Attacker attacker) {
    const bool hangs = attacker == Attacker::kHangs;
    const abi::TestClock clock(engine(), hangs ? 2 * kHangTicks : 0);
    auto report = workload->swap(candidate);
    if (hangs) EXPECT_GE(clock.ticked(), kHangTicks);
    EXPECT_LE(clock.ticked(), hangs ? 2 * kHangTicks : 0);
    return report;
  }

  // A keeper that has counted to three, swapped for `next`: it must fail with `words` in time, and the
  // keeper go on counting where it was.
  void expect_keeps_counting(std::string_view next, std::string_view words, Attacker attacker) {
    auto workload = start("keeper", attacker);
    ASSERT_TRUE(workload);
    count_to_three(workload);
    auto candidate = version(next, attacker);
    ASSERT_TRUE(candidate) << candidate.error().to_string();
    for (U32 i = 1; i <= kTries; ++i) {
      const auto report = swap(workload, *candidate, attacker);
      ASSERT_FALSE(report);
      EXPECT_THAT(report.error().message(), HasSubstr(words));

      EXPECT_EQ(call(workload, "count").value_or(0), 3 + i) << "the old version lost its state";
      const host::WorkloadStatus status = workload->status();
      EXPECT_EQ(status.swaps_failed, i);
      ASSERT_TRUE(status.last_swap);
      EXPECT_FALSE(status.last_swap->ok);
      EXPECT_FALSE(status.last_swap->error.empty());
    }
  }

  // `old` fails while it saves: its instance is gone, but not its service, and the next swap is not
  // hindered by it.
  void expect_serves_anew(std::string_view old, std::string_view words, Attacker attacker) {
    auto workload = start(old, attacker);
    ASSERT_TRUE(workload);
    auto candidate = version("keeper", attacker);
    ASSERT_TRUE(candidate) << candidate.error().to_string();
    for (int i = 0; i < kTries; ++i) {
      count_to_three(workload);  // each time on a new instance of the old version
      const auto report = swap(workload, *candidate, attacker);
      ASSERT_FALSE(report);
      EXPECT_THAT(report.error().message(), HasSubstr(words));
    }
    EXPECT_EQ(call(workload, "ping").value_or(0), 7u);
  }
};

TEST_F(SwapTest, AnHonestHandOverKeepsTheCount) {
  auto workload = start("keeper", Attacker::kFails);
  ASSERT_TRUE(workload);
  count_to_three(workload);
  auto candidate =
      version("save_trap", Attacker::kFails);  // takes over honestly; it is hostile only when it goes
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

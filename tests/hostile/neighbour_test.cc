// Hostile guests, next door: whatever one workload does, another's calls are all answered, in order, also
// while the attack goes on. How fast is the matter of a benchmark (bench/swapping.cc, flood_p99).
#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/hostile/stage.h"

namespace berth::hostile {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using U32 = std::uint32_t;

// Of a call that only its deadline ends, on the neighbour's clock; and of any other, whose clock stands
// still.
constexpr std::chrono::milliseconds kAttackLimit = 50ms;
constexpr auto kHandOverLimit = 1s;  // honest halves of a hand-over run under it too
constexpr std::chrono::milliseconds kPatience = 10s;
// Attacks, and calls of the neighbour meanwhile: both at least.
constexpr U32 kAttacks = 10;
constexpr U32 kCalls = 2'500;
// How long a test that hangs is waited for.
constexpr auto kGivenUp = 60s;

// A workload that is called without a pause on a thread of its own; it counts, so that a lost or repeated
// call is seen.
// One thread at a time.
class Neighbour final {
 public:
  using Count = std::function<Result<U32>()>;
  explicit Neighbour(Count count) : count_(std::move(count)) {}
  ~Neighbour() { stop(); }

  [[nodiscard]] U32 served() const { return served_; }
  [[nodiscard]] bool failed() const { return failed_; }

  void stop() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // After stop().
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  void run() {
    for (U32 expected = 1; !over_; ++expected) {
      const Result<U32> got = count_();
      if (!got || *got != expected) {
        error_ = !got ? got.error().to_string()
                      : "answer " + std::to_string(*got) + " to call " + std::to_string(expected);
        failed_ = true;
        return;
      }
      ++served_;
    }
  }

  Count count_;
  std::atomic<U32> served_ = 0;
  std::atomic<bool> over_ = false;
  std::atomic<bool> failed_ = false;
  std::string error_;
  std::thread thread_{[this] { run(); }};  // last: uses the rest
};

// Whether an attack goes on until its deadline.
enum class Lasts : std::uint8_t { kNo, kUntilItsDeadline };

// The clock while an attack goes on: one tick for each call that the neighbour was served. So an attack that
// only its deadline ends shows that others are served meanwhile, however busy the machine is. It stands still
// beside every other, until that is given up.
class NeighboursClock final {
 public:
  NeighboursClock(const abi::Engine& engine, const Neighbour& neighbour, Lasts lasts)
      : thread_([&engine, &neighbour, lasts,
                 begin = std::chrono::steady_clock::now()](const std::stop_token& stop) {
          bool given_up = false;
          for (U32 seen = neighbour.served(); !stop.stop_requested(); std::this_thread::sleep_for(50us)) {
            const U32 served = neighbour.served();
            for (; seen != served; ++seen)
              if (lasts == Lasts::kUntilItsDeadline) engine.tick();
            if (given_up) engine.tick();
            if (given_up || std::chrono::steady_clock::now() - begin < kGivenUp) continue;
            given_up = true;
            ADD_FAILURE() << "the attack does not end, or the neighbour is not served";
          }
        }) {}

 private:
  std::jthread thread_;
};

class NeighbourTest : public StageTest {
 protected:
  // Does `attack` again and again, each time after `peace`, next to a neighbour that is served. Both check
  // what became of them.
  template <class Peace, class Attack>
  void expect_unharmed_by(Lasts lasts, Attack attack, Peace peace) {
    auto workload = start("neighbour", "keeper", host::InstancePolicy::one(), kPatience);
    ASSERT_TRUE(workload);
    Neighbour neighbour([&] { return call(workload, "count"); });
    const auto begin = std::chrono::steady_clock::now();
    U32 attacks = 0;
    do {
      peace();
      const NeighboursClock clock(engine(), neighbour, lasts);
      attack();
      ++attacks;
      ASSERT_LT(std::chrono::steady_clock::now() - begin, 2 * kGivenUp) << "the neighbour is not served";
    } while (!HasFailure() && !neighbour.failed() && (attacks < kAttacks || neighbour.served() < kCalls));
    neighbour.stop();
    ASSERT_EQ(neighbour.error(), "");
    RecordProperty("attacks", static_cast<int>(attacks));
    RecordProperty("answered", static_cast<int>(neighbour.served()));
  }
};

class NeighbourOfAttacked : public NeighbourTest, public testing::WithParamInterface<Attack> {};

TEST_P(NeighbourOfAttacked, IsUnharmed) {
  const Attack& how = GetParam();
  const bool lasts = how.kind == abi::FailureKind::kLimitTime;
  auto victim = start("victim", how.guest, host::InstancePolicy::fresh(), lasts ? kAttackLimit : kPatience);
  ASSERT_TRUE(victim);
  expect_unharmed_by(
      lasts ? Lasts::kUntilItsDeadline : Lasts::kNo,
      [&] {
        Result<void> result = attack(victim, how);
        if (how.kind == abi::FailureKind::kNone) {
          EXPECT_TRUE(result) << result.error().to_string();
          return;
        }
        EXPECT_FALSE(result) << "the attack went through";
        if (!result) EXPECT_THAT(result.error().message(), HasSubstr(how.words));
      },
      [&] { EXPECT_EQ(call(victim, "ping").value_or(0), 7u); });
  EXPECT_EQ(call(victim, "ping").value_or(0), 7u);
}

INSTANTIATE_TEST_SUITE_P(Attacks, NeighbourOfAttacked, testing::ValuesIn(attacks()),
                         [](const auto& tested) { return std::string(tested.param.guest); });

// The versions that attack while state is handed over.
class NeighbourOfSwapped : public NeighbourTest, public testing::WithParamInterface<const char*> {};

TEST_P(NeighbourOfSwapped, IsUnharmed) {
  const std::string guest = GetParam();
  const bool saves = guest.starts_with("save");
  auto victim = start("victim", saves ? guest : "keeper", host::InstancePolicy::one(), kHandOverLimit);
  auto next = version(saves ? "keeper" : guest, kHandOverLimit);
  auto honest = start("honest", "keeper", host::InstancePolicy::one(), kPatience);
  auto as_honest = version("keeper", kPatience);
  ASSERT_TRUE(victim && next && honest && as_honest);
  expect_unharmed_by(
      guest.ends_with("_loop") ? Lasts::kUntilItsDeadline : Lasts::kNo,
      [&] { EXPECT_FALSE(victim->swap(*next)); },
      [&] {
        EXPECT_GT(call(victim, "count").value_or(0), 0u);
        EXPECT_GT(call(honest, "count").value_or(0), 0u);
        const auto report = honest->swap(*as_honest);
        if (!report) EXPECT_EQ(report.error().code(), Code::kBusy) << report.error().to_string();
      });
  EXPECT_EQ(call(victim, "ping").value_or(0), 7u);
}

INSTANTIATE_TEST_SUITE_P(Swaps, NeighbourOfSwapped,
                         testing::Values("save_trap", "save_loop", "save_forged", "restore_trap",
                                         "restore_loop", "restore_bad_answer"),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace berth::hostile

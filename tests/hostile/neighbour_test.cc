// Hostile guests, next door: whatever one workload does, another's calls are all answered, in order, also
// while the attack goes on. How fast is the matter of a benchmark (bench/swapping.cc, flood_p99).
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <thread>

#include "tests/hostile/stage.h"

namespace berth::hostile {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using Nanoseconds = std::chrono::nanoseconds;
using U32 = std::uint32_t;

// Of a call that only its deadline ends: its neighbour must not notice how long it is. And of any other, so
// that a busy machine does not decide.
constexpr auto kAttackLimit = 50ms;
constexpr auto kPatience = 10s;
// Beside an honest workload and beside a hostile one by turns; the times of both are properties of the test.
constexpr int kRounds = 3;
constexpr auto kTurn = 20ms;
constexpr U32 kCallsPerTurn = 2'500;

// A workload that is called without a pause on a thread of its own; it counts, so that a lost or repeated
// call is seen.
// One thread at a time.
class Neighbour final {
 public:
  using Count = std::function<Result<U32>()>;
  explicit Neighbour(Count count) : count_(std::move(count)) {}
  ~Neighbour() { stop(); }

  // Calls from now on belong to turn number `turn`.
  void begin(std::size_t turn) {
    begun_ = std::chrono::steady_clock::now();
    served_ = 0;
    turn_ = turn;
  }
  [[nodiscard]] std::chrono::steady_clock::time_point begun() const { return begun_; }
  [[nodiscard]] U32 served() const { return served_; }  // in this turn
  [[nodiscard]] bool failed() const { return failed_; }

  void stop() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // After stop().
  [[nodiscard]] const std::string& error() const { return error_; }
  [[nodiscard]] Nanoseconds p99(std::size_t turn) {
    auto& all = times_[turn];
    const auto at = all.begin() + static_cast<std::ptrdiff_t>(all.size() * 99 / 100);
    std::ranges::nth_element(all, at);
    return *at;
  }

 private:
  void run() {
    for (auto& times : times_) times.reserve(1u << 16);
    for (U32 expected = 1; !over_; ++expected) {
      const std::size_t turn = turn_;
      Result<U32> got = fail(Code::kInternal, "not called");
      const Nanoseconds time = timed([&] { got = count_(); });
      if (!got || *got != expected) {
        error_ = !got ? got.error().to_string()
                      : "answer " + std::to_string(*got) + " to call " + std::to_string(expected);
        failed_ = true;
        return;
      }
      times_[turn].push_back(time);
      ++served_;
    }
  }

  Count count_;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::atomic<std::size_t> turn_ = 0;
  std::atomic<U32> served_ = 0;
  std::atomic<bool> over_ = false;
  std::atomic<bool> failed_ = false;
  std::array<std::vector<Nanoseconds>, 2 * kRounds> times_;  // by turn; the thread's until it ends
  std::string error_;
  std::thread thread_{[this] { run(); }};  // last: uses the rest
};

class NeighbourTest : public StageTest {
 protected:
  // Whether the present turn is not over.
  static bool goes_on(const Neighbour& neighbour) {
    const auto time = std::chrono::steady_clock::now() - neighbour.begun();
    EXPECT_LT(time, 2 * kPatience) << "the neighbour is not served";
    return !HasFailure() && !neighbour.failed() && (time < kTurn || neighbour.served() < kCallsPerTurn);
  }

  // Does `peace` and `attack` by turns, each again and again, next to a neighbour that is served. Both check
  // what became of them.
  template <class Peace, class Attack>
  void expect_unharmed_by(Attack attack, Peace peace) {
    auto workload = start("neighbour", "keeper", host::InstancePolicy::one(), kPatience);
    ASSERT_TRUE(workload);
    Neighbour neighbour([&] { return call(workload, "count"); });
    Nanoseconds shortest_attack = Nanoseconds::max();
    int attacks = 0;
    U32 answered_meanwhile = 0;
    for (std::size_t turn = 0; turn < 2 * kRounds && !HasFailure(); ++turn) {
      neighbour.begin(turn);
      do {
        if (turn % 2 == 0) {
          peace();
        } else {
          const U32 before = neighbour.served();
          shortest_attack = std::min(shortest_attack, timed(attack));
          answered_meanwhile += neighbour.served() - before;
          ++attacks;
        }
      } while (goes_on(neighbour));
    }
    neighbour.stop();
    ASSERT_EQ(neighbour.error(), "");
    if (HasFailure()) return;

    Nanoseconds peaceful = 0ns;
    Nanoseconds attacked = 0ns;
    for (std::size_t turn = 0; turn < 2 * kRounds; turn += 2) {
      peaceful = std::max(peaceful, neighbour.p99(turn));
      attacked = std::max(attacked, neighbour.p99(turn + 1));
    }
    RecordProperty("attacks", attacks);
    RecordProperty("answered_meanwhile", static_cast<int>(answered_meanwhile));
    RecordProperty("p99_peaceful_ns", static_cast<int>(peaceful.count()));
    RecordProperty("p99_attacked_ns", static_cast<int>(attacked.count()));
    // Where an attack lasts, nobody waits for its end.
    if (shortest_attack >= kAttackLimit) EXPECT_GE(answered_meanwhile, static_cast<U32>(attacks));
  }
};

class NeighbourOfAttacked : public NeighbourTest, public testing::WithParamInterface<Attack> {};

TEST_P(NeighbourOfAttacked, IsUnharmed) {
  const Attack& how = GetParam();
  const auto limit =
      how.kind == abi::FailureKind::kLimitTime ? std::chrono::milliseconds(kAttackLimit) : kPatience;
  auto victim = start("victim", how.guest, host::InstancePolicy::fresh(), limit);
  ASSERT_TRUE(victim);
  expect_unharmed_by(
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
  auto victim = start("victim", saves ? guest : "keeper", host::InstancePolicy::one(), kAttackLimit);
  auto next = version(saves ? "keeper" : guest, kAttackLimit);
  auto honest = start("honest", "keeper", host::InstancePolicy::one(), kPatience);
  auto as_honest = version("keeper", kPatience);
  ASSERT_TRUE(victim && next && honest && as_honest);
  expect_unharmed_by(
      [&] {
        EXPECT_GT(call(victim, "count").value_or(0), 0u);
        EXPECT_FALSE(victim->swap(*next));
      },
      [&] {
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

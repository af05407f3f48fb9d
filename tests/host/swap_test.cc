// Swaps of real components: hand-over of state, and each way in which a guest can spoil it.
#include "abi/test_clock.h"
#include "counter.h"

namespace berth::host::test {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

std::uint32_t add(const Typed<Counter>& counter, std::uint32_t n) {
  return *counter.call({}, [n](Counter& c) { return c.add(n); });
}

TEST(ComponentSwap, HandsTheStateOver) {
  Dock dock;
  auto counter = dock.start({.instances = InstancePolicy::one()});
  EXPECT_EQ(add(counter, 5), 5u);
  const auto report = counter.workload().swap(dock.load({.step = "10"}));
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_EQ(report->handed_over, 4u);
  EXPECT_NE(report->from, report->to);
  EXPECT_EQ(add(counter, 1), 15u) << "5 from the old version, 1 * 10 from the new";
}

struct BadSwap {
  const char* name;
  CounterText from;
  CounterText to;
  Code code;
  const char* message;
  bool state_kept = true;
};

class ComponentSwapFails : public testing::TestWithParam<BadSwap> {};

TEST_P(ComponentSwapFails, AndTheOldVersionServesOn) {
  const BadSwap& p = GetParam();
  Dock dock({.max_instances = 100, .tick = std::chrono::microseconds(0)});
  constexpr std::uint64_t kDeadlineTicks = 250;
  const WorkloadSpec spec{.instances = InstancePolicy::one(),
                          .limits = {.call = milliseconds(kDeadlineTicks)}};
  auto counter = dock.start(spec, p.from);
  EXPECT_EQ(add(counter, 5), 5u);
  CounterText to = p.to;
  to.step = "10";
  const auto next = dock.load(to, spec);
  const auto report = [&] {
    // Where something hangs, the clock ticks; else nothing waits for it.
    const bool late = p.code == Code::kDeadlineExceeded;
    const abi::TestClock clock(*dock.engine, late ? 2 * kDeadlineTicks : 0);
    auto swapped = counter.workload().swap(next);
    if (late) EXPECT_GE(clock.ticked(), kDeadlineTicks);
    EXPECT_LE(clock.ticked(), 2 * kDeadlineTicks);
    return swapped;
  }();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), p.code) << report.error().to_string();
  EXPECT_THAT(report.error().message(), HasSubstr(p.message));
  EXPECT_EQ(add(counter, 1), p.state_kept ? 6u : 1u);
  const auto status = counter.workload().status();
  EXPECT_EQ(status.swaps_failed, 1u);
  EXPECT_EQ(status.current.digest, status.last_swap->from);
}

INSTANTIATE_TEST_SUITE_P(
    Each, ComponentSwapFails,
    testing::Values(
        BadSwap{"probe_error",
                {},
                {.probe = std::string(kError)},
                Code::kGuestError,
                "its probe says that it cannot serve: not today"},
        BadSwap{"probe_trap", {}, {.probe = std::string(kTrap)}, Code::kTrap, "probe"},
        BadSwap{"probe_hang", {}, {.probe = std::string(kHang)}, Code::kDeadlineExceeded, "probe"},
        BadSwap{"start_trap", {}, {.start = std::string(kTrap)}, Code::kTrap, "instantiating: "},
        BadSwap{
            "save_trap", {.save = std::string(kTrap)}, {}, Code::kTrap, "its state is lost: `save`", false},
        BadSwap{"save_hang",
                {.save = std::string(kHang)},
                {},
                Code::kDeadlineExceeded,
                "its state is lost: `save`",
                false},
        BadSwap{"save_error",
                {.save = std::string(kError)},
                {},
                Code::kGuestError,
                "`save` of the running version: not today"},
        // A list of 2^32-1 bytes.
        BadSwap{
            "save_forged",
            {.save = "(i32.store8 (i32.const 16) (i32.const 0)) (i32.store (i32.const 20) (i32.const 32)) "
                     "(i32.store (i32.const 24) (i32.const -1)) (i32.const 16)"},
            {},
            Code::kTrap,
            "`save`",
            false},
        BadSwap{
            "restore_trap", {}, {.restore = std::string(kTrap)}, Code::kTrap, "`restore` of the new version"},
        BadSwap{"restore_hang",
                {},
                {.restore = std::string(kHang)},
                Code::kDeadlineExceeded,
                "`restore` of the new version"},
        BadSwap{"restore_error",
                {},
                {.restore = std::string(kError)},
                Code::kGuestError,
                "`restore` of the new version: not today"},
        BadSwap{"no_handover", {}, {.handover = false}, Code::kFailedPrecondition, "handover: off"}),
    [](const auto& p) { return p.param.name; });

TEST(ComponentSwap, AVersionThatWaitsHandsOverToo) {
  Dock dock;
  auto counter = dock.start({.instances = InstancePolicy::one()}, {.waits = true});
  const auto add_later = [&](std::uint32_t n) {
    return *block_on(counter.call_async({}, [n](Counter& c) { return c.add_later(n); }));
  };
  EXPECT_EQ(add_later(5), 5u);
  const auto report = counter.workload().swap(dock.load({.step = "10", .waits = true}));
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_EQ(add_later(1), 15u);
}

TEST(ComponentSwap, ALifecycleOfAnotherTypeIsRefusedAtLoad) {
  Dock dock;
  std::string text = counter_text({});
  text = replaced(text, "(func $restore (param \"state\" (list u8))",
                  "(func $restore (param \"state\" (list s8))");
  const auto failed = dock.loader.load(artifact_of(text), dock.request());
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message(), HasSubstr("list<s8>"));
}

// The bar in small, through real components: callers on several threads, versions change, no call
// fails, none is lost, and the counter's value says that each counted once.
TEST(ComponentSwap, LosesNothingUnderLoad) {
  Dock dock;
  auto counter = dock.start({.instances = InstancePolicy::one()});
  constexpr int kCallers = 4, kCalls = 5'000;
  std::atomic<int> running{kCallers}, failed{0}, disordered{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&] {
      std::uint32_t last = 0;
      for (int k = 0; k < kCalls; ++k) {
        const auto r = counter.call({}, [](Counter& c) { return c.add(1); });
        if (!r) {
          ++failed;
        } else if (*r <= last) {
          ++disordered;
        } else {
          last = *r;
        }
      }
      --running;
    });
  }
  const auto version = dock.load({});
  int swaps = 0;
  while (running != 0 || swaps < 20) {
    const auto report = counter.workload().swap(version);
    ASSERT_TRUE(report) << report.error().to_string();
    ++swaps;
  }
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(disordered, 0);
  EXPECT_EQ(add(counter, 0), static_cast<std::uint32_t>(kCallers * kCalls));
}

}  // namespace
}  // namespace berth::host::test

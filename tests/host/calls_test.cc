// Calls of real components: limits, traps, waiting guests; after each fault the next call is served.
#include "abi/test_clock.h"
#include "counter.h"

namespace berth::host::test {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

TEST(Component, ServesWithEachPolicy) {
  Dock dock;
  auto one = dock.start({.instances = InstancePolicy::one()});
  EXPECT_EQ(*one.call({}, [](Counter& c) { return c.add(2); }), 2u);
  EXPECT_EQ(*one.call({}, [](Counter& c) { return c.add(3); }), 5u);
  ASSERT_TRUE(dock.host.stop("counter"));
  auto fresh = dock.start({.instances = InstancePolicy::fresh()});
  EXPECT_EQ(*fresh.call({}, [](Counter& c) { return c.add(2); }), 2u);
  EXPECT_EQ(*fresh.call({}, [](Counter& c) { return c.add(3); }), 3u);
  EXPECT_EQ(fresh.workload().status().current.instances, 0u);
}

TEST(Component, TheGuestsErrorIsItsAnswer) {
  Dock dock;
  auto counter = dock.start({.instances = InstancePolicy::one()});
  const auto answer = counter.call({}, [](Counter& c) { return c.refuse(); });
  ASSERT_TRUE(answer) << answer.error().to_string();
  EXPECT_EQ(answer->error(), "not today");
  EXPECT_EQ(count(counter, Outcome::kGuestError), 1u);
  EXPECT_EQ(counter.workload().status().current.instances, 1u);
}

struct Fault {
  const char* name;
  Result<void> (*run)(Counter&);
  Code code;
  Outcome outcome;
};

class EndsWithAClearError : public testing::TestWithParam<Fault> {};

// The clock ticks while the fault happens only: no busy machine ends an honest call.
TEST_P(EndsWithAClearError, AndTheNextCallIsServed) {
  constexpr std::uint64_t kDeadlineTicks = 50;
  Dock dock({.max_instances = 100, .tick = std::chrono::microseconds(0)});
  auto counter =
      dock.start({.instances = InstancePolicy::one(),
                  .limits = {.memory_bytes = 4 << 20, .table_elements = 1'000, .call = milliseconds(50)}});
  ASSERT_EQ(*counter.call({}, [](Counter& c) { return c.add(7); }), 7u);
  const auto failed = [&] {
    const bool late = GetParam().code == Code::kDeadlineExceeded;
    const abi::TestClock clock(*dock.engine, late ? kDeadlineTicks + abi::kLateTicks : 0);
    auto result = counter.call({}, GetParam().run);
    if (late) EXPECT_GE(clock.ticked(), kDeadlineTicks);
    EXPECT_LE(clock.ticked(), kDeadlineTicks + abi::kLateTicks);
    return result;
  }();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), GetParam().code) << failed.error().to_string();
  EXPECT_THAT(failed.error().message(), HasSubstr("workload counter: "));
  EXPECT_EQ(count(counter, GetParam().outcome), 1u);
  EXPECT_EQ(*counter.call({}, [](Counter& c) { return c.add(1); }), 1u) << "from a new instance";
  const auto status = counter.workload().status();
  EXPECT_EQ(status.current.instances, 1u);
  EXPECT_EQ(status.current.memory_bytes, 65'536u);
  EXPECT_TRUE(status.last_error);
}

INSTANTIATE_TEST_SUITE_P(Each, EndsWithAClearError,
                         testing::Values(Fault{"trap", [](Counter& c) { return c.run("trap"); }, Code::kTrap,
                                               Outcome::kTrapBug},
                                         Fault{"endless_loop", [](Counter& c) { return c.run("spin"); },
                                               Code::kDeadlineExceeded, Outcome::kTrapLimit},
                                         Fault{"memory_bomb", [](Counter& c) { return c.run("bomb"); },
                                               Code::kResourceExhausted, Outcome::kTrapLimit},
                                         Fault{"table_bomb", [](Counter& c) { return c.run("table-bomb"); },
                                               Code::kResourceExhausted, Outcome::kTrapLimit},
                                         Fault{"stack_overflow",
                                               [](Counter& c) -> Result<void> {
                                                 BERTH_TRY(c.recurse());
                                                 return {};
                                               },
                                               Code::kResourceExhausted, Outcome::kTrapLimit}),
                         [](const auto& p) { return p.param.name; });

TEST(Component, MemoryIsLimitedToThePage) {
  Dock dock;
  auto counter =
      dock.start({.instances = InstancePolicy::one(), .limits = {.memory_bytes = 10 * 65'536 + 100}});
  EXPECT_EQ(*counter.call({}, [](Counter& c) { return c.grow(); }), 10u);
  EXPECT_EQ(counter.workload().status().current.memory_bytes, 10u * 65'536);
}

TEST(Component, ADenialOfMemoryThatTheGuestSurvivesIsNoTrap) {
  Dock dock;
  auto counter = dock.start({.instances = InstancePolicy::one(), .limits = {.memory_bytes = 65'536}});
  EXPECT_EQ(*counter.call({}, [](Counter& c) { return c.grow(); }), 1u);
  EXPECT_FALSE(counter.call({}, [](Counter& c) { return c.run("trap"); }));
  EXPECT_EQ(count(counter, Outcome::kTrapBug), 1u) << "the denial was in an earlier call";
}

TEST(Component, AWaitingGuestHoldsNoThread) {
  Dock dock({.max_instances = 100}, 1);
  auto counter = dock.start({.instances = InstancePolicy::pool(50)}, {.waits = true});
  std::atomic<int> done{0};
  for (int i = 0; i < 50; ++i) {
    detach(counter.call_async({}, [](Counter& c) { return c.nap(); }), [&](Result<void> r) {
      EXPECT_TRUE(r) << r.error().to_string();
      ++done;
    });
  }
  dock.slow.await_begun(50);
  EXPECT_EQ(counter.workload().status().current.running, 50u);
  dock.slow.wake_all();
  while (done != 50) std::this_thread::yield();
  EXPECT_EQ(count(counter, Outcome::kOk), 50u);
}

TEST(Component, AWaitingCallEndsAtItsDeadline) {
  Dock dock;
  auto counter = dock.start({.instances = InstancePolicy::one(), .limits = {.call = milliseconds(300)}},
                            {.waits = true});
  const auto begin = std::chrono::steady_clock::now();
  const auto late = block_on(counter.call_async({}, [](Counter& c) { return c.nap(); }));
  const auto took = std::chrono::steady_clock::now() - begin;  // nothing but its deadline ends it
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), Code::kDeadlineExceeded) << late.error().to_string();
  EXPECT_GE(took, milliseconds(300));
  EXPECT_EQ(count(counter, Outcome::kTrapLimit), 1u);
  EXPECT_EQ(*block_on(counter.call_async({}, [](Counter& c) { return c.add_later(4); })), 4u);
}

TEST(Component, AComputingGuestOnAFibreEndsAtItsDeadlineAndLetsOthersRun) {
  constexpr std::uint64_t kDeadlineTicks = 20'000;
  Dock dock({.max_instances = 100, .tick = std::chrono::microseconds(0)}, 1);
  auto counter =
      dock.start({.instances = InstancePolicy::pool(2), .limits = {.call = milliseconds(kDeadlineTicks)}},
                 {.waits = true});
  std::atomic<bool> spun{false};
  std::optional<Result<void>> late;
  {
    const abi::TestClock clock(*dock.engine, kDeadlineTicks / 2);  // at each tick it lets others run
    detach(counter.call_async({}, [](Counter& c) { return c.spin_later(); }), [&](Result<void> r) {
      late.emplace(std::move(r));
      spun = true;
    });
    EXPECT_EQ(*block_on(counter.call_async({}, [](Counter& c) { return c.add_later(1); })), 1u);
  }
  EXPECT_FALSE(spun) << "one thread served both";
  while (!spun) dock.engine->tick();
  EXPECT_EQ(late->error().code(), Code::kDeadlineExceeded);
}

TEST(Component, StartFunctionsHaveADeadline) {
  constexpr std::uint64_t kDeadlineTicks = 50;
  Dock dock({.max_instances = 100, .tick = std::chrono::microseconds(0)});
  const WorkloadSpec spec{.name = "counter", .limits = {.call = milliseconds(kDeadlineTicks)}};
  const auto version = dock.load({.start = std::string(kHang)}, spec);
  const abi::TestClock clock(*dock.engine, kDeadlineTicks + abi::kLateTicks);
  const auto failed = dock.host.start(spec, version);
  EXPECT_LE(clock.ticked(), kDeadlineTicks + abi::kLateTicks);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), Code::kDeadlineExceeded) << failed.error().to_string();
  EXPECT_THAT(failed.error().message(), HasSubstr("starting workload counter: instantiating: "));
}

TEST(Component, AStartFunctionThatWaitsHasADeadlineToo) {
  Dock dock;
  const CounterText naps{.waits = true, .start = "(call $nap)"};
  const WorkloadSpec spec{.name = "counter", .limits = {.call = milliseconds(300)}};
  const auto failed = dock.host.start(spec, dock.load(naps, spec));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), Code::kDeadlineExceeded) << failed.error().to_string();

  // A version that starts well only the first time.
  dock.slow.wake_all();
  auto counter = dock.start({.limits = {.call = milliseconds(300)}}, naps);
  EXPECT_TRUE(block_on(counter.call_async({}, [](Counter& c) { return c.nap(); })));
  dock.slow.sleep_again();
  const auto late = block_on(counter.call_async({}, [](Counter& c) { return c.nap(); }));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), Code::kDeadlineExceeded) << late.error().to_string();
  dock.slow.wake_all();
  EXPECT_TRUE(block_on(counter.call_async({}, [](Counter& c) { return c.nap(); })));
}

TEST(Component, AnEmptyPoolOfTheEngineIsAnErrorOfThatCall) {
  Dock dock({.max_instances = 2});
  auto counter = dock.start({.instances = InstancePolicy::pool(3)}, {.waits = true});
  std::atomic<int> done{0}, refused{0};
  for (int i = 0; i < 3; ++i) {
    detach(counter.call_async({}, [](Counter& c) { return c.nap(); }), [&](Result<void> r) {
      if (!r) {
        EXPECT_EQ(r.error().code(), Code::kBusy) << r.error().to_string();
        ++refused;
      }
      ++done;
    });
  }
  dock.slow.await_begun(2);
  while (refused == 0) std::this_thread::yield();
  EXPECT_EQ(count(counter, Outcome::kHostError), 1u);
  dock.slow.wake_all();
  while (done != 3) std::this_thread::yield();
  EXPECT_EQ(refused, 1);
}

}  // namespace
}  // namespace berth::host::test

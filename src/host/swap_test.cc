// Swap: publishing under load, hand-over of state and each way in which it can fail, draining.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "host/test_guest.h"

namespace berth::host::test {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using Fault = Behaviour::Fault;

// Waits until every instance of this version is gone.
void await_gone(const Behaviour& behaviour) {
  while (*behaviour.alive != 0) std::this_thread::yield();
}

TEST(Swap, HandsTheStateOver) {
  Fixture f;
  Behaviour a, b{.digest = "sha256:2"};
  auto store = f.start({.instances = InstancePolicy::one()}, a);
  append(store, 10);
  append(store, 20);
  const auto report = store.workload().swap(journal_version(b));
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_TRUE(report->ok);
  EXPECT_EQ(report->from, "sha256:1");
  EXPECT_EQ(report->to, "sha256:2");
  EXPECT_EQ(report->handed_over, 16u);
  EXPECT_GT(report->pause.count(), 0);
  EXPECT_EQ(version(store), "sha256:2");
  EXPECT_EQ(read(store), (std::vector<std::uint64_t>{10, 20}));
  await_gone(a);
  const auto status = store.workload().status();
  EXPECT_EQ(status.swaps_ok, 1u);
  EXPECT_EQ(status.last_swap->to, "sha256:2");
  EXPECT_EQ(status.current.digest, "sha256:2");
}

struct FailedHandover {
  const char* name;
  Behaviour from;
  Behaviour to;
  Code code;
  const char* message;
  bool state_kept;
};

class SwapFails : public testing::TestWithParam<FailedHandover> {};

TEST_P(SwapFails, AndTheOldVersionServesOn) {
  const FailedHandover& p = GetParam();
  Fixture f;
  Behaviour from = p.from, to = p.to;
  from.alive = std::make_shared<std::atomic<int>>(0);
  to.alive = std::make_shared<std::atomic<int>>(0);
  to.digest = "sha256:2";
  auto store = f.start({.instances = InstancePolicy::one(), .limits = {.call = milliseconds(30)}}, from);
  append(store, 10);
  const auto report = store.workload().swap(journal_version(to));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), p.code);
  EXPECT_THAT(report.error().message(), HasSubstr("swapping store to sha256:2: "));
  EXPECT_THAT(report.error().message(), HasSubstr(p.message));
  EXPECT_EQ(version(store), "sha256:1");
  EXPECT_EQ(read(store), p.state_kept ? std::vector<std::uint64_t>{10} : std::vector<std::uint64_t>{});
  EXPECT_EQ(*to.alive, 0);
  const auto status = store.workload().status();
  EXPECT_EQ(status.swaps_failed, 1u);
  EXPECT_FALSE(status.last_swap->ok);
  EXPECT_THAT(status.last_swap->error, HasSubstr(p.message));
  EXPECT_TRUE(status.draining.empty());
  if (from.on_save != Fault::kNone) return;
  // And the next good version can be published.
  EXPECT_TRUE(store.workload().swap(journal_version({.digest = "sha256:3"})));
  EXPECT_EQ(version(store), "sha256:3");
}

INSTANTIATE_TEST_SUITE_P(
    Each, SwapFails,
    testing::Values(
        FailedHandover{"instantiate",
                       {},
                       {.instantiate_error = "start trapped"},
                       Code::kTrap,
                       "instantiating: start trapped",
                       true},
        FailedHandover{"probe",
                       {},
                       {.probe = true, .probe_error = "not ready"},
                       Code::kGuestError,
                       "its probe says that it cannot serve: not ready",
                       true},
        FailedHandover{
            "save_trap",
            {.on_save = Fault::kTrap},
            {},
            Code::kTrap,
            "the running instance was destroyed and its state is lost: `save` of the running version",
            false},
        FailedHandover{"save_error",
                       {.on_save = Fault::kError},
                       {},
                       Code::kGuestError,
                       "`save` of the running version: cannot read the state",
                       true},
        FailedHandover{
            "save_hang", {.on_save = Fault::kHang}, {}, Code::kDeadlineExceeded, "state is lost", false},
        FailedHandover{"save_huge",
                       {.on_save = Fault::kHuge},
                       {},
                       Code::kResourceExhausted,
                       "at most 268435456 can be handed over",
                       true},
        FailedHandover{"restore_trap",
                       {},
                       {.on_restore = Fault::kTrap},
                       Code::kTrap,
                       "`restore` of the new version",
                       true},
        FailedHandover{"restore_error",
                       {},
                       {.on_restore = Fault::kError},
                       Code::kGuestError,
                       "`restore` of the new version: cannot read the state",
                       true},
        FailedHandover{"restore_hang",
                       {},
                       {.on_restore = Fault::kHang},
                       Code::kDeadlineExceeded,
                       "`restore` of the new version",
                       true},
        FailedHandover{"no_restore",
                       {},
                       {.handover = false},
                       Code::kFailedPrecondition,
                       "`handover: off` under workloads.store",
                       true}),
    [](const auto& p) { return p.param.name; });

TEST(Swap, WithoutHandoverTheNewVersionStartsEmptyWhenToldSo) {
  Fixture f;
  auto store = f.start({.instances = InstancePolicy::one(), .handover = Handover::kOff});
  append(store, 10);
  const auto report = store.workload().swap(journal_version({.digest = "sha256:2", .handover = false}));
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->handed_over);
  EXPECT_TRUE(read(store).empty());
}

TEST(Swap, OtherExportsAreRefused) {
  Fixture f;
  auto store = f.start({});
  auto other = std::make_shared<NativeVersion>(Version::About{.digest = "sha256:2", .exports = nullptr},
                                               [] { return std::make_unique<JournalGuest>(Behaviour{}); });
  EXPECT_EQ(store.workload().swap(other).error().code(), Code::kInvalidArgument);
}

TEST(Swap, CallsInFlightFinishOnTheVersionTheyBeganWith) {
  Fixture f;
  Behaviour a, b{.digest = "sha256:2"};
  a.latch = std::make_shared<Latch>();
  auto store = f.start({.instances = InstancePolicy::pool(1)}, a);
  std::thread runs([&] {
    EXPECT_EQ(*store.call({},
                          [](Journal& j) {
                            (void)j.wait();
                            return j.version();
                          }),
              "sha256:1");
  });
  a.latch->await_arrivals(1);
  const auto report = store.workload().swap(journal_version(b));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->draining, 1u);
  EXPECT_EQ(report->pause.count(), 0);
  EXPECT_EQ(version(store), "sha256:2") << "the only place of the pool is not taken by the old call";
  auto status = store.workload().status();
  ASSERT_EQ(status.draining.size(), 1u);
  EXPECT_EQ(status.draining[0].running, 1u);
  a.latch->open();
  runs.join();
  await_gone(a);
  while (!store.workload().status().draining.empty()) std::this_thread::yield();
}

TEST(Swap, CallsThatOutliveTheDrainAreCancelled) {
  Fixture f;
  Behaviour a{.fibre = true};
  a.executor = &f.pool;
  auto store = f.start(
      {.instances = InstancePolicy::pool(2), .limits = {.call = milliseconds(0)}, .drain = milliseconds(20)},
      a);
  std::atomic<bool> done{false};
  std::optional<Result<void>> ended;
  detach(store.call_async({}, [](Journal& j) { return j.sleep(); }), [&](Result<void> r) {
    ended.emplace(std::move(r));
    done = true;
  });
  ASSERT_TRUE(store.workload().swap(journal_version({.digest = "sha256:2"})));
  while (!done) std::this_thread::yield();
  EXPECT_EQ(ended->error().code(), Code::kCancelled);
  await_gone(a);
}

TEST(Swap, AHandoverGivesUpWhenTheRunningCallDoesNotEnd) {
  Fixture f;
  Behaviour a;
  a.latch = std::make_shared<Latch>();
  auto store = f.start({.instances = InstancePolicy::one(), .drain = milliseconds(20)}, a);
  append(store, 10);
  std::thread runs([&] { EXPECT_TRUE(store.call({}, [](Journal& j) { return j.wait(); })); });
  a.latch->await_arrivals(1);
  const auto report = store.workload().swap(journal_version({.digest = "sha256:2"}));
  EXPECT_EQ(report.error().code(), Code::kDeadlineExceeded);
  EXPECT_THAT(report.error().message(), HasSubstr("workloads.store.update.drain"));
  a.latch->open();
  runs.join();
  EXPECT_EQ(read(store), (std::vector<std::uint64_t>{10}));
}

TEST(Swap, CallersWaitOutTheHandoverInOrder) {
  Fixture f;
  Behaviour a;
  a.latch = std::make_shared<Latch>();
  auto store = f.start({.instances = InstancePolicy::one()}, a);
  std::thread runs([&] { EXPECT_TRUE(store.call({}, [](Journal& j) { return j.wait(); })); });
  a.latch->await_arrivals(1);
  std::thread swaps([&] { EXPECT_TRUE(store.workload().swap(journal_version({.digest = "sha256:2"}))); });
  std::atomic<int> done{0};
  for (std::uint64_t i = 0; i < 100; ++i) {
    detach(store.call_async({}, [i](Journal& j) { return j.append(i); }), [&](Result<std::uint64_t> r) {
      EXPECT_TRUE(r);
      ++done;
    });
  }
  std::this_thread::sleep_for(milliseconds(5));
  a.latch->open();
  runs.join();
  swaps.join();
  while (done != 100) std::this_thread::yield();
  std::vector<std::uint64_t> expected(100);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(read(store), expected);
}

TEST(Swap, MoreVersionsThanCanLiveAtOnceAreRefused) {
  Fixture f;
  Behaviour a;
  a.latch = std::make_shared<Latch>();
  auto store = f.start(
      {.instances = InstancePolicy::pool(1), .drain = milliseconds(0), .cancel_grace = milliseconds(20)}, a);
  std::vector<std::thread> callers;
  for (std::uint32_t i = 0; i + 1 < kMaxLiveVersions; ++i) {
    callers.emplace_back([&] { EXPECT_TRUE(store.call({}, [](Journal& j) { return j.wait(); })); });
    a.latch->await_arrivals(static_cast<int>(i) + 1);
    ASSERT_TRUE(store.workload().swap(journal_version(a)));
  }
  callers.emplace_back([&] { EXPECT_TRUE(store.call({}, [](Journal& j) { return j.wait(); })); });
  a.latch->await_arrivals(static_cast<int>(kMaxLiveVersions));
  const auto refused = store.workload().swap(journal_version(a));
  EXPECT_EQ(refused.error().code(), Code::kBusy);
  a.latch->open();
  for (auto& caller : callers) caller.join();
  while (!store.workload().status().draining.empty()) std::this_thread::yield();
  EXPECT_TRUE(store.workload().swap(journal_version(a)));
}

TEST(Swap, HoweverManyFailTheNextOneSucceeds) {
  Fixture f;
  auto store = f.start({.instances = InstancePolicy::one()});
  const auto bad = journal_version({.on_restore = Behaviour::Fault::kError});
  for (std::uint32_t i = 0; i < 3 * kMaxLiveVersions; ++i) {
    const auto refused = store.workload().swap(bad);
    ASSERT_FALSE(refused);
    ASSERT_NE(refused.error().code(), Code::kBusy) << i;
  }
  EXPECT_TRUE(store.workload().swap(journal_version({})));
}

// The bar in small: callers on several threads, blocking and asynchronous, while versions change.
// Each appends its own numbers in order; afterwards the journal has every number once, and each
// caller's in the order of its calls.
void hammer(bool fibre) {
  Fixture f(2);
  Behaviour behaviour{.fibre = fibre};
  behaviour.executor = &f.pool;
  auto store = f.start({.instances = InstancePolicy::one()}, behaviour);
  constexpr std::uint64_t kCallers = 4, kCalls = 2'500;
  constexpr int kSwaps = 50;
  std::atomic<std::uint64_t> failed{0};
  std::atomic<std::uint64_t> running{kCallers};
  std::vector<std::thread> callers;
  for (std::uint64_t c = 0; c < kCallers; ++c) {
    callers.emplace_back([&, c] {
      for (std::uint64_t i = 0; i < kCalls; ++i) {
        const std::uint64_t value = c << 32 | i;
        const bool blocking = !fibre && i % 2 == 0;
        const auto r = blocking ? store.call({}, [&](Journal& j) { return j.append(value); })
                       : fibre
                           ? block_on(store.call_async({}, [&](Journal& j) { return j.append_later(value); }))
                           : block_on(store.call_async({}, [&](Journal& j) { return j.append(value); }));
        if (!r) ++failed;
      }
      --running;
    });
  }
  int swaps = 0;
  while (swaps < kSwaps || running != 0) {
    behaviour.digest = "sha256:" + std::to_string(swaps++);
    const auto report = store.workload().swap(journal_version(behaviour));
    ASSERT_TRUE(report) << report.error().to_string();
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(failed, 0u);
  std::vector<std::uint64_t> values =
      fibre ? *block_on(store.call_async({}, [](Journal& j) { return j.read(); })) : read(store);
  ASSERT_EQ(values.size(), kCallers * kCalls);
  std::vector<std::uint64_t> next(kCallers, 0);
  for (const std::uint64_t value : values) {
    EXPECT_EQ(value & 0xffffffff, next[value >> 32]);
    next[value >> 32] = (value & 0xffffffff) + 1;
  }
}

TEST(Swap, LosesAndReordersNothingUnderLoad) { hammer(false); }
TEST(Swap, LosesAndReordersNothingUnderLoadOfWaitingGuests) { hammer(true); }

// The same for a pool, which has no state: every call is answered, by a version that was current
// when it began or later, and nothing stays behind.
TEST(Swap, APoolAnswersEveryCallAndFreesOldVersions) {
  Fixture f(2);
  Behaviour behaviour;
  auto store = f.start({.instances = InstancePolicy::pool(2)}, behaviour);
  std::atomic<int> published{0};
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> failed{0}, stale{0}, calls{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      while (!stop) {
        const int before = published;
        const auto r = store.call({}, [&](Journal& j) { return j.version(); });
        if (!r) ++failed;
        if (r && std::stoi(r->substr(7)) < before) ++stale;
        ++calls;
      }
    });
  }
  for (int i = 2; i < 102; ++i) {
    Behaviour next = behaviour;
    next.digest = "sha256:" + std::to_string(i);
    ASSERT_TRUE(store.workload().swap(journal_version(next)));
    published = i;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  stop = true;
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(failed, 0u);
  EXPECT_EQ(stale, 0u);
  EXPECT_GT(calls, 0u);
  while (!store.workload().status().draining.empty()) std::this_thread::yield();
  const auto status = store.workload().status();
  EXPECT_EQ(status.calls[0], calls);
  ASSERT_TRUE(f.host.stop("store"));
  EXPECT_EQ(*behaviour.alive, 0);
}

TEST(Swap, SwapsOfOneWorkloadTakeTurns) {
  Fixture f;
  auto store = f.start({.instances = InstancePolicy::one()});
  append(store, 1);
  std::vector<std::thread> swappers;
  for (int i = 0; i < 4; ++i) {
    swappers.emplace_back([&, i] {
      for (int k = 0; k < 20; ++k) {
        EXPECT_TRUE(
            store.workload().swap(journal_version({.digest = "sha256:" + std::to_string(i * 100 + k)})));
      }
    });
  }
  for (auto& swapper : swappers) swapper.join();
  EXPECT_EQ(store.workload().status().swaps_ok, 80u);
  EXPECT_EQ(read(store), (std::vector<std::uint64_t>{1}));
}

}  // namespace
}  // namespace berth::host::test

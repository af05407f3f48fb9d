// Calls: instance policies, limits, outcomes, waiting.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "host/test_guest.h"

namespace berth::host::test {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

std::uint64_t count(const WorkloadStatus& status, Outcome outcome) {
  return status.calls[static_cast<std::size_t>(outcome)];
}

TEST(Workload, OneKeepsItsStateBetweenCalls) {
  Fixture f;
  auto store = f.start({.instances = InstancePolicy::one()});
  for (std::uint64_t i = 1; i <= 5; ++i) {
    EXPECT_EQ(*store.call({}, [&](Journal& j) { return j.append(i); }), i);
  }
  const auto status = store.workload().status();
  EXPECT_EQ(count(status, Outcome::kOk), 5u);
  EXPECT_EQ(status.current.instances, 1u);
  EXPECT_EQ(status.current.memory_bytes, 65'536u + 40u);
  EXPECT_EQ(status.current.digest, "sha256:1");
}

TEST(Workload, FreshInstancesShareNothing) {
  Fixture f;
  const Behaviour behaviour;
  auto store = f.start({.instances = InstancePolicy::fresh()}, behaviour);
  const int before = *behaviour.made;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(*store.call({}, [&](Journal& j) { return j.append(7); }), 1u);
  EXPECT_EQ(*behaviour.made - before, 3);
  EXPECT_EQ(*behaviour.alive, 0);
}

TEST(Workload, APoolMakesNoMoreInstancesThanCallsAtOnce) {
  Fixture f;
  Behaviour behaviour;
  behaviour.latch = std::make_shared<Latch>();
  auto store = f.start({.instances = InstancePolicy::pool(3)}, behaviour);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(store.call({}, [&](Journal& j) { return j.append(1); }));
  EXPECT_EQ(*behaviour.made, 1) << "one caller at a time needs one instance";
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] { EXPECT_TRUE(store.call({}, [](Journal& j) { return j.wait(); })); });
  }
  behaviour.latch->await_arrivals(3);
  EXPECT_EQ(store.workload().status().current.running, 3u);
  behaviour.latch->open();
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(*behaviour.made, 3);
}

TEST(Workload, AFullQueueIsBusyAtOnceAndNamesTheLimit) {
  Fixture f;
  Behaviour behaviour;
  behaviour.latch = std::make_shared<Latch>();
  auto store = f.start({.instances = InstancePolicy::one(), .limits = {.queue = 1}}, behaviour);
  std::thread runs([&] { EXPECT_TRUE(store.call({}, [](Journal& j) { return j.wait(); })); });
  behaviour.latch->await_arrivals(1);
  std::thread waits([&] { EXPECT_TRUE(store.call({}, [](Journal& j) { return j.append(1); })); });
  while (store.workload().status().queued == 0) std::this_thread::yield();

  // Nobody leaves before this call ends.
  const auto refused = store.call({}, [](Journal& j) { return j.append(2); });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kBusy);
  EXPECT_THAT(refused.error().message(), HasSubstr("workloads.store.limits.queue"));
  behaviour.latch->open();
  runs.join();
  waits.join();
  EXPECT_TRUE(store.call({}, [](Journal& j) { return j.append(3); }));
  EXPECT_EQ(store.workload().status().busy, 1u);
}

TEST(Workload, AnInstanceIsNeverUsedAgainAfterATrap) {
  Fixture f;
  const Behaviour behaviour;
  auto store = f.start({.instances = InstancePolicy::one()}, behaviour);
  ASSERT_TRUE(store.call({}, [](Journal& j) { return j.append(1); }));
  const auto trapped = store.call({}, [](Journal& j) { return j.trap(); });
  ASSERT_FALSE(trapped);
  EXPECT_EQ(trapped.error().code(), Code::kTrap);
  EXPECT_THAT(trapped.error().message(), HasSubstr("workload store: "));
  EXPECT_EQ(*behaviour.alive, 0);
  EXPECT_EQ(*store.call({}, [](Journal& j) { return j.append(2); }), 1u) << "a new instance";
  EXPECT_EQ(*behaviour.made, 2);
  const auto status = store.workload().status();
  EXPECT_EQ(count(status, Outcome::kTrapBug), 1u);
  EXPECT_EQ(count(status, Outcome::kOk), 2u);
  ASSERT_TRUE(status.last_error);
  EXPECT_THAT(status.last_error->message, HasSubstr("unreachable"));
}

TEST(Workload, EachOutcomeIsCountedAsWhatItIs) {
  Fixture f;
  Behaviour behaviour;
  behaviour.executor = &f.pool;
  auto store = f.start({.limits = {.call = milliseconds(20)}}, behaviour);
  EXPECT_TRUE(store.call({}, [](Journal& j) { return j.append(1); }));
  const auto answer = store.call({}, [](Journal& j) { return j.answer_error(); });
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error(), "no such entry");
  const auto late = store.call({}, [](Journal& j) { return j.spin(); });
  EXPECT_EQ(late.error().code(), Code::kDeadlineExceeded);
  EXPECT_FALSE(store.call({}, [](Journal& j) { return j.trap(); }));
  EXPECT_FALSE(
      store.call({}, [](Journal&) -> Result<void> { return fail(Code::kUnavailable, "the disk is gone"); }));
  const auto status = store.workload().status();
  EXPECT_EQ(status.calls, (CallCounts{1, 1, 1, 1, 1}));
}

TEST(Workload, AFailingInstantiationIsAnErrorOfThatCall) {
  Fixture f;
  auto failing = std::make_shared<std::atomic<bool>>(false);
  auto version = std::make_shared<NativeVersion>(
      Version::About{.digest = "sha256:2", .exports = exports_type<Journal>()},
      [failing]() -> Result<std::unique_ptr<Guest>> {
        if (*failing) return fail(Code::kTrap, "start function trapped");
        return std::make_unique<JournalGuest>(Behaviour{});
      });
  auto store =
      *Typed<Journal>::of(*f.host.start({.name = "store", .instances = InstancePolicy::fresh()}, version));
  *failing = true;
  const auto failed = store.call({}, [](Journal& j) { return j.append(1); });
  EXPECT_THAT(failed.error().message(), HasSubstr("instantiating store: start function trapped"));
  *failing = false;
  EXPECT_TRUE(store.call({}, [](Journal& j) { return j.append(1); }));
}

TEST(Workload, AsynchronousCallersWaitWithoutAThreadAndInOrder) {
  Fixture f(2);
  Behaviour behaviour;
  behaviour.latch = std::make_shared<Latch>();
  auto store = f.start({.instances = InstancePolicy::one(), .limits = {.queue = 10'000}}, behaviour);
  std::thread runs([&] { EXPECT_TRUE(store.call({}, [](Journal& j) { return j.wait(); })); });
  behaviour.latch->await_arrivals(1);
  constexpr std::uint64_t kCallers = 10'000;
  std::atomic<std::uint64_t> done{0};
  for (std::uint64_t i = 0; i < kCallers; ++i) {
    detach(store.call_async({}, [i](Journal& j) { return j.append(i); }), [&](Result<std::uint64_t> r) {
      EXPECT_TRUE(r);
      ++done;
    });
  }
  EXPECT_EQ(store.workload().status().queued, kCallers);
  behaviour.latch->open();
  runs.join();
  while (done != kCallers) std::this_thread::yield();
  std::vector<std::uint64_t> expected(kCallers);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(*store.call({}, [](Journal& j) { return j.read(); }), expected);
}

TEST(Workload, AGuestThatWaitsIsCalledAsynchronouslyOnly) {
  Fixture f;
  Behaviour behaviour;
  behaviour.fibre = true;
  behaviour.executor = &f.pool;
  auto store = f.start({.instances = InstancePolicy::one()}, behaviour);
  EXPECT_EQ(store.call({}, [](Journal& j) { return j.append(1); }).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(*block_on(store.call_async({}, [](Journal& j) { return j.append_later(1); })), 1u);
  EXPECT_EQ(*block_on(store.call_async({}, [](Journal& j) { return j.append_later(2); })), 2u);
}

TEST(Workload, AWaitingCallEndsAtItsDeadline) {
  Fixture f;
  Behaviour behaviour;
  behaviour.fibre = true;
  behaviour.executor = &f.pool;
  auto store = f.start({.limits = {.call = milliseconds(30)}}, behaviour);
  const auto begin = std::chrono::steady_clock::now();
  const auto late = block_on(store.call_async({}, [](Journal& j) { return j.sleep(); }));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(30));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(count(store.workload().status(), Outcome::kTrapLimit), 1u);
  EXPECT_TRUE(block_on(store.call_async({}, [](Journal& j) { return j.append_later(1); })));
  // A caller may ask for less time than the workload allows.
  EXPECT_FALSE(
      block_on(store.call_async({.deadline = milliseconds(5)}, [](Journal& j) { return j.sleep(); })));
}

TEST(Workload, WhoeverWaitedLongerThanItsDeadlineIsNotRun) {
  Fixture f;
  Behaviour behaviour;
  behaviour.latch = std::make_shared<Latch>();
  auto store = f.start({.instances = InstancePolicy::one(), .limits = {.call = milliseconds(20)}}, behaviour);
  std::thread runs([&] { EXPECT_TRUE(store.call({}, [](Journal& j) { return j.wait(); })); });
  behaviour.latch->await_arrivals(1);
  std::optional<Result<std::uint64_t>> waited;
  std::thread waits([&] { waited.emplace(store.call({}, [](Journal& j) { return j.append(1); })); });
  while (store.workload().status().queued == 0) std::this_thread::yield();
  std::this_thread::sleep_for(milliseconds(25));
  behaviour.latch->open();
  runs.join();
  waits.join();
  EXPECT_EQ(waited->error().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(*store.call({}, [](Journal& j) { return j.append(1); }), 1u) << "the late one did not run";
}

TEST(Workload, AnAbandonedCallerLeavesTheQueue) {
  Fixture f;
  Behaviour behaviour;
  behaviour.latch = std::make_shared<Latch>();
  auto store = f.start({.instances = InstancePolicy::one()}, behaviour);
  std::thread runs([&] { EXPECT_TRUE(store.call({}, [](Journal& j) { return j.wait(); })); });
  behaviour.latch->await_arrivals(1);
  {
    // Started by hand and destroyed while it waits.
    auto task = std::make_unique<Task<Result<std::uint64_t>>>(
        store.call_async({}, [](Journal& j) { return j.append(1); }));
    auto awaiter = std::move(*task).operator co_await();
    awaiter.await_suspend(std::noop_coroutine()).resume();
    EXPECT_EQ(store.workload().status().queued, 1u);
  }
  EXPECT_EQ(store.workload().status().queued, 0u);
  behaviour.latch->open();
  runs.join();
  EXPECT_EQ(*store.call({}, [](Journal& j) { return j.append(1); }), 1u);
}

TEST(Workload, StoppingFinishesCallsAndRefusesNewOnes) {
  Fixture f;
  Behaviour behaviour;
  behaviour.latch = std::make_shared<Latch>();
  auto store = f.start({.instances = InstancePolicy::one()}, behaviour);
  std::thread runs([&] { EXPECT_TRUE(store.call({}, [](Journal& j) { return j.wait(); })); });
  behaviour.latch->await_arrivals(1);
  std::thread waits([&] {
    EXPECT_EQ(store.call({}, [](Journal& j) { return j.append(1); }).error().code(), Code::kUnavailable);
  });
  while (store.workload().status().queued == 0) std::this_thread::yield();
  std::thread stops([&] { EXPECT_TRUE(f.host.stop("store")); });
  waits.join();
  EXPECT_EQ(store.call({}, [](Journal& j) { return j.append(1); }).error().code(), Code::kUnavailable);
  behaviour.latch->open();
  runs.join();
  stops.join();
  EXPECT_EQ(*behaviour.alive, 0);
  EXPECT_EQ(f.host.find("store").error().code(), Code::kNotFound);
}

TEST(Workload, StoppingCancelsWhatDoesNotEnd) {
  Fixture f;
  Behaviour behaviour;
  behaviour.fibre = true;
  behaviour.executor = &f.pool;
  auto store = f.start({.limits = {.call = milliseconds(0)}, .drain = milliseconds(20)}, behaviour);
  std::optional<Result<void>> ended;
  std::atomic<bool> done{false};
  detach(store.call_async({}, [](Journal& j) { return j.sleep(); }), [&](Result<void> r) {
    ended.emplace(std::move(r));
    done = true;
  });
  EXPECT_TRUE(f.host.stop("store"));
  while (!done) std::this_thread::yield();
  EXPECT_EQ(ended->error().code(), Code::kCancelled);
}

TEST(Workload, StoppingSaysWhatCannotBeCancelled) {
  Behaviour behaviour;
  behaviour.latch = std::make_shared<Latch>();
  std::thread runs;
  {
    Fixture f;
    auto store = f.start(
        {.instances = InstancePolicy::one(), .drain = milliseconds(0), .cancel_grace = milliseconds(20)},
        behaviour);
    runs = std::thread([store] { EXPECT_TRUE(store.call({}, [](Journal& j) { return j.wait(); })); });
    behaviour.latch->await_arrivals(1);
    const auto stopped = f.host.stop("store");
    EXPECT_EQ(stopped.error().code(), Code::kDeadlineExceeded);
    EXPECT_THAT(stopped.error().message(), HasSubstr("still run 0.02 s after they were cancelled"));
    behaviour.latch->open();
    runs.join();
    EXPECT_TRUE(f.host.stop("store"));
  }
  EXPECT_EQ(*behaviour.alive, 0);
  EXPECT_EQ(WorkloadSpec{}.cancel_grace, kCancelGrace);
}

TEST(Host, NamesAreUniqueAndListed) {
  Fixture f;
  f.start({.name = "a"});
  f.start({.name = "b"});
  EXPECT_EQ(f.host.start({.name = "a"}, journal_version({})).error().code(), Code::kAlreadyExists);
  EXPECT_THAT(f.host.find("c").error().message(), HasSubstr("there are: a, b"));
  EXPECT_EQ(f.host.status().size(), 2u);
}

TEST(Host, AFailedStartLeavesNothingBehind) {
  Fixture f;
  Behaviour sick;
  sick.probe = true;
  sick.probe_error = "no database";
  const auto failed = f.host.start({.name = "store"}, journal_version(sick));
  EXPECT_THAT(failed.error().message(),
              HasSubstr("starting workload store: its probe says that it cannot serve: no database"));
  EXPECT_EQ(*sick.alive, 0);
  EXPECT_TRUE(f.host.start({.name = "store"}, journal_version({})));
}

TEST(Host, LimitsOutOfRangeNameTheManifestLine) {
  Fixture f;
  const auto message = [&](WorkloadSpec spec) {
    spec.name = "store";
    return f.host.start(spec, journal_version({})).error().message();
  };
  EXPECT_THAT(message({.limits = {.concurrency = 0}}), HasSubstr("workloads.store.limits.concurrency is 0"));
  EXPECT_THAT(message({.limits = {.concurrency = kMaxConcurrentCalls + 1}}), HasSubstr("from 1 to 65536"));
  EXPECT_THAT(message({.limits = {.queue = kMaxQueue + 1}}), HasSubstr("limits.queue"));
  EXPECT_THAT(message({.instances = InstancePolicy::pool(0)}), HasSubstr("instances.pool"));
  EXPECT_TRUE(
      f.host.start({.name = "store", .limits = {.concurrency = kMaxConcurrentCalls, .queue = kMaxQueue}},
                   journal_version({})));
}

TEST(Host, CallersOfOtherExportsAreRefused) {
  Fixture f;
  struct Other {};
  auto store = f.start({.name = "store"});
  EXPECT_EQ(Typed<Other>::of(*f.host.find("store")).error().code(), Code::kInvalidArgument);
}

// One workload's flood takes its own places and its own queue only.
TEST(Host, AFloodOfOneWorkloadLeavesAnotherItsPlaces) {
  Fixture f;
  Behaviour flooded;
  flooded.latch = std::make_shared<Latch>();
  auto victim = f.start({.name = "victim"});
  auto flood =
      f.start({.name = "flood", .instances = InstancePolicy::pool(1), .limits = {.queue = 4}}, flooded);
  std::vector<std::thread> callers;
  std::atomic<int> refused{0};
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      if (!flood.call({}, [](Journal& j) { return j.wait(); })) ++refused;
    });
  }
  while (refused != 3) std::this_thread::yield();
  for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(victim.call({}, [](Journal& j) { return j.append(1); }));
  flooded.latch->open();
  for (auto& caller : callers) caller.join();
}

}  // namespace
}  // namespace berth::host::test

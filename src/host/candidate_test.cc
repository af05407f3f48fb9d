// Canary and shadow: shares, keys, places, promotion and the end of a trial, under load too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "host/test_guest.h"

namespace berth::host::test {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

constexpr std::string_view kNext = "sha256:2";

Warm warm(const Typed<Journal>& store, const Behaviour& behaviour) {
  auto ready = store.workload().warm(journal_version(behaviour));
  if (!ready) throw std::runtime_error(ready.error().to_string());
  return std::move(*ready);
}
// A call that a shadow can repeat.
Result<std::uint64_t> append_shadowed(const Typed<Journal>& store, std::uint64_t value) {
  return store.call(
      {}, [&](Journal& j) { return j.append(value); },
      [&] { return [value](Journal& j) { return j.append(value); }; });
}
void await_repeated(const Typed<Journal>& store, std::uint64_t count) {
  for (;;) {
    const auto shadow = store.workload().status().shadow;
    if (!shadow || shadow->equal + shadow->different + shadow->failed >= count) return;
    std::this_thread::yield();
  }
}

TEST(Canary, GetsItsShareOfTheCalls) {
  Fixture f;
  auto store = f.start({.instances = InstancePolicy::pool(4)});
  ASSERT_TRUE(store.workload().start_canary(warm(store, {.digest = "sha256:2"}), 0.1));
  constexpr int kCalls = 20'000;
  int there = 0;
  for (int i = 0; i < kCalls; ++i) there += version(store) == kNext ? 1 : 0;
  EXPECT_NEAR(there, kCalls / 10, kCalls / 100);
  const auto status = store.workload().status();
  ASSERT_TRUE(status.canary);
  EXPECT_EQ(status.canary->version.digest, kNext);
  EXPECT_EQ(status.canary->share, 0.1);
  EXPECT_EQ(status.canary->calls[0], static_cast<std::uint64_t>(there));
  EXPECT_EQ(status.current.digest, "sha256:1");
  EXPECT_EQ(status.calls[0], static_cast<std::uint64_t>(kCalls));
  const auto compared = store.workload().compare();
  EXPECT_EQ(compared.of_canary.total(), static_cast<std::uint64_t>(there));
  EXPECT_EQ(compared.of_canary.timed(), static_cast<std::uint64_t>(there));
}

TEST(Canary, AKeyIsAlwaysOnTheSameSide) {
  Fixture f;
  auto store = f.start({.instances = InstancePolicy::fresh(), .canary_by = CanaryBy::kKey});
  ASSERT_TRUE(store.workload().start_canary(warm(store, {.digest = "sha256:2"}), 0.25));
  int there = 0;
  for (std::uint64_t key = 1; key <= 2'000; ++key) {
    const std::string side = version(store, key);
    there += side == kNext ? 1 : 0;
    for (int again = 0; again < 3; ++again) ASSERT_EQ(version(store, key), side);
  }
  EXPECT_NEAR(there, 500, 75);
  std::set<std::string> sides;
  for (int i = 0; i < 200; ++i) sides.insert(version(store));
  EXPECT_EQ(sides.size(), 2u) << "calls without a key are spread at random";
}

TEST(Canary, ByRandomAKeyDecidesNothing) {
  Fixture f;
  auto store = f.start({.instances = InstancePolicy::fresh()});
  ASSERT_TRUE(store.workload().start_canary(warm(store, {.digest = "sha256:2"}), 0.5));
  std::set<std::string> sides;
  for (int i = 0; i < 200; ++i) sides.insert(version(store, 7));
  EXPECT_EQ(sides.size(), 2u);
}

TEST(Canary, TakesOverWithTheInstancesItHas) {
  Fixture f;
  Behaviour a, b{.digest = "sha256:2"};
  auto store = f.start({.instances = InstancePolicy::pool(2)}, a);
  ASSERT_TRUE(store.workload().start_canary(warm(store, b), 1));
  EXPECT_EQ(version(store), kNext);
  EXPECT_EQ(store.workload().promote("sha256:3").error().code(), Code::kNotFound);
  const auto report = store.workload().promote(kNext);
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_EQ(report->from, "sha256:1");
  EXPECT_EQ(report->to, kNext);
  while (*a.alive != 0) std::this_thread::yield();
  EXPECT_EQ(version(store), kNext);
  EXPECT_EQ(*b.made, 1);
  EXPECT_FALSE(store.workload().status().canary);
  EXPECT_EQ(store.workload().promote(kNext).error().code(), Code::kNotFound);
}

TEST(Canary, DroppedItGetsNoMoreCallsAndGoes) {
  Fixture f;
  Behaviour b{.digest = "sha256:2"};
  auto store = f.start({.instances = InstancePolicy::pool(2)});
  ASSERT_TRUE(store.workload().start_canary(warm(store, b), 1));
  EXPECT_FALSE(store.workload().drop_canary("sha256:3"));
  EXPECT_TRUE(store.workload().drop_canary(kNext));
  EXPECT_FALSE(store.workload().drop_canary(kNext));
  EXPECT_EQ(version(store), "sha256:1");
  while (*b.alive != 0) std::this_thread::yield();
  EXPECT_TRUE(store.workload().start_canary(warm(store, b), 1)) << "and another can come";
}

TEST(Canary, OneThatHangsHoldsNobodyBack) {
  Fixture f;
  Behaviour b{.digest = "sha256:2", .latch = std::make_shared<Latch>()};
  auto store = f.start({.instances = InstancePolicy::pool(1), .limits = {.queue = 0}});
  ASSERT_TRUE(store.workload().start_canary(warm(store, b), 1));
  std::thread hangs([&] { EXPECT_TRUE(store.call({}, [](Journal& j) { return j.wait(); })); });
  b.latch->await_arrivals(1);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(version(store), "sha256:1");
  EXPECT_EQ(store.workload().status().canary->version.running, 1u);
  b.latch->open();
  hangs.join();
  EXPECT_EQ(version(store), kNext);
}

TEST(Canary, IsRefusedWhereItCannotBe) {
  Fixture f;
  auto one = f.start({.name = "one", .instances = InstancePolicy::one()});
  const auto refused = one.workload().start_canary(warm(one, {.digest = "sha256:2"}), 0.1);
  EXPECT_EQ(refused.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(refused.error().message(), HasSubstr("a share of the state"));
  auto pool = f.start({.name = "pool", .instances = InstancePolicy::pool(2)});
  ASSERT_TRUE(pool.workload().start_canary(warm(pool, {.digest = "sha256:2"}), 0.1));
  EXPECT_EQ(pool.workload().start_canary(warm(pool, {.digest = "sha256:3"}), 0.1).error().code(),
            Code::kAlreadyExists);
  EXPECT_TRUE(pool.workload().swap(journal_version({.digest = "sha256:4"})));
  EXPECT_FALSE(pool.workload().status().canary) << "a swap ends it";
  EXPECT_EQ(version(pool), "sha256:4");
}

TEST(Canary, StoppingEndsIt) {
  Fixture f;
  Behaviour a, b{.digest = "sha256:2"};
  auto store = f.start({.instances = InstancePolicy::pool(2)}, a);
  ASSERT_TRUE(store.workload().start_canary(warm(store, b), 0.5));
  for (int i = 0; i < 50; ++i) (void)version(store);
  ASSERT_TRUE(f.host.stop("store"));
  EXPECT_EQ(*a.alive, 0);
  EXPECT_EQ(*b.alive, 0);
}

// Every call is answered while canaries start, are promoted, are dropped and are rolled back.
void hammer(InstancePolicy policy) {
  Fixture f(2);
  Behaviour behaviour;
  auto store = f.start({.instances = policy, .limits = {.queue = 1'000}}, behaviour);
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> failed{0}, calls{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&, c] {
      for (std::uint64_t i = 0; !stop; ++i) {
        const auto r = (i + static_cast<std::uint64_t>(c)) % 2 == 0
                           ? store.call({.key = i}, [](Journal& j) { return j.version(); })
                           : block_on(store.call_async({}, [](Journal& j) { return j.version(); }));
        if (!r) ++failed;
        ++calls;
      }
    });
  }
  Workload& workload = store.workload();
  for (int i = 2; i < 80; ++i) {
    Behaviour next = behaviour;
    next.digest = "sha256:" + std::to_string(i);
    const std::string before = workload.status().current.digest;
    ASSERT_TRUE(workload.start_canary(warm(store, next), 0.3));
    std::this_thread::sleep_for(std::chrono::microseconds(300));
    if (i % 3 == 0) {
      ASSERT_TRUE(workload.drop_canary(next.digest));
      continue;
    }
    ASSERT_TRUE(workload.promote(next.digest, WayBack::kKeep));
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    if (i % 3 == 1) {
      const auto back = workload.roll_back(next.digest, "a test");
      ASSERT_TRUE(back) << back.error().to_string();
      EXPECT_EQ(back->to, before);
    } else {
      workload.settle(next.digest);
    }
  }
  stop = true;
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(failed, 0u);
  while (!workload.status().draining.empty()) std::this_thread::yield();
  EXPECT_EQ(workload.status().calls[0], calls);
  ASSERT_TRUE(f.host.stop("store"));
  EXPECT_EQ(*behaviour.alive, 0);
}

TEST(Canary, LosesNoCallOfAPool) { hammer(InstancePolicy::pool(2)); }
TEST(Canary, LosesNoCallOfFreshInstances) { hammer(InstancePolicy::fresh()); }

TEST(Shadow, RepeatsCallsAndComparesTheAnswers) {
  Fixture f;
  auto store = f.start({.instances = InstancePolicy::one()});
  ASSERT_TRUE(append_shadowed(store, 1));
  ASSERT_TRUE(append_shadowed(store, 2));
  ASSERT_TRUE(store.workload().start_shadow(journal_version({.digest = "sha256:2"}), 1));
  for (std::uint64_t i = 3; i <= 102; ++i) ASSERT_EQ(*append_shadowed(store, i), i);
  await_repeated(store, 100);
  const auto shadow = store.workload().stop_shadow();
  ASSERT_TRUE(shadow);
  EXPECT_EQ(shadow->digest, kNext);
  EXPECT_EQ(shadow->equal, 100u) << "it began with the state of that moment and saw every call";
  EXPECT_EQ(shadow->different + shadow->failed + shadow->skipped, 0u);
  EXPECT_EQ(shadow->out_of_step, "");
  EXPECT_FALSE(store.workload().stop_shadow());
  EXPECT_EQ(store.workload().status().calls[0], 102u) << "repeated calls are not calls";
}

TEST(Shadow, CountsWhatDiffersAndWhatFails) {
  Fixture f;
  auto store = f.start({.instances = InstancePolicy::fresh()});
  ASSERT_TRUE(store.workload().start_shadow(journal_version({.digest = "sha256:2"}), 1));
  const auto name = [](Journal& j) { return j.version(); };
  ASSERT_EQ(*store.call({}, name, [&] { return name; }), "sha256:1");
  const auto fails_there = [](Journal& j) -> Result<void> {
    if (*j.version() == kNext) return j.trap();
    return {};
  };
  ASSERT_TRUE(store.call({}, fails_there, [&] { return fails_there; }));
  const auto fails_here = [](Journal& j) -> Result<void> {
    if (*j.version() == kNext) return {};
    return fail(Code::kUnavailable, "no");
  };
  ASSERT_FALSE(store.call({}, fails_here, [&] { return fails_here; }));
  const auto fails_both = [](Journal& j) { return j.answer_error(); };
  ASSERT_TRUE(store.call({}, fails_both, [&] { return fails_both; }));
  ASSERT_TRUE(store.call({}, name)) << "a call without a second form is not repeated";
  await_repeated(store, 4);
  const auto shadow = store.workload().stop_shadow();
  EXPECT_EQ(shadow->equal, 1u);
  EXPECT_EQ(shadow->different, 2u);
  EXPECT_EQ(shadow->failed, 1u);
  EXPECT_EQ(shadow->skipped, 0u);
}

TEST(Shadow, TakesAShareOfTheCalls) {
  Fixture f;
  auto store = f.start({.instances = InstancePolicy::pool(2)});
  ASSERT_TRUE(store.workload().start_shadow(journal_version({.digest = "sha256:2"}), 0.5));
  const auto name = [](Journal& j) { return j.version(); };
  for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(store.call({}, name, [&] { return name; }));
  const auto shadow = store.workload().status().shadow;
  EXPECT_NEAR(static_cast<double>(shadow->different + shadow->skipped + shadow->waiting), 500, 60);
}

TEST(Shadow, RepeatsWaitingGuestsToo) {
  Fixture f;
  Behaviour a{.fibre = true, .executor = &f.pool}, b = a;
  b.digest = "sha256:2";
  auto store = f.start({.instances = InstancePolicy::one()}, a);
  ASSERT_TRUE(store.workload().start_shadow(journal_version(b), 1));
  for (std::uint64_t i = 1; i <= 50; ++i) {
    ASSERT_EQ(*block_on(store.call_async(
                  {}, [i](Journal& j) { return j.append_later(i); },
                  [i] { return [i](Journal& j) { return j.append_later(i); }; })),
              i);
  }
  await_repeated(store, 50);
  EXPECT_EQ(store.workload().stop_shadow()->equal, 50u);
}

TEST(Shadow, ThatHangsIsEndedAtItsDeadlineAndHoldsNobodyBack) {
  Fixture f;
  Behaviour a{.fibre = true, .executor = &f.pool}, b = a;
  b.digest = "sha256:2";
  auto store = f.start({.instances = InstancePolicy::pool(1), .limits = {.call = milliseconds(20)}}, a);
  ASSERT_TRUE(store.workload().start_shadow(journal_version(b), 1));
  const auto hangs_there = [](Journal& j) -> Task<Result<void>> {
    if (*j.version() != kNext) co_return Result<void>{};
    co_return co_await j.sleep();
  };
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(block_on(store.call_async({}, hangs_there, [&] { return hangs_there; })));
  await_repeated(store, 3);
  EXPECT_EQ(store.workload().stop_shadow()->failed, 3u);
}

TEST(Shadow, OfAStateThatWasLostIsOutOfStep) {
  Fixture f;
  auto store = f.start({.instances = InstancePolicy::one()});
  ASSERT_TRUE(store.workload().start_shadow(journal_version({.digest = "sha256:2"}), 1));
  const auto trap = [](Journal& j) { return j.trap(); };
  ASSERT_FALSE(store.call({}, trap, [&] { return trap; }));
  ASSERT_TRUE(append_shadowed(store, 1));
  EXPECT_THAT(store.workload().stop_shadow()->out_of_step,
              HasSubstr("destroyed the instance of the version"));

  ASSERT_TRUE(store.workload().start_shadow(journal_version({.digest = "sha256:2"}), 1));
  const auto traps_there = [](Journal& j) -> Result<void> {
    if (*j.version() == kNext) return j.trap();
    return {};
  };
  ASSERT_TRUE(store.call({}, traps_there, [&] { return traps_there; }));
  await_repeated(store, 1);
  const auto shadow = store.workload().stop_shadow();
  EXPECT_EQ(shadow->failed, 1u);
  EXPECT_THAT(shadow->out_of_step, HasSubstr("its instance was destroyed"));
}

TEST(Shadow, TooFarBehindItSkipsOrGivesUp) {
  for (const bool one : {false, true}) {
    Fixture f;
    Behaviour b{.digest = "sha256:2", .latch = std::make_shared<Latch>()};
    auto store = f.start({.instances = one ? InstancePolicy::one() : InstancePolicy::pool(1)});
    ASSERT_TRUE(store.workload().start_shadow(journal_version(b), 1));
    const auto waits_there = [](Journal& j) -> Result<void> {
      return *j.version() == kNext ? j.wait() : Result<void>{};
    };
    ASSERT_TRUE(store.call({}, waits_there, [&] { return waits_there; }));
    b.latch->await_arrivals(1);
    for (std::size_t i = 0; i < kMaxShadowQueue + 10; ++i) ASSERT_TRUE(append_shadowed(store, i));
    b.latch->open();
    const auto shadow = store.workload().stop_shadow();
    if (one) {
      EXPECT_THAT(shadow->out_of_step, HasSubstr("fell behind by more than 4096 calls"));
    } else {
      EXPECT_EQ(shadow->out_of_step, "");
      EXPECT_EQ(shadow->skipped, 10u);
    }
  }
}

TEST(Shadow, HoldsABoundedNumberOfBytes) {
  Fixture f;
  Behaviour b{.digest = "sha256:2", .latch = std::make_shared<Latch>()};
  auto store = f.start({.instances = InstancePolicy::pool(1)});
  ASSERT_TRUE(store.workload().start_shadow(journal_version(b), 1));
  const auto waits_there = [](Journal& j) -> Result<void> {
    return *j.version() == kNext ? j.wait() : Result<void>{};
  };
  ASSERT_TRUE(store.call({}, waits_there, [&] { return waits_there; }));
  b.latch->await_arrivals(1);
  const auto large = [](Journal&) -> Result<std::string> { return std::string(kMaxShadowBytes / 4, 'x'); };
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(store.call({}, large, [&] { return large; }));
  EXPECT_EQ(store.workload().status().shadow->skipped, 7u);
  EXPECT_EQ(store.workload().status().shadow->waiting, 3u);
  b.latch->open();
}

TEST(Shadow, IsRefusedWhereTheStateCannotBeCopied) {
  Fixture f;
  auto store = f.start({.instances = InstancePolicy::one()}, {.handover = false});
  const auto refused = store.workload().start_shadow(journal_version({.digest = "sha256:2"}), 1);
  EXPECT_EQ(refused.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(refused.error().message(), HasSubstr("both versions must export berth:lifecycle/handover"));
  auto other = f.start({.name = "other", .instances = InstancePolicy::one()});
  Behaviour sick{.digest = "sha256:2", .on_restore = Behaviour::Fault::kError};
  EXPECT_THAT(other.workload().start_shadow(journal_version(sick), 1).error().message(),
              HasSubstr("`restore` of the shadow"));
  EXPECT_FALSE(other.workload().status().shadow);
  EXPECT_EQ(*sick.alive, 0);
  EXPECT_TRUE(append_shadowed(other, 1));
}

// Shadows come and go under load: no call is lost or reordered, and each shadow agrees on all it saw.
TEST(Shadow, LosesAndReordersNothingUnderLoad) {
  Fixture f(2);
  auto store = f.start({.instances = InstancePolicy::one()});
  constexpr std::uint64_t kCallers = 3;
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> failed{0}, calls{0};
  std::vector<std::thread> callers;
  for (std::uint64_t c = 0; c < kCallers; ++c) {
    callers.emplace_back([&, c] {
      for (std::uint64_t i = 0; !stop; ++i, ++calls) {
        if (!append_shadowed(store, c << 32 | i)) ++failed;
        if (i % 64 == 0) std::this_thread::sleep_for(milliseconds(1));  // a shadow has to keep up
      }
    });
  }
  std::uint64_t compared = 0;
  for (int i = 0; i < 20; ++i) {
    const auto started = store.workload().start_shadow(journal_version({.digest = "sha256:2"}), 1);
    ASSERT_TRUE(started) << started.error().to_string();
    // It sees something, or more than it can keep up with.
    for (bool seen = false; !seen; std::this_thread::sleep_for(milliseconds(1))) {
      const auto shadow = store.workload().status().shadow;
      seen = shadow->equal + shadow->different + shadow->failed > 0 || !shadow->out_of_step.empty();
    }
    const auto shadow = store.workload().stop_shadow();
    EXPECT_EQ(shadow->different + shadow->failed, 0u);
    compared += shadow->equal;
  }
  stop = true;
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(failed, 0u);
  EXPECT_GT(compared, 0u);
  const auto values = *store.call({}, [](Journal& j) { return j.read(); });
  ASSERT_EQ(values.size(), calls);
  std::vector<std::uint64_t> next(kCallers, 0);
  for (const std::uint64_t value : values) EXPECT_EQ(value & 0xffffffff, next[value >> 32]++);
}

}  // namespace
}  // namespace berth::host::test

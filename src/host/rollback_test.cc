// Rollback: the way back, and what becomes of the state.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/test_guest.h"

namespace berth::host::test {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using Fault = Behaviour::Fault;
using Values = std::vector<std::uint64_t>;

constexpr std::string_view kBad = "sha256:2";

Result<SwapReport> publish(const Typed<Journal>& store, const Behaviour& behaviour) {
  return store.workload().swap(journal_version(behaviour), WayBack::kKeep);
}

TEST(RollBack, TakesBackTheStateMadeMeanwhile) {
  Fixture f;
  auto store = f.start({.instances = InstancePolicy::one()});
  append(store, 1);
  ASSERT_TRUE(publish(store, {.digest = "sha256:2"}));
  EXPECT_EQ(store.workload().status().way_back, "sha256:1");
  append(store, 2);
  const auto report = store.workload().roll_back(kBad, "5 of 100 calls failed");
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_EQ(report->from, kBad);
  EXPECT_EQ(report->to, "sha256:1");
  EXPECT_EQ(report->rolled_back, "5 of 100 calls failed");
  EXPECT_EQ(report->handed_over, 16u);
  EXPECT_FALSE(report->earlier_state);
  EXPECT_EQ(version(store), "sha256:1");
  EXPECT_EQ(read(store), (Values{1, 2}));
  EXPECT_EQ(store.workload().status().way_back, "");
  EXPECT_EQ(store.workload().status().last_swap->rolled_back, "5 of 100 calls failed");
}

struct LostState {
  const char* name;
  Behaviour bad;
  bool trap;  // a call destroys the instance that got the state
};

class RollBackWithLostState : public testing::TestWithParam<LostState> {};

TEST_P(RollBackWithLostState, ReturnsToTheStateOfThePublication) {
  Fixture f;
  auto store = f.start({.instances = InstancePolicy::one(), .limits = {.call = milliseconds(30)}});
  append(store, 1);
  Behaviour bad = GetParam().bad;
  bad.digest = kBad;
  ASSERT_TRUE(publish(store, bad));
  append(store, 2);
  if (GetParam().trap) {
    ASSERT_FALSE(store.call({}, [](Journal& j) { return j.trap(); }));
    append(store, 3);  // on an empty instance: what it knows must not replace what was there
  }
  const auto report = store.workload().roll_back(kBad, "it traps");
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_TRUE(report->earlier_state);
  EXPECT_EQ(read(store), Values{1});
}

INSTANTIATE_TEST_SUITE_P(Each, RollBackWithLostState,
                         testing::Values(LostState{"trapped", {}, true},
                                         LostState{"save_traps", {.on_save = Fault::kTrap}, false},
                                         LostState{"save_refuses", {.on_save = Fault::kError}, false},
                                         LostState{"save_hangs", {.on_save = Fault::kHang}, false},
                                         LostState{"save_is_huge", {.on_save = Fault::kHuge}, false}),
                         [](const auto& p) { return p.param.name; });

TEST(RollBack, CancelsACallThatDoesNotEnd) {
  Fixture f;
  Behaviour a{.fibre = true, .executor = &f.pool}, b = a;
  b.digest = kBad;
  auto store = f.start(
      {.instances = InstancePolicy::one(), .limits = {.call = milliseconds(0)}, .drain = milliseconds(20)},
      a);
  ASSERT_TRUE(block_on(store.call_async({}, [](Journal& j) { return j.append_later(1); })));
  ASSERT_TRUE(publish(store, b));
  std::atomic<bool> done{false};
  detach(store.call_async({}, [](Journal& j) { return j.sleep(); }), [&](Result<void> r) {
    EXPECT_EQ(r.error().code(), Code::kCancelled);
    done = true;
  });
  const auto report = store.workload().roll_back(kBad, "it hangs");
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_TRUE(report->earlier_state);
  while (!done) std::this_thread::yield();
  EXPECT_EQ(*block_on(store.call_async({}, [](Journal& j) { return j.read(); })), Values{1});
}

TEST(RollBack, DoesNotAskTheProbe) {
  Fixture f;
  const auto sick = std::make_shared<std::atomic<bool>>(false);
  auto first = std::make_shared<NativeVersion>(
      Version::About{.digest = "sha256:1", .exports = exports_type<Journal>(), .probe = true},
      [sick]() -> Result<std::unique_ptr<Guest>> {
        return std::make_unique<JournalGuest>(Behaviour{.probe_error = *sick ? "no database" : ""});
      });
  auto store =
      *Typed<Journal>::of(*f.host.start({.name = "store", .instances = InstancePolicy::pool(1)}, first));
  ASSERT_TRUE(publish(store, {.digest = "sha256:2"}));
  *sick = true;
  ASSERT_FALSE(store.workload().warm(first)) << "a publication would ask it";
  EXPECT_TRUE(store.workload().roll_back(kBad, "slow"));
  EXPECT_TRUE(store.call({}, [](Journal& j) { return j.append(1); }));
  EXPECT_EQ(store.workload().status().current.digest, "sha256:1");
}

TEST(RollBack, SkipsWhatWasNeverFoundGood) {
  Fixture f;
  auto store = f.start({.instances = InstancePolicy::one()});
  append(store, 1);
  ASSERT_TRUE(publish(store, {.digest = "sha256:2"}));
  append(store, 2);
  ASSERT_TRUE(publish(store, {.digest = "sha256:3"}));
  append(store, 3);
  EXPECT_EQ(store.workload().status().way_back, "sha256:1");
  ASSERT_TRUE(store.workload().roll_back("sha256:3", "bad too"));
  EXPECT_EQ(version(store), "sha256:1");
  EXPECT_EQ(read(store), (Values{1, 2, 3}));
}

TEST(RollBack, SettledThereIsNoWayBack) {
  Fixture f;
  auto store = f.start({.instances = InstancePolicy::pool(1)});
  ASSERT_TRUE(publish(store, {.digest = "sha256:2"}));
  store.workload().settle("sha256:1");
  EXPECT_EQ(store.workload().status().way_back, "sha256:1") << "something else serves";
  store.workload().settle(kBad);
  const auto refused = store.workload().roll_back(kBad, "late");
  EXPECT_EQ(refused.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(refused.error().message(), HasSubstr("no earlier version to return to"));
  ASSERT_TRUE(publish(store, {.digest = "sha256:3"}));
  EXPECT_EQ(store.workload().status().way_back, kBad);
  ASSERT_TRUE(store.workload().swap(journal_version({.digest = "sha256:4"})));
  EXPECT_EQ(store.workload().status().way_back, "") << "a swap without a way back forgets the earlier one";
}

TEST(RollBack, OfAVersionThatServesNoMoreIsRefused) {
  Fixture f;
  auto store = f.start({.instances = InstancePolicy::pool(1)});
  ASSERT_TRUE(publish(store, {.digest = "sha256:2"}));
  ASSERT_TRUE(publish(store, {.digest = "sha256:3"}));
  EXPECT_EQ(store.workload().roll_back(kBad, "late").error().code(), Code::kAborted);
  EXPECT_EQ(version(store), "sha256:3");
}

TEST(RollBack, ThatFailsLeavesTheWayBack) {
  Fixture f;
  const auto failing = std::make_shared<std::atomic<bool>>(false);
  auto first = std::make_shared<NativeVersion>(
      Version::About{.digest = "sha256:1", .exports = exports_type<Journal>()},
      [failing]() -> Result<std::unique_ptr<Guest>> {
        if (*failing) return fail(Code::kResourceExhausted, "no memory left");
        return std::make_unique<JournalGuest>(Behaviour{});
      });
  auto store =
      *Typed<Journal>::of(*f.host.start({.name = "store", .instances = InstancePolicy::pool(1)}, first));
  ASSERT_TRUE(publish(store, {.digest = "sha256:2"}));
  *failing = true;
  const auto refused = store.workload().roll_back(kBad, "bad");
  EXPECT_THAT(refused.error().message(),
              HasSubstr("rolling store back to sha256:1: instantiating: no memory left"));
  EXPECT_EQ(version(store), kBad);
  *failing = false;
  EXPECT_TRUE(store.workload().roll_back(kBad, "bad"));
  EXPECT_EQ(version(store), "sha256:1");
}

// Publications and rollbacks under load: every number is there once, and each caller's in its order.
TEST(RollBack, LosesAndReordersNothingUnderLoad) {
  Fixture f(2);
  auto store = f.start({.instances = InstancePolicy::one()});
  constexpr std::uint64_t kCallers = 4;
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> failed{0}, calls{0};
  std::vector<std::thread> callers;
  for (std::uint64_t c = 0; c < kCallers; ++c) {
    callers.emplace_back([&, c] {
      for (std::uint64_t i = 0; !stop; ++i, ++calls) {
        const std::uint64_t value = c << 32 | i;
        if (!store.call({}, [&](Journal& j) { return j.append(value); })) ++failed;
      }
    });
  }
  for (int i = 0; i < 60; ++i) {
    const std::string digest = "sha256:next" + std::to_string(i);
    ASSERT_TRUE(publish(store, {.digest = digest}));
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    if (i % 2 == 0) {
      const auto back = store.workload().roll_back(digest, "a test");
      ASSERT_TRUE(back) << back.error().to_string();
      EXPECT_FALSE(back->earlier_state);
    } else {
      store.workload().settle(digest);
    }
  }
  stop = true;
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(failed, 0u);
  const Values values = read(store);
  ASSERT_EQ(values.size(), calls);
  std::vector<std::uint64_t> next(kCallers, 0);
  for (const std::uint64_t value : values) EXPECT_EQ(value & 0xffffffff, next[value >> 32]++);
}

}  // namespace
}  // namespace berth::host::test

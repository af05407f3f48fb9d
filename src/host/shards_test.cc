// Shards: several instances that keep state: calls, waiting, swaps, rollbacks and stops.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/test_guest.h"
#include "host/wait.h"

namespace berth::host::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Values = std::vector<std::uint64_t>;
using Fault = Behaviour::Fault;

Values read(const Typed<Journal>& store, std::uint32_t shard) {
  return store.call({.shard = shard}, [](Journal& j) { return j.read(); }).value();
}
Result<std::uint64_t> append(const Typed<Journal>& store, std::uint32_t shard, std::uint64_t value) {
  return store.call({.shard = shard}, [&](Journal& j) { return j.append(value); });
}
Result<std::uint64_t> append_async(const Typed<Journal>& store, std::uint32_t shard, std::uint64_t value) {
  return wait_for(store.call_async({.shard = shard}, [value](Journal& j) { return j.append(value); }), {},
                  [] {});
}

TEST(Shards, EachKeepsItsOwnState) {
  Fixture f;
  Behaviour a;
  auto store = f.start({.instances = InstancePolicy::shards(3)}, a);
  EXPECT_EQ(store.workload().shards(), 3u);
  EXPECT_EQ(*a.alive, 3) << "all are made at the start";
  for (std::uint32_t shard = 0; shard < 3; ++shard) EXPECT_EQ(append(store, shard, shard), 1u);
  EXPECT_EQ(append_async(store, 1, 7), 2u);
  EXPECT_EQ(read(store, 0), (Values{0}));
  EXPECT_EQ(read(store, 1), (Values{1, 7}));
  EXPECT_EQ(read(store, 2), (Values{2}));
  EXPECT_EQ(f.start({.name = "other", .instances = InstancePolicy::one()}).workload().shards(), 1u);
}

TEST(Shards, RunBesideEachOtherAndOneCallAtATimeEach) {
  Fixture f;
  Behaviour a{.latch = std::make_shared<Latch>()};
  auto store = f.start({.instances = InstancePolicy::shards(2), .limits = {.queue = 1}}, a);
  std::jthread held([&] { EXPECT_TRUE(store.call({.shard = 0}, [](Journal& j) { return j.wait(); })); });
  a.latch->await_arrivals(1);
  EXPECT_EQ(append(store, 1, 1), 1u) << "the other shard is free";
  std::jthread waiting([&] { EXPECT_EQ(append(store, 0, 2), 1u); });
  while (store.workload().status().queued == 0) std::this_thread::yield();
  const auto busy = append(store, 0, 3);
  EXPECT_EQ(busy.error().code(), Code::kBusy);
  EXPECT_THAT(busy.error().message(), HasSubstr("1 of 1 calls run and 1 of 1 wait"));
  EXPECT_EQ(append(store, 1, 4), 2u);
  a.latch->open();
}

TEST(Shards, ASwapHandsEveryStateOver) {
  Fixture f;
  Behaviour a, b{.digest = "sha256:2"};
  auto store = f.start({.instances = InstancePolicy::shards(3)}, a);
  for (std::uint32_t shard = 0; shard < 3; ++shard) ASSERT_TRUE(append(store, shard, shard));
  const auto report = store.workload().swap(journal_version(b));
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_EQ(report->handed_over, 24u);
  for (std::uint32_t shard = 0; shard < 3; ++shard) EXPECT_EQ(read(store, shard), (Values{shard}));
  while (*a.alive != 0) std::this_thread::yield();
  EXPECT_EQ(*b.alive, 3);
}

TEST(Shards, AFailedHandOverLeavesEveryStateWhereItWas) {
  Fixture f;
  auto store = f.start({.instances = InstancePolicy::shards(2)});
  for (std::uint32_t shard = 0; shard < 2; ++shard) ASSERT_TRUE(append(store, shard, shard));
  Behaviour bad{.digest = "sha256:2", .on_restore = Fault::kError};
  EXPECT_FALSE(store.workload().swap(journal_version(bad)));
  for (std::uint32_t shard = 0; shard < 2; ++shard) EXPECT_EQ(read(store, shard), (Values{shard}));
  EXPECT_EQ(*bad.alive, 0);
}

TEST(Shards, ATrapCostsTheStateOfItsShardOnlyAndARollbackBringsTheEarlierOneBack) {
  Fixture f;
  auto store = f.start({.instances = InstancePolicy::shards(2)});
  for (std::uint32_t shard = 0; shard < 2; ++shard) ASSERT_TRUE(append(store, shard, 10 + shard));
  ASSERT_TRUE(store.workload().swap(journal_version({.digest = "sha256:2"}), WayBack::kKeep));
  ASSERT_TRUE(append(store, 1, 21));
  EXPECT_FALSE(store.call({.shard = 0}, [](Journal& j) { return j.trap(); }));
  EXPECT_EQ(read(store, 0), (Values{}));
  EXPECT_EQ(read(store, 1), (Values{11, 21}));
  const auto back = store.workload().roll_back("sha256:2", "it traps");
  ASSERT_TRUE(back) << back.error().to_string();
  EXPECT_TRUE(back->earlier_state);
  EXPECT_EQ(read(store, 0), (Values{10})) << "what it was given";
  EXPECT_EQ(read(store, 1), (Values{11, 21})) << "what it had";
}

TEST(Shards, AStopRefusesThoseWhoWait) {
  Fixture f;
  Behaviour a{.latch = std::make_shared<Latch>()};
  auto store = f.start({.instances = InstancePolicy::shards(2)}, a);
  std::jthread held([&] { EXPECT_TRUE(store.call({.shard = 0}, [](Journal& j) { return j.wait(); })); });
  a.latch->await_arrivals(1);
  std::jthread first([&] { EXPECT_EQ(append(store, 0, 2).error().code(), Code::kUnavailable); });
  std::jthread second([&] { EXPECT_EQ(append_async(store, 0, 3).error().code(), Code::kUnavailable); });
  while (store.workload().status().queued < 2) std::this_thread::yield();
  std::jthread stopping([&] { EXPECT_TRUE(store.workload().stop()); });
  first.join();
  second.join();
  a.latch->open();
  stopping.join();
  EXPECT_EQ(append(store, 1, 4).error().code(), Code::kUnavailable);
}

TEST(Shards, AreRefusedWhereThereMustBeOneInstance) {
  Fixture f;
  auto store = f.start({.instances = InstancePolicy::shards(2)});
  EXPECT_EQ(store.workload().start_shadow(journal_version({.digest = "sha256:2"}), 1).error().code(),
            Code::kFailedPrecondition);
  const auto many = f.host.start({.name = "many", .instances = InstancePolicy::shards(kMaxShards + 1)},
                                 journal_version({}));
  EXPECT_THAT(many.error().message(), HasSubstr("write a number from 1 to 256"));
}

// Swaps under load, by callers that block and such that do not: each shard has each caller's numbers once
// and in order.
TEST(Shards, SwapsLoseAndReorderNothing) {
  Fixture f(2);
  constexpr std::uint32_t kShards = 3;
  constexpr std::uint64_t kCallers = 4;
  auto store = f.start({.instances = InstancePolicy::shards(kShards)});
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> failed{0}, calls{0};
  std::vector<std::jthread> callers;
  for (std::uint64_t c = 0; c < kCallers; ++c) {
    callers.emplace_back([&, c] {
      for (std::uint64_t i = 0; !stop; ++i, ++calls) {
        const auto shard = static_cast<std::uint32_t>(i % kShards);
        const std::uint64_t value = c << 32 | i;
        if (!(c % 2 == 0 ? append(store, shard, value) : append_async(store, shard, value))) ++failed;
      }
    });
  }
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(store.workload().swap(journal_version({.digest = "sha256:next" + std::to_string(i)})));
    std::this_thread::sleep_for(200us);
  }
  stop = true;
  callers.clear();
  EXPECT_EQ(failed, 0u);
  std::uint64_t there = 0;
  for (std::uint32_t shard = 0; shard < kShards; ++shard) {
    std::vector<std::uint64_t> next(kCallers, shard);
    for (const std::uint64_t value : read(store, shard)) {
      EXPECT_EQ(value & 0xffffffff, next[value >> 32]);
      next[value >> 32] += kShards;
      ++there;
    }
  }
  EXPECT_EQ(there, calls);
}

}  // namespace
}  // namespace berth::host::test

// Improving: better code takes over, and no state is lost for it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "host/test_guest.h"

namespace berth::host::test {
namespace {

using ::testing::HasSubstr;
using Improved = Workload::Improved;

// The same digest, told apart by its instances.
struct Tiered {
  explicit Tiered(Tier tier, bool handover = true) : about{.handover = handover, .tier = tier} {
    about.alive = std::make_shared<std::atomic<int>>(0);
    about.made = std::make_shared<std::atomic<int>>(0);
  }
  [[nodiscard]] std::shared_ptr<const Version> version() const { return journal_version(about); }
  Behaviour about;
};

class Improve : public testing::Test {
 protected:
  Typed<Journal> start(InstancePolicy policy, Handover handover = Handover::kAuto) {
    return f_.start({.instances = policy, .handover = handover}, quick_.about);
  }
  Fixture f_;
  Tiered quick_{Tier::kWinch};
  Tiered good_{Tier::kCranelift};
};

TEST_F(Improve, FreshAndPooledInstancesAreReplaced) {
  for (const InstancePolicy policy : {InstancePolicy::fresh(), InstancePolicy::pool(4)}) {
    Fixture f;
    const Tiered quick(Tier::kWinch, false);
    const Tiered good(Tier::kCranelift, false);
    auto store = f.start({.instances = policy}, quick.about);
    append(store, 1);
    EXPECT_EQ(store.workload().status().current.tier, Tier::kWinch);
    const auto improved = store.workload().improve(good.version());
    ASSERT_TRUE(improved) << improved.error().to_string();
    EXPECT_EQ(improved->result, Improved::kDone);
    EXPECT_EQ(store.workload().status().current.tier, Tier::kCranelift);
    const int made = *good.about.made;
    append(store, 2);
    EXPECT_GE(*good.about.made, made);
    while (*quick.about.alive != 0) std::this_thread::yield();
    // Nobody asked for a swap, and the counts of the version go on.
    const auto status = store.workload().status();
    EXPECT_EQ(status.swaps_ok, 0u);
    EXPECT_FALSE(status.last_swap);
    EXPECT_EQ(status.calls[static_cast<std::size_t>(Outcome::kOk)], 2u);
  }
}

TEST_F(Improve, TheStateOfTheOnlyInstanceMovesOver) {
  auto store = start(InstancePolicy::one());
  append(store, 7);
  const auto improved = store.workload().improve(good_.version());
  ASSERT_TRUE(improved) << improved.error().to_string();
  EXPECT_EQ(improved->result, Improved::kDone);
  EXPECT_EQ(improved->report.handed_over, 8u);
  EXPECT_EQ(read(store), std::vector<std::uint64_t>{7});
  EXPECT_EQ(*good_.about.alive, 1);
}

TEST_F(Improve, StateThatCannotMoveStays) {
  quick_.about.handover = good_.about.handover = false;
  auto store = start(InstancePolicy::one());
  append(store, 7);
  const auto improved = store.workload().improve(good_.version());
  ASSERT_TRUE(improved);
  EXPECT_EQ(improved->result, Improved::kKept);
  EXPECT_EQ(read(store), std::vector<std::uint64_t>{7});
  EXPECT_EQ(store.workload().status().current.tier, Tier::kWinch);
  EXPECT_EQ(*good_.about.made, 0);
}

TEST_F(Improve, StateThatTheOperatorDoesNotWantMovedStays) {
  auto store = start(InstancePolicy::one(), Handover::kOff);
  append(store, 7);
  EXPECT_EQ(store.workload().improve(good_.version())->result, Improved::kKept);
  EXPECT_EQ(read(store), std::vector<std::uint64_t>{7});
}

TEST_F(Improve, AnotherComponentThatServesByNowIsLeftAlone) {
  auto store = start(InstancePolicy::fresh());
  ASSERT_TRUE(store.workload().swap(journal_version({.digest = "sha256:2"})));
  EXPECT_EQ(store.workload().improve(good_.version())->result, Improved::kOutdated);
  EXPECT_EQ(store.workload().status().current.digest, "sha256:2");
  EXPECT_EQ(*good_.about.made, 0);
}

TEST_F(Improve, CodeThatDoesNotStartIsRefused) {
  auto store = start(InstancePolicy::one());
  append(store, 7);
  good_.about.instantiate_error = "start trapped";
  const auto improved = store.workload().improve(good_.version());
  ASSERT_FALSE(improved);
  EXPECT_THAT(improved.error().message(), HasSubstr("start trapped"));
  EXPECT_EQ(read(store), std::vector<std::uint64_t>{7});
  EXPECT_EQ(store.workload().status().swaps_failed, 0u);
}

TEST_F(Improve, NoCallIsLostUnderLoad) {
  auto store = start(InstancePolicy::one());
  std::atomic<bool> stop = false;
  std::uint64_t appended = 0;
  std::jthread caller([&] {
    while (!stop) {
      ASSERT_TRUE(store.call({}, [&](Journal& j) { return j.append(appended); }));
      ++appended;
    }
  });
  for (int i = 0; i < 50; ++i) {
    const auto improved = store.workload().improve(Tiered(Tier::kCranelift).version());
    EXPECT_TRUE(improved) << improved.error().to_string();
  }
  stop = true;
  caller.join();
  std::vector<std::uint64_t> expected(appended);
  for (std::uint64_t i = 0; i < appended; ++i) expected[i] = i;
  EXPECT_EQ(read(store), expected);
}

}  // namespace
}  // namespace berth::host::test

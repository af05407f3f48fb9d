// Gate: admission, order of waiting, generations.
#include "host/gate.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace berth::host {
namespace {

struct Recorder final : Gate::Waiter {
  Recorder(int id, std::vector<int>* order) : id(id), order(order) {}
  void admitted(Generation g) noexcept override {
    generation = g;
    order->push_back(id);
  }
  void refused() noexcept override { order->push_back(-id); }
  int id;
  std::vector<int>* order;
  Generation generation = 0;
};

TEST(Gate, AdmitsUpToItsLimitAndQueuesTheRestInOrder) {
  Gate gate(2, 2);
  Generation g = 0;
  std::vector<int> order;
  EXPECT_TRUE(gate.try_enter());
  EXPECT_TRUE(gate.try_enter());
  EXPECT_FALSE(gate.try_enter());
  Recorder one(1, &order), two(2, &order), three(3, &order);
  EXPECT_EQ(gate.enter_or_wait(one, &g), Gate::Entry::kQueued);
  EXPECT_EQ(gate.enter_or_wait(two, &g), Gate::Entry::kQueued);
  EXPECT_EQ(gate.enter_or_wait(three, &g), Gate::Entry::kBusy);
  EXPECT_EQ(gate.queued(), 2u);
  gate.leave(0);
  EXPECT_EQ(order, (std::vector{1}));
  EXPECT_FALSE(gate.try_enter()) << "nobody overtakes a waiting caller";
  gate.leave(0);
  gate.leave(0);
  EXPECT_EQ(order, (std::vector{1, 2}));
  EXPECT_TRUE(gate.try_enter());
}

TEST(Gate, AQueueOfZeroRefusesAtOnceAndRecovers) {
  Gate gate(1, 0);
  Generation g = 0;
  std::vector<int> order;
  Recorder one(1, &order);
  ASSERT_TRUE(gate.try_enter());
  EXPECT_EQ(gate.enter_or_wait(one, &g), Gate::Entry::kBusy);
  gate.leave(0);
  EXPECT_TRUE(gate.try_enter());
}

TEST(Gate, ClosedItHoldsEverybodyBackUntilOpened) {
  Gate gate(2, 8);
  Generation g = 0;
  std::vector<int> order;
  ASSERT_TRUE(gate.try_enter());
  gate.close();
  Recorder one(1, &order), two(2, &order), three(3, &order);
  EXPECT_EQ(gate.enter_or_wait(one, &g), Gate::Entry::kQueued);
  EXPECT_EQ(gate.enter_or_wait(two, &g), Gate::Entry::kQueued);
  EXPECT_EQ(gate.enter_or_wait(three, &g), Gate::Entry::kQueued);
  EXPECT_FALSE(gate.wait_idle(std::chrono::steady_clock::now() + std::chrono::milliseconds(5)));
  gate.leave(0);
  EXPECT_TRUE(gate.wait_idle(std::chrono::steady_clock::now()));
  EXPECT_TRUE(order.empty());
  EXPECT_EQ(gate.publish().running, 0u);
  EXPECT_TRUE(order.empty());
  gate.open();
  EXPECT_EQ(order, (std::vector{1, 2}));
  EXPECT_EQ(one.generation, 1);
  gate.leave(1);
  EXPECT_EQ(order, (std::vector{1, 2, 3}));
}

TEST(Gate, PublishingLetsCallsFinishOnTheirGeneration) {
  Gate gate(2, 0);
  ASSERT_EQ(gate.try_enter(), Generation{0});
  ASSERT_EQ(gate.try_enter(), Generation{0});
  const Gate::Past past = gate.publish();
  EXPECT_EQ(past.generation, 0);
  EXPECT_EQ(past.running, 2u);
  EXPECT_EQ(gate.try_enter(), Generation{1}) << "old calls do not take places of the new version";
  EXPECT_EQ(gate.leave(0), Gate::Left::kPast);
  EXPECT_EQ(gate.leave(1), Gate::Left::kCurrent);
  EXPECT_EQ(gate.leave(0), Gate::Left::kPastLast);
}

TEST(Gate, StoppingRefusesTheWaitingAndTheNew) {
  Gate gate(1, 4);
  Generation g = 0;
  std::vector<int> order;
  ASSERT_TRUE(gate.try_enter());
  Recorder one(1, &order), two(2, &order);
  EXPECT_EQ(gate.enter_or_wait(one, &g), Gate::Entry::kQueued);
  gate.stop();
  EXPECT_EQ(order, (std::vector{-1}));
  EXPECT_EQ(gate.enter_or_wait(two, &g), Gate::Entry::kStopped);
  gate.leave(0);
  EXPECT_TRUE(gate.wait_idle(std::chrono::steady_clock::now()));
  EXPECT_FALSE(gate.try_enter());
}

TEST(Gate, ARemovedWaiterIsNotCalled) {
  Gate gate(1, 4);
  Generation g = 0;
  std::vector<int> order;
  ASSERT_TRUE(gate.try_enter());
  Recorder one(1, &order), two(2, &order), three(3, &order);
  for (auto* waiter : {&one, &two, &three}) ASSERT_EQ(gate.enter_or_wait(*waiter, &g), Gate::Entry::kQueued);
  EXPECT_TRUE(gate.remove(two));
  EXPECT_FALSE(gate.remove(two));
  EXPECT_TRUE(gate.remove(three));
  gate.leave(0);
  EXPECT_EQ(order, (std::vector{1}));
  EXPECT_FALSE(gate.remove(one));
  gate.leave(0);
  EXPECT_TRUE(gate.try_enter()) << "an empty queue gives the fast path back";
}

// Threads enter and leave while another publishes: the counts add up, and the last call of each
// generation is told so exactly once.
TEST(Gate, CountsAddUpUnderLoad) {
  constexpr std::uint32_t kLimit = 3;
  constexpr int kThreads = 4;
  constexpr int kRounds = 20'000;
  constexpr int kPublishes = 40;  // fewer than kMaxLiveVersions: no entry is used twice
  Gate gate(kLimit, 0);
  std::atomic<std::uint32_t> inside{0};
  std::atomic<int> lasts{0}, entered{0};
  std::atomic<int> with_past{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int r = 0; r < kRounds; ++r) {
        const auto g = gate.try_enter();
        if (!g) continue;
        ++entered;
        ++inside;
        --inside;
        if (gate.leave(*g) == Gate::Left::kPastLast) ++lasts;
      }
    });
  }
  for (int i = 0; i < kPublishes; ++i) {
    if (gate.publish().running > 0) ++with_past;
    std::this_thread::yield();
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(gate.running(), 0u);
  EXPECT_EQ(inside, 0u);
  EXPECT_GT(entered, 0);
  EXPECT_EQ(lasts, with_past);
}

}  // namespace
}  // namespace berth::host

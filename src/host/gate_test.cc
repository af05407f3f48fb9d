// Gate: admission, order of waiting, generations.
#include "host/gate.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace berth::host {
namespace {

constexpr Ticket kTicket = 0;

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
  EXPECT_EQ(gate.enter_or_wait(one, kTicket, &g), Gate::Entry::kQueued);
  EXPECT_EQ(gate.enter_or_wait(two, kTicket, &g), Gate::Entry::kQueued);
  EXPECT_EQ(gate.enter_or_wait(three, kTicket, &g), Gate::Entry::kBusy);
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
  EXPECT_EQ(gate.enter_or_wait(one, kTicket, &g), Gate::Entry::kBusy);
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
  EXPECT_EQ(gate.enter_or_wait(one, kTicket, &g), Gate::Entry::kQueued);
  EXPECT_EQ(gate.enter_or_wait(two, kTicket, &g), Gate::Entry::kQueued);
  EXPECT_EQ(gate.enter_or_wait(three, kTicket, &g), Gate::Entry::kQueued);
  EXPECT_FALSE(gate.wait_idle(std::chrono::steady_clock::now() + std::chrono::milliseconds(5)));
  gate.leave(0);
  EXPECT_TRUE(gate.wait_idle(std::chrono::steady_clock::now()));
  EXPECT_TRUE(order.empty());
  EXPECT_EQ(gate.publish(1).running, 0u);
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
  const Gate::Past past = gate.publish(1);
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
  EXPECT_EQ(gate.enter_or_wait(one, kTicket, &g), Gate::Entry::kQueued);
  gate.stop();
  EXPECT_EQ(order, (std::vector{-1}));
  EXPECT_EQ(gate.enter_or_wait(two, kTicket, &g), Gate::Entry::kStopped);
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
  for (auto* waiter : {&one, &two, &three})
    ASSERT_EQ(gate.enter_or_wait(*waiter, kTicket, &g), Gate::Entry::kQueued);
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
    if (gate.publish(next_generation(gate.generation())).running > 0) ++with_past;
    std::this_thread::yield();
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(gate.running(), 0u);
  EXPECT_EQ(inside, 0u);
  EXPECT_GT(entered, 0);
  EXPECT_EQ(lasts, with_past);
}

constexpr Share kHalf{.below = std::uint64_t{1} << 31, .places = 2};
constexpr Ticket kLow = 0, kHigh = 0xffffffff;

TEST(Gate, ASplitSendsTheTicketsBelowItsShareToTheCandidate) {
  Gate gate(2, 0);
  ASSERT_EQ(gate.try_enter(), Generation{0});
  gate.split(7, kHalf);
  EXPECT_FALSE(gate.try_enter()) << "the fast path is for a gate that is not split";
  EXPECT_EQ(gate.try_enter(kLow), Generation{7});
  EXPECT_EQ(gate.try_enter((Ticket{1} << 31) - 1), Generation{7});
  EXPECT_EQ(gate.try_enter(Ticket{1} << 31), Generation{0});
  EXPECT_FALSE(gate.try_enter(kHigh)) << "both places of the current generation are taken";
  EXPECT_FALSE(gate.try_enter(kLow)) << "and both of the candidate";
  const Gate::Counts counts = gate.counts();
  EXPECT_EQ(counts.running, 2u);
  EXPECT_EQ(counts.on_candidate, 2u);
  EXPECT_EQ(counts.candidate, Generation{7});
  EXPECT_EQ(gate.leave(0), Gate::Left::kCurrent);
  EXPECT_EQ(gate.try_enter(kLow), Generation{0}) << "the candidate's places are taken: the call goes on";
  EXPECT_EQ(gate.leave(7), Gate::Left::kCurrent);
  EXPECT_EQ(gate.leave(7), Gate::Left::kCurrent);
  EXPECT_EQ(gate.leave(0), Gate::Left::kCurrent);
  EXPECT_EQ(gate.leave(0), Gate::Left::kCurrent);
}

TEST(Gate, PromotionMakesTheCandidateCurrentWithTheCallsItHas) {
  Gate gate(2, 0);
  gate.split(1, kHalf);
  ASSERT_EQ(gate.try_enter(kLow), Generation{1});
  ASSERT_EQ(gate.try_enter(kHigh), Generation{0});
  const Gate::Past past = gate.promote();
  EXPECT_EQ(past.generation, 0);
  EXPECT_EQ(past.running, 1u);
  EXPECT_EQ(gate.generation(), 1);
  EXPECT_EQ(gate.running(), 1u);
  EXPECT_EQ(gate.try_enter(), Generation{1}) << "the fast path is back";
  EXPECT_EQ(gate.leave(0), Gate::Left::kPastLast);
  EXPECT_EQ(gate.leave(1), Gate::Left::kCurrent);
  EXPECT_EQ(gate.leave(1), Gate::Left::kCurrent);
}

TEST(Gate, AnEndedSplitLetsTheCandidatesCallsFinish) {
  Gate gate(2, 0);
  gate.split(1, kHalf);
  ASSERT_EQ(gate.try_enter(kLow), Generation{1});
  ASSERT_EQ(gate.try_enter(kLow), Generation{1});
  ASSERT_EQ(gate.try_enter(kHigh), Generation{0});
  const Gate::Past past = gate.unsplit();
  EXPECT_EQ(past.generation, 1);
  EXPECT_EQ(past.running, 2u);
  EXPECT_EQ(gate.running(), 1u);
  EXPECT_EQ(gate.try_enter(), Generation{0});
  EXPECT_EQ(gate.leave(1), Gate::Left::kPast);
  EXPECT_EQ(gate.leave(1), Gate::Left::kPastLast);
}

TEST(Gate, AWaitingCallEntersItsSideOfASplitInOrder) {
  Gate gate(1, 8);
  Generation g = 0;
  std::vector<int> order;
  ASSERT_TRUE(gate.try_enter());
  Recorder one(1, &order), two(2, &order), three(3, &order);
  ASSERT_EQ(gate.enter_or_wait(one, kLow, &g), Gate::Entry::kQueued);
  ASSERT_EQ(gate.enter_or_wait(two, kHigh, &g), Gate::Entry::kQueued);
  ASSERT_EQ(gate.enter_or_wait(three, kLow, &g), Gate::Entry::kQueued);
  gate.split(1, kHalf);
  EXPECT_EQ(order, (std::vector{1})) << "the split has a place; the second wants the other side";
  EXPECT_EQ(one.generation, 1);
  gate.leave(1);
  EXPECT_EQ(order, (std::vector{1})) << "nobody overtakes";
  gate.leave(0);
  EXPECT_EQ(order, (std::vector{1, 2, 3}));
  EXPECT_EQ(two.generation, 0);
  EXPECT_EQ(three.generation, 1);
  gate.leave(0);
  gate.leave(1);
}

TEST(Gate, GenerationsGoRound) {
  Gate gate(1, 0);
  for (int i = 0; i < 2 * kGenerations; ++i) {
    const Generation before = gate.generation();
    ASSERT_EQ(gate.publish(next_generation(before)).generation, before);
    const auto g = gate.try_enter();
    ASSERT_EQ(g, next_generation(before));
    ASSERT_EQ(gate.leave(*g), Gate::Left::kCurrent);
  }
}

// As above, with splits that are promoted or ended: no count is lost on either side.
TEST(Gate, CountsAddUpWhileSplitsComeAndGo) {
  constexpr int kThreads = 4, kRounds = 20'000, kSplits = 40;
  Gate gate(3, 0);
  std::atomic<int> lasts{0}, with_past{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int r = 0; r < kRounds; ++r) {
        auto g = gate.try_enter();
        if (!g) g = gate.try_enter(static_cast<Ticket>(r * kThreads + i) << 16);
        if (g && gate.leave(*g) == Gate::Left::kPastLast) ++lasts;
      }
    });
  }
  Generation last = 0;
  for (int i = 0; i < kSplits; ++i) {
    last = next_generation(last);
    gate.split(last, kHalf);
    std::this_thread::yield();
    if ((i % 2 == 0 ? gate.promote() : gate.unsplit()).running > 0) ++with_past;
    std::this_thread::yield();
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(gate.running(), 0u);
  EXPECT_EQ(gate.counts().on_candidate, 0u);
  EXPECT_EQ(lasts, with_past);
}

}  // namespace
}  // namespace berth::host

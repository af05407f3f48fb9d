// Hostile guests, swapped: a version that traps, hangs or lies while state is handed over costs no
// call, and no neighbour notices.
#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "host/call.h"
#include "host/component/binder.h"
#include "host/component/loader.h"
#include "host/host.h"
#include "telemetry/metrics.h"
#include "tests/hostile/victim.h"

namespace berth::hostile {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using U32 = std::uint32_t;

// Long, so that a busy machine does not decide the test.
constexpr auto kCallLimit = 1s;
constexpr int kAttacks = 3;

// A thread that runs what is posted.
class Worker final : public Executor {
 public:
  ~Worker() override {
    post(nullptr);
    thread_.join();
  }
  void post(std::move_only_function<void()> work) override {
    std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
    posted_.notify_one();
  }

 private:
  void run() {
    for (;;) {
      std::unique_lock lock(mutex_);
      posted_.wait(lock, [this] { return !work_.empty(); });
      auto work = std::move(work_.front());
      work_.pop_front();
      lock.unlock();
      if (!work) return;
      work();
    }
  }
  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::move_only_function<void()>> work_;
  std::thread thread_{[this] { run(); }};
};

// The exports of keeper.wat and its hostile brothers.
class Keeper {
 public:
  explicit Keeper(abi::Instance& instance) : instance_(instance) {}
  Result<U32> call(std::string_view name) {
    abi::Export function = BERTH_TRY(abi::Call<U32>::find(instance_.pre(), "", name, "func() -> u32"));
    return abi::Call<U32>::run(instance_, function, name);
  }

 private:
  abi::Instance& instance_;
};

class SwapTest : public testing::Test {
 protected:
  void SetUp() override {
    auto engine = abi::Engine::create(engine_options());
    ASSERT_TRUE(engine) << engine.error().to_string();
    loader_.emplace(*engine, worker_, std::vector<host::CapabilityInfo>{});
    host_.emplace(worker_, metrics_);
  }

  Result<std::shared_ptr<const host::Version>> version(std::string_view guest) {
    std::vector<std::uint8_t> bytes = guest_binary(guest);
    const artifact::Digest digest = artifact::Digest::of(bytes).value();
    host::LoadRequest request;
    request.workload = guest;
    request.limits = limits();
    request.binder = host::bind_as<Keeper>(
        [](const abi::Pre&) -> Result<void> { return {}; },
        [](abi::Instance& i) -> Result<std::unique_ptr<Keeper>> { return std::make_unique<Keeper>(i); });
    return loader_->load({.source = std::string(guest), .digest = digest, .bytes = std::move(bytes)},
                         request);
  }

  static host::WorkloadLimits limits() {
    host::WorkloadLimits limits;
    limits.memory_bytes = kMaxMemoryBytes;
    limits.call = kCallLimit;
    return limits;
  }

  std::shared_ptr<host::Workload> start(std::string name, std::string_view guest,
                                        host::InstancePolicy policy) {
    auto first = version(guest);
    if (!first) return ADD_FAILURE() << first.error().to_string(), nullptr;
    host::WorkloadSpec spec;
    spec.name = std::move(name);
    spec.instances = policy;
    spec.limits = limits();
    spec.drain = 1s;
    auto workload = host_->start(std::move(spec), *first);
    if (!workload) return ADD_FAILURE() << workload.error().to_string(), nullptr;
    return *workload;
  }

  static Result<U32> call(const std::shared_ptr<host::Workload>& workload, std::string_view name) {
    auto typed = BERTH_TRY(host::Typed<Keeper>::of(workload));
    return typed.call({}, [&](Keeper& keeper) { return keeper.call(name); });
  }

  // A keeper that has counted to three, swapped for `next`: it must fail with `words` in time, and the
  // keeper go on counting where it was.
  void expect_keeps_counting(std::string_view next, std::string_view words) {
    auto workload = start("keeper", "keeper", host::InstancePolicy::one());
    ASSERT_TRUE(workload);
    for (U32 n = 1; n <= 3; ++n) EXPECT_EQ(call(workload, "count").value_or(0), n);
    auto candidate = version(next);
    ASSERT_TRUE(candidate) << candidate.error().to_string();

    const auto begin = std::chrono::steady_clock::now();
    auto report = workload->swap(*candidate);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, kCallLimit + 2s);
    ASSERT_FALSE(report);
    EXPECT_THAT(report.error().message(), HasSubstr(words));

    EXPECT_EQ(call(workload, "count").value_or(0), 4u) << "the old version lost its state";
    const host::WorkloadStatus status = workload->status();
    EXPECT_EQ(status.swaps_failed, 1u);
    ASSERT_TRUE(status.last_swap);
    EXPECT_FALSE(status.last_swap->ok);
    EXPECT_FALSE(status.last_swap->error.empty());
  }

  // `old` fails while it saves: its instance is gone, but not its service, and the next swap is not
  // hindered by it.
  void expect_serves_anew(std::string_view old, std::string_view words) {
    auto workload = start("keeper", old, host::InstancePolicy::one());
    ASSERT_TRUE(workload);
    for (U32 n = 1; n <= 3; ++n) EXPECT_EQ(call(workload, "count").value_or(0), n);
    auto candidate = version("keeper");
    ASSERT_TRUE(candidate) << candidate.error().to_string();
    auto report = workload->swap(*candidate);
    ASSERT_FALSE(report);
    EXPECT_THAT(report.error().message(), HasSubstr(words));
    Result<U32> next = call(workload, "count");
    ASSERT_TRUE(next) << next.error().to_string();
    EXPECT_EQ(*next, 1u);  // a new instance of the old version
    EXPECT_EQ(call(workload, "ping").value_or(0), 7u);
  }

  telemetry::Metrics metrics_;
  Worker worker_;
  std::optional<host::Loader> loader_;
  std::optional<host::Host> host_;
};

TEST_F(SwapTest, AnHonestHandOverKeepsTheCount) {
  auto workload = start("keeper", "keeper", host::InstancePolicy::one());
  ASSERT_TRUE(workload);
  for (U32 n = 1; n <= 3; ++n) EXPECT_EQ(call(workload, "count").value_or(0), n);
  auto candidate = version("save_trap");  // takes over honestly; it is hostile only when it goes
  ASSERT_TRUE(candidate) << candidate.error().to_string();
  auto report = workload->swap(*candidate);
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_EQ(report->handed_over.value_or(0), 4u);
  EXPECT_EQ(call(workload, "count").value_or(0), 4u);
}

TEST_F(SwapTest, TrapInSave) { expect_serves_anew("save_trap", "save"); }
TEST_F(SwapTest, HangInSave) { expect_serves_anew("save_loop", "save"); }
TEST_F(SwapTest, ForgedListFromSave) { expect_serves_anew("save_forged", "save"); }
TEST_F(SwapTest, TrapInRestore) { expect_keeps_counting("restore_trap", "restore"); }
TEST_F(SwapTest, HangInRestore) { expect_keeps_counting("restore_loop", "restore"); }
TEST_F(SwapTest, WrongAnswerFromRestore) { expect_keeps_counting("restore_bad_answer", "restore"); }

TEST_F(SwapTest, ANeighbourIsServedWhileAnotherWorkloadIsAttacked) {
  auto neighbour = start("neighbour", "keeper", host::InstancePolicy::one());
  auto victim = start("victim", "keeper", host::InstancePolicy::fresh());
  ASSERT_TRUE(neighbour && victim);
  std::atomic<int> stopped = 0;
  std::thread attacker([&] {
    for (int i = 0; i < kAttacks; ++i) {
      Result<U32> result = call(victim, "attack");
      stopped += !result && result.error().code() == Code::kDeadlineExceeded ? 1 : 0;
    }
  });
  std::chrono::nanoseconds longest{0};
  U32 served = 0;
  while (stopped < kAttacks && served < 100'000'000) {
    const auto begin = std::chrono::steady_clock::now();
    Result<U32> result = call(neighbour, "count");
    longest = std::max<std::chrono::nanoseconds>(longest, std::chrono::steady_clock::now() - begin);
    ASSERT_TRUE(result) << result.error().to_string();
    ASSERT_EQ(*result, ++served);
  }
  attacker.join();
  EXPECT_EQ(stopped, kAttacks);
  EXPECT_GT(served, 1'000u);
  EXPECT_LT(longest, kCallLimit) << "a neighbour waited for a hostile call";
  EXPECT_EQ(call(victim, "ping").value_or(0), 7u);
}

}  // namespace
}  // namespace berth::hostile

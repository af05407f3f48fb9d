// Bindings, asynchronous: fibre calls, host functions that wait, cancellation. Also a second world's
// bindings in the same program.
#include <atomic>
#include <chrono>
#include <mutex>

#include <bindings/every_async_bindings.h>
#include <gtest/gtest.h>

#include "tests/bindings/rig.h"

namespace berth::abi {
namespace {

namespace every = wit_async::every::test::every;

// Suspends until open() is called, from any thread.
class Gate {
 public:
  auto operator co_await() {
    struct Awaiter {
      Gate& gate;
      [[nodiscard]] bool await_ready() const { return false; }
      bool await_suspend(std::coroutine_handle<> h) {
        std::lock_guard lock(gate.mutex_);
        ++gate.arrived_;
        if (gate.open_) return false;
        gate.waiting_.push_back(h);
        return true;
      }
      void await_resume() const {}
    };
    return Awaiter{*this};
  }
  void open() {
    std::vector<std::coroutine_handle<>> all;
    {
      std::lock_guard lock(mutex_);
      open_ = true;
      all.swap(waiting_);
    }
    for (auto h : all) h.resume();
  }
  [[nodiscard]] int arrived() {
    std::lock_guard lock(mutex_);
    return arrived_;
  }

 private:
  std::mutex mutex_;
  bool open_ = false;
  int arrived_ = 0;
  std::vector<std::coroutine_handle<>> waiting_;
};

class SlowCounter final : public every::host::Counter {
 public:
  SlowCounter(std::uint32_t value, Gate& gate) : value_(value), gate_(gate) {}
  Result<std::uint32_t> next() override { return value_++; }
  Task<Result<std::uint32_t>> slow_next() override {
    co_await gate_;
    co_return value_++;
  }
  std::uint32_t value_;
  Gate& gate_;
};

// Only what these tests reach; the rest fails the call.
class Host final : public every::Host {
 public:
  using Counter = every::host::Counter;
  static std::unexpected<Error> none() { return fail(Code::kInternal, "not part of this test"); }
  Result<std::uint32_t> add(std::uint32_t a, std::uint32_t b) override { return a + b; }
  Result<std::tuple<bool, std::int8_t, std::uint8_t, std::int16_t, std::uint16_t, std::int32_t, std::uint32_t,
                    std::int64_t, std::uint64_t, float, double, char32_t>>
  scalars(bool, std::int8_t, std::uint8_t, std::int16_t, std::uint16_t, std::int32_t, std::uint32_t,
          std::int64_t, std::uint64_t, float, double, char32_t) override {
    return none();
  }
  Result<std::string> text(std::string_view s) override { return std::string(s); }
  Result<std::vector<std::uint8_t>> bytes(std::span<const std::uint8_t>) override { return none(); }
  Result<std::vector<std::uint64_t>> words(std::span<const std::uint64_t>) override { return none(); }
  Result<std::vector<bool>> bools(const std::vector<bool>&) override { return none(); }
  Result<std::vector<every::types::Mixed>> mixed_list(std::span<const every::types::Mixed>) override {
    return none();
  }
  Result<std::vector<every::types::Shape>> shapes(std::span<const every::types::Shape>) override {
    return none();
  }
  Result<every::types::Shape> one_shape(const every::types::Shape&) override { return none(); }
  Result<std::tuple<every::types::Color, every::types::Access>> colors(every::types::Color,
                                                                       every::types::Access) override {
    return none();
  }
  using Nested = std::optional<std::expected<std::vector<std::optional<std::string>>, every::types::Shape>>;
  Result<Nested> nested(const Nested&) override { return none(); }
  Result<std::string> many(std::string_view, std::string_view, std::string_view, std::string_view,
                           const every::types::Mixed&, std::uint64_t) override {
    return none();
  }
  Result<std::expected<std::string, every::types::Color>> fallible(std::string_view) override {
    return none();
  }
  Result<std::expected<void, std::monostate>> done(bool) override { return none(); }
  Task<Result<std::string>> slow(std::string s) override {
    if (s == "fail") co_return fail(Code::kUnavailable, "the backend is gone");
    if (s != "at once") co_await gate;
    finished.fetch_add(1);
    co_return "slow " + s;
  }
  Result<std::unique_ptr<Counter>> new_counter(std::uint32_t start) override {
    return std::make_unique<SlowCounter>(start, gate);
  }
  Result<std::unique_ptr<Counter>> counter_merge(std::unique_ptr<Counter> a, Counter& b) override {
    static_cast<SlowCounter&>(*a).value_ += static_cast<SlowCounter&>(b).value_;
    return a;
  }
  Result<std::optional<std::unique_ptr<Counter>>> first(std::vector<std::unique_ptr<Counter>> c) override {
    std::optional<std::unique_ptr<Counter>> out;
    if (!c.empty()) out = std::move(c.front());
    return out;
  }
  Result<std::uint32_t> sum(std::span<Counter* const> c) override {
    std::uint32_t total = 0;
    for (Counter* one : c) total += static_cast<SlowCounter*>(one)->value_;
    return total;
  }

  Gate gate;
  std::atomic<int> finished = 0;
};

struct Running {
  std::shared_ptr<InstanceState> state;
  std::unique_ptr<Instance> instance;
  std::optional<every::GuestExport> guest;
};

class EveryAsync : public testing::Test {
 protected:
  void SetUp() override {
    auto engine = Engine::create({.max_instances = 64});
    ASSERT_TRUE(engine) << engine.error().to_string();
    auto component = Component::compile(*engine, rig::read_guest("every"));
    ASSERT_TRUE(component) << component.error().to_string();
    auto linker = Linker::create(*engine);
    ASSERT_TRUE(linker);
    ASSERT_TRUE(every::Host::add_to_linker(*linker));
    auto pre = linker->link(*component);
    ASSERT_TRUE(pre) << pre.error().to_string();
    pre_ = *pre;
    EXPECT_TRUE(pre_->is_async());
    ASSERT_TRUE(every::GuestExport::check(*pre_));
  }
  Running start() {
    Running r;
    r.state = InstanceState::create();
    r.state->provide<every::Host>(host_);
    auto instance = rig::wait(Instance::create_async(pre_, r.state, {.executor = &threads_}));
    EXPECT_TRUE(instance) << instance.error().to_string();
    r.instance = std::move(*instance);
    auto guest = every::GuestExport::create(*r.instance);
    EXPECT_TRUE(guest) << guest.error().to_string();
    r.guest.emplace(*guest);
    return r;
  }
  void wait_for_arrivals(int count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (host_.gate.arrived() < count && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    ASSERT_GE(host_.gate.arrived(), count);
  }

  std::shared_ptr<Host> shared_host_ = std::make_shared<Host>();
  Host& host_ = *shared_host_;
  std::shared_ptr<const Pre> pre_;
  rig::Threads threads_{2};
};

TEST_F(EveryAsync, InlineCallsAreRefused) {
  Running r = start();
  EXPECT_EQ(r.guest->add(1, 2).error().code(), Code::kInvalidArgument);
}

TEST_F(EveryAsync, FibreCallsOfSynchronousFunctions) {
  Running r = start();
  EXPECT_EQ(rig::wait(r.guest->add_async(1, 2)).value(), 3u);
  EXPECT_EQ(rig::wait(r.guest->text_async("hello")).value(), "hello");
}

TEST_F(EveryAsync, AnAnswerAtOnce) {
  Running r = start();
  EXPECT_EQ(rig::wait(r.guest->slow_async("at once")).value(), "slow at once");
}

TEST_F(EveryAsync, AWaitingGuestHoldsNoThread) {
  constexpr int kGuests = 32;  // 2 threads
  std::vector<Running> running;
  std::atomic<int> right = 0;
  std::atomic<int> done = 0;
  for (int i = 0; i < kGuests; ++i) running.push_back(start());
  for (int i = 0; i < kGuests; ++i) {
    threads_.post([&, i] {
      detach(running[static_cast<std::size_t>(i)].guest->slow_async(std::to_string(i)),
             [&, i](Result<std::string> s) {
               if (s && *s == "slow " + std::to_string(i)) right.fetch_add(1);
               done.fetch_add(1);
             });
    });
  }
  wait_for_arrivals(kGuests);
  EXPECT_EQ(done.load(), 0);
  host_.gate.open();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (done.load() < kGuests && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(right.load(), kGuests);
}

TEST_F(EveryAsync, ResourcesWithAsynchronousMethods) {
  Running r = start();
  std::jthread opener([this] {
    wait_for_arrivals(1);
    host_.gate.open();
  });
  EXPECT_EQ(rig::wait(r.guest->use_counters_async(10)).value(), 10u + 100 + (112 + 101) + 112);
  EXPECT_EQ(r.state->resources().size(), 0u);
}

TEST_F(EveryAsync, GuestResourcesOnFibres) {
  Running r = start();
  auto note = rig::wait(r.guest->new_note_async("one"));
  ASSERT_TRUE(note) << note.error().to_string();
  EXPECT_EQ(rig::wait(r.guest->note_append_async(**note, " two")).value(), 7u);
  EXPECT_EQ(rig::wait(r.guest->length_async(**note)).value(), 7u);
}

TEST_F(EveryAsync, AFailedAsynchronousHostFunctionKeepsItsError) {
  Running r = start();
  auto failed = rig::wait(r.guest->slow_async("fail"));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), Code::kUnavailable);
  EXPECT_EQ(r.state->failure().kind, FailureKind::kHost);
}

TEST_F(EveryAsync, CancelEndsAWaitingCall) {
  Running r = start();
  std::jthread canceller([&] {
    wait_for_arrivals(1);
    r.instance->cancel(FailureKind::kLimitTime);
  });
  auto cancelled = rig::wait(r.guest->slow_async("never"));
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code(), Code::kDeadlineExceeded);
  EXPECT_TRUE(r.state->failure().by_limit());
  EXPECT_TRUE(r.instance->dead());
  EXPECT_TRUE(r.state->stop_token().stop_requested());
  // The abandoned call still runs, after its instance is gone, and keeps the state until its end.
  std::weak_ptr<InstanceState> state = r.state;
  r = Running();
  EXPECT_FALSE(state.expired());
  host_.gate.open();
  EXPECT_EQ(host_.finished.load(), 1);
  EXPECT_TRUE(state.expired());
}

TEST_F(EveryAsync, AnAbandonedMethodMayStillUseItsResource) {
  Running r = start();
  std::jthread canceller([&] {
    wait_for_arrivals(1);
    r.instance->cancel();
  });
  auto cancelled = rig::wait(r.guest->use_counters_async(10));
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code(), Code::kCancelled);
  canceller.join();
  r = Running();
  host_.gate.open();  // slow_next goes on with a counter whose guest handle is gone
}

TEST_F(EveryAsync, CancelWithoutACallDoesNothing) {
  Running r = start();
  r.instance->cancel();
  EXPECT_EQ(rig::wait(r.guest->add_async(1, 2)).value(), 3u);
}

}  // namespace
}  // namespace berth::abi

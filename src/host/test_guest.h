// What the tests of this room share: a native guest with every behaviour they need, and an executor.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <expected>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/executor.h"
#include "host/call.h"
#include "host/host.h"
#include "host/test_pool.h"

namespace berth::host::test {

// A door that test guests wait at until the test opens it.
class Latch final {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  bool wait_for(std::chrono::nanoseconds time) {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    return changed_.wait_for(lock, time, [this] { return open_; });
  }
  // Until `count` guests have come to the door.
  void await_arrivals(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

// What the test guests export: a log of numbers.
class Journal {
 public:
  virtual ~Journal() = default;
  // Appends and returns how many there are.
  virtual Result<std::uint64_t> append(std::uint64_t value) = 0;
  virtual Result<std::vector<std::uint64_t>> read() = 0;
  virtual Result<std::string> version() = 0;
  virtual Result<void> trap() = 0;
  virtual Result<void> spin() = 0;                                      // ends only at its deadline
  virtual Result<void> wait() = 0;                                      // at the latch
  virtual Result<std::expected<void, std::string>> answer_error() = 0;  // a WIT result's error
  virtual Task<Result<std::uint64_t>> append_later(
      std::uint64_t value) = 0;            // after a trip through the executor
  virtual Task<Result<void>> sleep() = 0;  // waits until it is cancelled
};

struct Behaviour {
  std::string digest = "sha256:1";
  bool handover = true;
  bool probe = false;
  bool fibre = false;
  Tier tier = Tier::kNative;
  std::string probe_error;
  std::string instantiate_error;
  enum class Fault : std::uint8_t { kNone, kTrap, kError, kHang, kHuge } on_save = Fault::kNone, on_restore = Fault::kNone;
  std::shared_ptr<Latch> latch;                                                     // for wait()
  Executor* executor = nullptr;                                                     // for append_later()
  std::shared_ptr<std::atomic<int>> alive = std::make_shared<std::atomic<int>>(0);  // instances
  std::shared_ptr<std::atomic<int>> made = std::make_shared<std::atomic<int>>(0);
};

class JournalGuest final : public Guest, public Journal {
 public:
  explicit JournalGuest(const Behaviour& behaviour) : behaviour_(behaviour) {
    ++*behaviour_.alive;
    ++*behaviour_.made;
  }
  ~JournalGuest() override { --*behaviour_.alive; }

  void* exports() override { return static_cast<Journal*>(this); }
  bool dead() const override { return dead_; }
  std::uint64_t memory_bytes() const override { return 65'536 + values_.size() * sizeof(std::uint64_t); }
  void set_deadline(Deadline deadline) override { deadline_ = deadline; }
  void cancel(Cancel why) noexcept override {
    const std::lock_guard lock(mutex_);
    cancelled_ = why;
    if (sleeper_) behaviour_.executor->post([handle = std::exchange(sleeper_, {})] { handle.resume(); });
  }

  Result<std::uint64_t> append(std::uint64_t value) override {
    enter();
    values_.push_back(value);
    const std::uint64_t size = values_.size();
    leave();
    return size;
  }
  Result<std::vector<std::uint64_t>> read() override { return values_; }
  Result<std::string> version() override { return behaviour_.digest; }
  Result<void> trap() override { return die(Code::kTrap, "wasm `unreachable` instruction executed"); }
  Result<void> spin() override {
    std::this_thread::sleep_for(deadline_);
    return die(Code::kDeadlineExceeded, "the call's deadline passed");
  }
  Result<void> wait() override {
    behaviour_.latch->wait();
    return {};
  }
  Result<std::expected<void, std::string>> answer_error() override {
    return std::expected<void, std::string>(std::unexpect, "no such entry");
  }
  Task<Result<std::uint64_t>> append_later(std::uint64_t value) override {
    enter();
    struct Trip {
      Executor& executor;
      bool await_ready() const { return false; }
      void await_suspend(std::coroutine_handle<> handle) const {
        executor.post([handle] { handle.resume(); });
      }
      void await_resume() const {}
    };
    co_await Trip{*behaviour_.executor};
    values_.push_back(value);
    const std::uint64_t size = values_.size();
    leave();
    co_return size;
  }
  Task<Result<void>> sleep() override {
    struct Sleep {
      JournalGuest& guest;
      bool await_ready() const { return false; }
      bool await_suspend(std::coroutine_handle<> handle) const {
        const std::lock_guard lock(guest.mutex_);
        if (guest.cancelled_) return false;
        guest.sleeper_ = handle;
        return true;
      }
      void await_resume() const {}
    };
    co_await Sleep{*this};
    const bool deadline = *cancelled_ == Cancel::kDeadline;
    co_return die(deadline ? Code::kDeadlineExceeded : Code::kCancelled,
                  deadline ? "the call's deadline passed" : "the call was cancelled");
  }

  Result<void> probe(Deadline) override {
    if (!behaviour_.probe_error.empty()) return fail(Code::kGuestError, behaviour_.probe_error);
    return {};
  }
  Result<std::vector<std::uint8_t>> save(Deadline deadline) override {
    if (auto fault = fail_as(behaviour_.on_save, deadline); !fault) return fail(std::move(fault).error());
    if (behaviour_.on_save == Behaviour::Fault::kHuge)
      return std::vector<std::uint8_t>(kMaxHandoverBytes + 1);
    std::vector<std::uint8_t> state(values_.size() * sizeof(std::uint64_t));
    if (!state.empty()) std::memcpy(state.data(), values_.data(), state.size());
    return state;
  }
  Result<void> restore(std::span<const std::uint8_t> state, Deadline deadline) override {
    if (auto fault = fail_as(behaviour_.on_restore, deadline); !fault) return fault;
    values_.resize(state.size() / sizeof(std::uint64_t));
    if (!state.empty()) std::memcpy(values_.data(), state.data(), state.size());
    return {};
  }

 private:
  // Two calls inside at once would be a fault of the host.
  void enter() {
    if (inside_.exchange(true)) std::abort();
  }
  void leave() { inside_.store(false); }
  std::unexpected<Error> die(Code code, std::string message) {
    dead_ = true;
    return fail(code, std::move(message));
  }
  Result<void> fail_as(Behaviour::Fault fault, Deadline deadline) {
    switch (fault) {
      case Behaviour::Fault::kNone:
      case Behaviour::Fault::kHuge: return {};
      case Behaviour::Fault::kTrap: return die(Code::kTrap, "wasm `unreachable` instruction executed");
      case Behaviour::Fault::kError: return fail(Code::kGuestError, "cannot read the state");
      case Behaviour::Fault::kHang:
        std::this_thread::sleep_for(deadline);
        return die(Code::kDeadlineExceeded, "the call's deadline passed");
    }
    return {};
  }

  Behaviour behaviour_;
  bool dead_ = false;
  Deadline deadline_{0};
  std::vector<std::uint64_t> values_;
  std::atomic<bool> inside_{false};
  std::mutex mutex_;
  std::optional<Cancel> cancelled_;
  std::coroutine_handle<> sleeper_;
};

inline std::shared_ptr<const Version> journal_version(Behaviour behaviour) {
  Version::About about{.digest = behaviour.digest,
                       .source = "native",
                       .exports = exports_type<Journal>(),
                       .fibre = behaviour.fibre,
                       .probe = behaviour.probe,
                       .handover = behaviour.handover,
                       .tier = behaviour.tier};
  return std::make_shared<NativeVersion>(std::move(about), [behaviour]() -> Result<std::unique_ptr<Guest>> {
    if (!behaviour.instantiate_error.empty()) return fail(Code::kTrap, behaviour.instantiate_error);
    return std::make_unique<JournalGuest>(behaviour);
  });
}

// A host with an executor, for one test.
struct Fixture {
  explicit Fixture(int threads = 2) : pool(threads), host(pool, metrics) {}

  Typed<Journal> start(WorkloadSpec spec, const Behaviour& behaviour = {}) {
    if (spec.name.empty()) spec.name = "store";
    auto workload = host.start(std::move(spec), journal_version(behaviour));
    if (!workload) throw std::runtime_error(workload.error().to_string());
    return *Typed<Journal>::of(*workload);
  }

  telemetry::Metrics metrics;
  Pool pool;
  Host host;
};

// What a store holds, which version answers, and one value more.
inline std::vector<std::uint64_t> read(const Typed<Journal>& store) {
  return store.call({}, [](Journal& j) { return j.read(); }).value();
}
inline std::string version(const Typed<Journal>& store, std::uint64_t key = 0) {
  return store.call({.key = key}, [](Journal& j) { return j.version(); }).value();
}
inline void append(const Typed<Journal>& store, std::uint64_t value) {
  ASSERT_TRUE(store.call({}, [&](Journal& j) { return j.append(value); }));
}

}  // namespace berth::host::test

// What the hostile tests share: an engine, the one interface hostile guests may import, and a guest
// loaded from its text.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "abi/bindings.h"
#include "abi/component.h"
#include "abi/engine.h"
#include "abi/instance.h"
#include "abi/linker.h"
#include "abi/state.h"

namespace berth::hostile {

struct Attack;

// The limits every hostile guest runs under.
inline constexpr std::uint64_t kMaxMemoryBytes = 4u << 20;
inline constexpr std::uint64_t kPageBytes = 64u << 10;
inline constexpr std::uint32_t kMaxTableElements = 1'000;
// For attacks that only a deadline ends.
inline constexpr std::uint64_t kDeadlineTicks = 50;
// For everything else: so long that a busy machine does not decide the test.
inline constexpr std::uint64_t kPatientTicks = 20'000;

// A host object; counts itself so that a test sees what is left.
class Thing final : public abi::Resource {
 public:
  static constexpr std::string_view kWitName = "berth:hostile/things#thing";
  static constexpr bool kGuest = false;
  explicit Thing(int& alive) : alive_(alive) { ++alive_; }
  ~Thing() override { --alive_; }

 private:
  int& alive_;
};

// interface things { resource thing; make: func() -> thing; take: func(thing: thing); use: func(thing:
// borrow<thing>) -> u32; } One thread at a time.
class Things final {
 public:
  Result<std::unique_ptr<Thing>> make() { return std::make_unique<Thing>(alive_); }
  Result<void> take(std::unique_ptr<Thing>) { return {}; }
  Result<std::uint32_t> use(Thing&) { return 1; }
  [[nodiscard]] int alive() const { return alive_; }

 private:
  int alive_ = 0;
};

[[nodiscard]] std::vector<std::uint8_t> read_file(const std::string& path);
// The binary of tests/hostile/guests/NAME.wat.
[[nodiscard]] std::vector<std::uint8_t> guest_binary(std::string_view name);
[[nodiscard]] abi::EngineOptions engine_options();
// Everything a hostile guest may import.
inline constexpr std::string_view kThingsInterface = "berth:hostile/things";
[[nodiscard]] Result<void> add_things(abi::Linker& linker);

// Runs posted work on the thread that waits: a test needs no other.
class WaitingThread final : public Executor {
 public:
  void post(std::move_only_function<void()> work) override;
  // Runs the task and whatever it posts; returns its value.
  template <class T>
  T run(Task<T> task) {
    std::optional<T> out;
    detach(std::move(task), [&](T value) { out.emplace(std::move(value)); });
    while (!out) next()();
    return std::move(*out);
  }

 private:
  std::move_only_function<void()> next();
  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::move_only_function<void()>> work_;
};

// Which of the two call paths a test takes.
enum class Path : std::uint8_t { kInline, kFibre };

// A hostile component, linked, and one instance of it at a time.
// One thread at a time.
class Victim final {
 public:
  Victim(std::shared_ptr<const abi::Pre> pre, Path path) : pre_(std::move(pre)), path_(path) {}
  Victim(Victim&&) = default;
  ~Victim() { discard(); }

  [[nodiscard]] static Result<Victim> load(const std::shared_ptr<const abi::Engine>& engine,
                                           std::span<const std::uint8_t> binary, Path path = Path::kInline);

  // Of each call from now on.
  std::uint64_t deadline_ticks = kPatientTicks;

  // A fresh instance in place of the present one.
  [[nodiscard]] Result<void> renew();
  void discard();

  template <class R, class... Ps>
  Result<R> call(std::string_view name, std::string_view type, Ps... args) {
    if (instance_ == nullptr)
      if (Result<void> made = renew(); !made) return fail(std::move(made).error());
    Result<abi::Function> function = abi::Call<R, Ps...>::find(*pre_, "", name, type);
    if (!function) return fail(std::move(function).error());
    instance_->set_deadline(deadline_ticks);
    if (path_ == Path::kInline) return abi::Call<R, Ps...>::run(*instance_, *function, args...);
    return loop_->run(abi::Call<R, Ps...>::run_async(*instance_, *function, args...));
  }
  [[nodiscard]] Result<void> attack(const Attack& attack);
  // The honest export of every hostile guest.
  [[nodiscard]] Result<std::uint32_t> ping() { return call<std::uint32_t>("ping", "func() -> u32"); }

  [[nodiscard]] abi::FailureKind failure() const { return state_->failure().kind; }
  [[nodiscard]] const abi::Instance& instance() const { return *instance_; }
  [[nodiscard]] const Things& things() const { return *things_; }

 private:
  std::shared_ptr<const abi::Pre> pre_;
  Path path_;
  std::unique_ptr<WaitingThread> loop_ = std::make_unique<WaitingThread>();
  std::unique_ptr<Things> things_ = std::make_unique<Things>();
  std::shared_ptr<abi::InstanceState> state_;
  std::unique_ptr<abi::Instance> instance_;
};

}  // namespace berth::hostile

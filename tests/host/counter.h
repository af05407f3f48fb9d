// A component written as text, with every fault that the tests of the host need, and a host to run it in.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "abi/bindings.h"
#include "host/call.h"
#include "host/component/loader.h"
#include "host/host.h"
#include "host/test_pool.h"

namespace berth::host::test {

// Replaces every `from` in `text`.
inline std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// What one variant of the component does; each field is the body of a core function.
struct CounterText {
  std::string probe = "(call $ok)";
  std::string save =
      R"((i32.store (i32.const 32) (global.get $value)) (i32.store8 (i32.const 16) (i32.const 0))
      (i32.store (i32.const 20) (i32.const 32)) (i32.store (i32.const 24) (i32.const 4)) (i32.const 16))";
  std::string restore = "(global.set $value (i32.load (local.get 0))) (call $ok)";
  std::string step = "1";  // makes versions differ: add(n) adds n * step
  bool handover = true;
  bool waits = false;           // imports test:host/slow, and so runs on fibres
  std::string start = "(nop)";  // body of the start function
};
inline constexpr std::string_view kTrap = "unreachable";
inline constexpr std::string_view kHang = "(loop (br 0)) unreachable";
inline constexpr std::string_view kError = "(call $error)";

inline std::string counter_text(const CounterText& t) {
  std::string text = R"((component
  @IMPORT@
  (core module $m
    @CORE_IMPORT@
    (memory (export "memory") 1)
    (table $t 1 funcref)
    (global $value (mut i32) (i32.const 0))
    (global $heap (mut i32) (i32.const 4096))
    (data (i32.const 64) "not today")
    (func $ok (result i32) (i32.store8 (i32.const 16) (i32.const 0)) (i32.const 16))
    (func $error (result i32)
      (i32.store8 (i32.const 16) (i32.const 1)) (i32.store (i32.const 20) (i32.const 64))
      (i32.store (i32.const 24) (i32.const 9)) (i32.const 16))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
      (global.set $heap (i32.add (local.get $at) (local.get 3)))
      (local.get $at))
    (func (export "add") (param i32) (result i32)
      (global.set $value (i32.add (global.get $value) (i32.mul (local.get 0) (i32.const @STEP@))))
      (global.get $value))
    (func (export "trap") unreachable)
    (func (export "spin") (loop (br 0)))
    (func (export "grow") (result i32)
      (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
      (memory.size))
    (func (export "bomb")
      (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
      unreachable)
    (func (export "table-bomb")
      (loop (br_if 0 (i32.ne (table.grow $t (ref.null func) (i32.const 100)) (i32.const -1))))
      unreachable)
    (func $recurse (export "recurse") (param i32) (result i32)
      (i32.add (i32.const 1) (call $recurse (local.get 0))))
    (func (export "refuse") (result i32) (call $error))
    (func (export "nap") @NAP@)
    (func (export "probe") (result i32) @PROBE@)
    (func (export "save") (result i32) @SAVE@)
    (func (export "restore") (param i32 i32) (result i32) @RESTORE@)
    (func $start @START@)
    (start $start))
  (core instance $i (instantiate $m @WITH@))
  (func (export "add") (param "n" u32) (result u32) (canon lift (core func $i "add")))
  (func (export "trap") (canon lift (core func $i "trap")))
  (func (export "spin") (canon lift (core func $i "spin")))
  (func (export "grow") (result u32) (canon lift (core func $i "grow")))
  (func (export "bomb") (canon lift (core func $i "bomb")))
  (func (export "table-bomb") (canon lift (core func $i "table-bomb")))
  (func (export "recurse") (param "n" u32) (result u32) (canon lift (core func $i "recurse")))
  (func (export "nap") (canon lift (core func $i "nap")))
  (func (export "refuse") (result (result (error string)))
    (canon lift (core func $i "refuse") (memory (core memory $i "memory"))))
  (func $probe (result (result (error string)))
    (canon lift (core func $i "probe") (memory (core memory $i "memory"))))
  (instance $p (export "probe" (func $probe)))
  (export "berth:lifecycle/probe@0.1.0" (instance $p))
  @HANDOVER@
))";
  text = replaced(text, "@IMPORT@",
                  t.waits ? R"((import "test:host/slow@0.1.0" (instance $slow (export "nap" (func))))
    (core func $nap (canon lower (func $slow "nap"))))"
                          : "");
  text = replaced(text, "@CORE_IMPORT@", t.waits ? R"((import "slow" "nap" (func $nap)))" : "");
  text = replaced(text, "@WITH@", t.waits ? R"((with "slow" (instance (export "nap" (func $nap)))))" : "");
  text = replaced(text, "@NAP@", t.waits ? "(call $nap)" : "(nop)");
  text = replaced(text, "@STEP@", t.step);
  text = replaced(text, "@PROBE@", t.probe);
  text = replaced(text, "@SAVE@", t.save);
  text = replaced(text, "@RESTORE@", t.restore);
  text = replaced(text, "@START@", t.start);
  text = replaced(text, "@HANDOVER@",
                  t.handover ? R"(
  (func $save (result (result (list u8) (error string)))
    (canon lift (core func $i "save") (memory (core memory $i "memory"))))
  (func $restore (param "state" (list u8)) (result (result (error string)))
    (canon lift (core func $i "restore") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (instance $h (export "save" (func $save)) (export "restore" (func $restore)))
  (export "berth:lifecycle/handover@0.1.0" (instance $h)))"
                             : "");
  return text;
}

// The component's exports, called inline or on a fibre.
// One thread at a time.
class Counter final {
 public:
  explicit Counter(abi::Instance& instance) : instance_(instance) {}

  Result<std::uint32_t> add(std::uint32_t n) { return call<std::uint32_t>("add", "func(n: u32) -> u32", n); }
  Result<std::uint32_t> recurse() {
    return call<std::uint32_t>("recurse", "func(n: u32) -> u32", std::uint32_t{1});
  }
  Result<std::uint32_t> grow() { return call<std::uint32_t>("grow", "func() -> u32"); }
  Result<void> run(std::string_view name) { return call<void>(name, "func()"); }
  Result<std::expected<void, std::string>> refuse() {
    return call<std::expected<void, std::string>>("refuse", "func() -> result<_, string>");
  }
  Task<Result<void>> nap() { return later("nap"); }
  Task<Result<void>> spin_later() { return later("spin"); }
  Task<Result<std::uint32_t>> add_later(std::uint32_t n) {
    auto found =
        abi::Call<std::uint32_t, std::uint32_t>::find(instance_.pre(), "", "add", "func(n: u32) -> u32");
    if (!found) co_return fail(std::move(found).error());
    co_return co_await abi::Call<std::uint32_t, std::uint32_t>::run_async(instance_, *found, "add", n);
  }

 private:
  template <class R, class... Ps>
  Result<R> call(std::string_view name, std::string_view type, Ps... args) {
    auto found = abi::Call<R, Ps...>::find(instance_.pre(), "", name, type);
    if (!found) return fail(std::move(found).error());
    return abi::Call<R, Ps...>::run(instance_, *found, name, args...);
  }
  Task<Result<void>> later(std::string name) {
    auto found = abi::Call<void>::find(instance_.pre(), "", name, "func()");
    if (!found) co_return fail(std::move(found).error());
    co_return co_await abi::Call<void>::run_async(instance_, *found, name);
  }

  abi::Instance& instance_;
};

inline Binder bind_counter() {
  return bind_as<Counter>(
      [](const abi::Pre& pre) -> Result<void> {
        BERTH_TRY((abi::Call<std::uint32_t, std::uint32_t>::find(pre, "", "add", "func(n: u32) -> u32")));
        return {};
      },
      [](abi::Instance& instance) -> Result<std::unique_ptr<Counter>> {
        return std::make_unique<Counter>(instance);
      });
}

// test:host/slow: naps end when the test says so.
// Thread-safe.
class Slow final {
 public:
  Task<Result<void>> nap() {
    struct Wait {
      Slow& slow;
      bool await_ready() const { return false; }
      bool await_suspend(std::coroutine_handle<> handle) const {
        const std::lock_guard lock(slow.mutex_);
        ++slow.begun_;
        slow.changed_.notify_all();
        if (slow.awake_) return false;
        slow.sleepers_.push_back(handle);
        return true;
      }
      void await_resume() const {}
    };
    co_await Wait{*this};
    co_return Result<void>{};
  }
  void wake_all() {
    std::vector<std::coroutine_handle<>> sleepers;
    {
      const std::lock_guard lock(mutex_);
      awake_ = true;
      sleepers.swap(sleepers_);
    }
    for (const auto handle : sleepers) handle.resume();
  }
  void sleep_again() {
    const std::lock_guard lock(mutex_);
    awake_ = false;
  }
  void await_begun(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return begun_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::coroutine_handle<>> sleepers_;
  int begun_ = 0;
  bool awake_ = false;
};

class SlowGrant final : public Grant {
 public:
  explicit SlowGrant(Slow& slow) : slow_(slow) {}
  std::string_view capability() const override { return "slow"; }
  bool covers(std::string_view interface) const override { return interface == "test:host/slow@0.1.0"; }
  Result<void> link(abi::Linker& linker) const override {
    return abi::Import<abi::FromState<Slow>, &Slow::nap>::add(linker, "test:host/slow@0.1.0", "nap", "func()",
                                                              {});
  }
  void prepare(abi::InstanceState& state) const override { state.provide<Slow>(slow_); }

 private:
  Slow& slow_;
};

inline artifact::Artifact artifact_of(const std::string& text, std::string source = "counter.wasm") {
  auto bytes = abi::parse_text(text);
  if (!bytes) throw std::runtime_error(bytes.error().to_string());
  const artifact::Digest digest = artifact::Digest::of(*bytes).value();
  return {.source = std::move(source), .digest = digest, .bytes = std::move(*bytes)};
}

// Engine, loader and host for one test.
struct Dock {
  explicit Dock(abi::EngineOptions options = {.max_instances = 100}, int threads = 2)
      : engine(*abi::Engine::create(options)),
        pool(threads),
        loader(engine, pool,
               {{.name = "slow",
                 .covers = [](std::string_view i) { return i == "test:host/slow@0.1.0"; },
                 .grant_line = "slow: {}"}}),
        host(pool, metrics) {}
  ~Dock() { slow.wake_all(); }

  LoadRequest request(const WorkloadSpec& spec = {}) {
    return {.workload = "counter", .grants = {slow_grant}, .limits = spec.limits, .binder = bind_counter()};
  }
  std::shared_ptr<const Version> load(const CounterText& text, const WorkloadSpec& spec = {}) {
    auto version = loader.load(artifact_of(counter_text(text)), request(spec));
    if (!version) throw std::runtime_error(version.error().to_string());
    return *version;
  }
  Typed<Counter> start(WorkloadSpec spec, const CounterText& text = {}) {
    spec.name = "counter";
    auto workload = host.start(spec, load(text, spec));
    if (!workload) throw std::runtime_error(workload.error().to_string());
    return *Typed<Counter>::of(*workload);
  }

  std::shared_ptr<abi::Engine> engine;
  telemetry::Metrics metrics;
  Slow slow;
  std::shared_ptr<const Grant> slow_grant = std::make_shared<SlowGrant>(slow);
  Pool pool;
  Loader loader;
  Host host;
};

inline std::uint64_t count(const Typed<Counter>& counter, Outcome outcome) {
  return counter.workload().status().calls[static_cast<std::size_t>(outcome)];
}

}  // namespace berth::host::test

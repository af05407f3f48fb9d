// Shared by the engine's tests: C++ callables behind the C header, and short ways to load text.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "berth_engine.h"

namespace berth_test {

inline berth_str_t str(std::string_view text) { return {text.data(), text.size()}; }
inline std::string text(berth_str_t s) { return {s.data, s.len}; }
// The upper bits of an i32 may hold anything.
inline uint32_t i32(const berth_val_t& value) { return static_cast<uint32_t>(value.lo); }
inline berth_error_t* host_error(std::string_view message) {
  return berth_error_new(BERTH_E_HOST, message.data(), message.size());
}

// An error taken from the engine; code 0 is success.
struct Outcome {
  int code = 0;
  int exit_code = 0;
  std::string message;
  std::string trace;
};

inline Outcome take(berth_error_t* error) {
  Outcome outcome;
  if (error == nullptr) return outcome;
  outcome = {error->code, error->exit_code, text(error->message), text(error->trace)};
  berth_error_free(error);
  return outcome;
}

#define EXPECT_OK(expression)                        \
  do {                                               \
    auto outcome_ = ::berth_test::take(expression);  \
    EXPECT_EQ(outcome_.code, 0) << outcome_.message; \
  } while (0)
#define ASSERT_OK(expression)                        \
  do {                                               \
    auto outcome_ = ::berth_test::take(expression);  \
    ASSERT_EQ(outcome_.code, 0) << outcome_.message; \
  } while (0)
#define EXPECT_CONTAINS(haystack, needle) \
  EXPECT_NE(std::string(haystack).find(needle), std::string::npos) << (haystack)

struct EngineDelete {
  void operator()(berth_engine_t* p) const { berth_engine_free(p); }
};
struct ComponentDelete {
  void operator()(berth_component_t* p) const { berth_component_free(p); }
};
struct LinkerDelete {
  void operator()(berth_linker_t* p) const { berth_linker_free(p); }
};
struct PreDelete {
  void operator()(berth_pre_t* p) const { berth_pre_free(p); }
};
struct InstanceDelete {
  void operator()(berth_instance_t* p) const { berth_instance_free(p); }
};
struct TaskDelete {
  void operator()(berth_task_t* p) const { berth_task_free(p); }
};
using Engine = std::unique_ptr<berth_engine_t, EngineDelete>;
using Component = std::unique_ptr<berth_component_t, ComponentDelete>;
using Linker = std::unique_ptr<berth_linker_t, LinkerDelete>;
using Pre = std::unique_ptr<berth_pre_t, PreDelete>;
using Instance = std::unique_ptr<berth_instance_t, InstanceDelete>;
using Task = std::unique_ptr<berth_task_t, TaskDelete>;

// The same tests judge both compilers: CMake runs them once more with this set to "winch".
inline bool with_winch() {
  const char* compiler = std::getenv("BERTH_TEST_COMPILER");
  return compiler != nullptr && std::string_view(compiler) == "winch";
}

inline berth_engine_config_t engine_config(bool pooling) {
  return {.winch = with_winch(),
          .pooling = pooling,
          .max_instances = 50,
          .max_memory_bytes = 64u << 20,
          .max_table_elements = 10000,
          .max_wasm_stack_bytes = 128 << 10,
          .async_stack_bytes = 256 << 10};
}

inline Engine make_engine(bool pooling = true) {
  auto config = engine_config(pooling);
  berth_engine_t* engine = nullptr;
  EXPECT_OK(berth_engine_new(&config, &engine));
  return Engine(engine);
}

inline std::vector<uint8_t> binary(std::string_view wat) {
  berth_bytes_t bytes{};
  auto outcome = take(berth_parse_text(wat.data(), wat.size(), &bytes));
  EXPECT_EQ(outcome.code, 0) << outcome.message;
  if (outcome.code != 0) return {};
  std::vector<uint8_t> out(bytes.data, bytes.data + bytes.len);
  berth_bytes_free(bytes);
  return out;
}

inline Component compile(const Engine& engine, std::string_view wat) {
  auto bytes = binary(wat);
  berth_component_t* component = nullptr;
  auto outcome = take(berth_component_compile(engine.get(), bytes.data(), bytes.size(), &component));
  EXPECT_EQ(outcome.code, 0) << outcome.message;
  return Component(component);
}

// One host function written as lambdas. Must outlive the pre.
struct Host {
  std::function<berth_error_t*(void* user, berth_host_call_t*, berth_completion_t*)> call;
  std::function<berth_error_t*(void* op, berth_lower_cx_t*, berth_val_t*, uint32_t)> lower;
  std::function<void(void* op)> drop;

  berth_host_func_t func(uint32_t flat_params, uint32_t flat_results, bool handles = false,
                         bool async = false) {
    berth_host_func_t out{};
    out.env = this;
    out.flat_params = flat_params;
    out.flat_results = flat_results;
    out.param_handles = handles;
    out.async_ = async;
    out.call = [](void* env, void* user, berth_host_call_t* c, berth_completion_t* done) {
      return static_cast<Host*>(env)->call(user, c, done);
    };
    if (lower) {
      out.lower = [](void* env, void*, void* op, berth_lower_cx_t* cx, berth_val_t* flat, uint32_t addr) {
        return static_cast<Host*>(env)->lower(op, cx, flat, addr);
      };
    }
    if (drop) {
      out.drop = [](void* env, void*, void* op) { static_cast<Host*>(env)->drop(op); };
    }
    return out;
  }
};

inline Linker make_linker(const Engine& engine) {
  berth_linker_t* linker = nullptr;
  EXPECT_OK(berth_linker_new(engine.get(), &linker));
  return Linker(linker);
}

inline void add(const Linker& linker, std::string_view interface, std::string_view name,
                std::string_view type, const berth_host_func_t& func) {
  EXPECT_OK(berth_linker_func(linker.get(), str(interface), str(name), str(type), &func));
}

inline Pre link(const Linker& linker, const Component& component) {
  berth_pre_t* pre = nullptr;
  auto outcome = take(berth_pre_new(linker.get(), component.get(), &pre));
  EXPECT_EQ(outcome.code, 0) << outcome.message;
  return Pre(pre);
}

inline Outcome link_error(const Linker& linker, const Component& component) {
  berth_pre_t* pre = nullptr;
  auto outcome = take(berth_pre_new(linker.get(), component.get(), &pre));
  berth_pre_free(pre);
  return outcome;
}

inline const berth_export_t* find(const Pre& pre, std::string_view interface, std::string_view name,
                                  std::string_view type, uint32_t flat_params, uint32_t flat_results,
                                  bool handles = false) {
  const berth_export_t* found = nullptr;
  EXPECT_OK(berth_pre_export(pre.get(), str(interface), str(name), str(type), flat_params, flat_results,
                             handles, &found));
  return found;
}

inline Instance instantiate(const Pre& pre, berth_instance_config_t config = {}) {
  berth_instance_t* instance = nullptr;
  EXPECT_OK(berth_instance_new(pre.get(), &config, 0, &instance));
  return Instance(instance);
}

// Inline call with flat arguments; the flat result is in call.result.
inline Outcome call(const Instance& instance, const berth_export_t* export_, berth_call_t& call) {
  return take(berth_call(instance.get(), export_, &call));
}

inline berth_call_t flat(std::initializer_list<uint64_t> args, uint64_t deadline = 0) {
  berth_call_t call{};
  call.deadline_ticks = deadline;
  size_t i = 0;
  for (auto arg : args) call.args[i++].lo = arg;
  return call;
}

// Counts wakes and lets a test wait for the next one.
class Waker {
 public:
  static void wake(void* self) {
    auto* waker = static_cast<Waker*>(self);
    std::lock_guard lock(waker->mutex_);
    waker->count_++;
    waker->changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return count_ > seen_; });
    seen_ = count_;
  }
  int count() {
    std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
  int seen_ = 0;
};

// Polls until done, waiting for a wake in between.
inline Outcome drive(berth_task_t* task, Waker& waker) {
  for (;;) {
    berth_error_t* error = nullptr;
    if (berth_task_poll(task, &error)) return take(error);
    waker.wait();
  }
}

// A bump allocator and memory, as the core module of most test components.
inline constexpr std::string_view kAllocator = R"(
  (memory (export "memory") 1)
  (global $top (mut i32) (i32.const 4096))
  (func $realloc (export "realloc") (param $old i32) (param $old_size i32) (param $align i32)
      (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $top) (i32.sub (local.get $align) (i32.const 1)))
                            (i32.sub (i32.const 0) (local.get $align))))
    (global.set $top (i32.add (local.get $at) (local.get $size)))
    (local.get $at))
)";

inline constexpr std::string_view kAdd = R"((component
  (core module $m
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "wide") (param i64 f64) (result i64)
      (i64.add (local.get 0) (i64.trunc_f64_s (local.get 1)))))
  (core instance $i (instantiate $m))
  (func (export "add") (param "a" u32) (param "b" u32) (result u32)
    (canon lift (core func $i "add")))
  (func (export "wide") (param "a" s64) (param "b" f64) (result s64)
    (canon lift (core func $i "wide")))))";

inline std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) {
    text.replace(at, what.size(), with);
  }
  return text;
}

}  // namespace berth_test

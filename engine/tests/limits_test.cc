// Hostile and broken guests, limits, linking errors: what an operator sees of each.
#include <atomic>
#include <chrono>
#include <thread>

#include "support.h"

namespace berth_test {
namespace {

std::string core(std::string_view body, std::string_view lifted) {
  return "(component (core module $m " + std::string(body) + ") (core instance $i (instantiate $m)) " +
         std::string(lifted) + ")";
}

const std::string kGuest = core(R"(
    (memory (export "memory") 1)
    (table 10 funcref)
    (func (export "loop") (loop (br 0)))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "grow-table") (param i32) (result i32)
      (table.grow (ref.null func) (local.get 0)))
    (func (export "grow-or-trap") (param i32)
      (if (i32.eq (memory.grow (local.get 0)) (i32.const -1)) (then (unreachable))))
    (func $deep (export "deep") (call $deep))
    (func $inner (unreachable))
    (func $outer (export "trap") (call $inner))
    (func (export "divide") (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
    (func (export "text") (param i32) (result i32) (local.get 0))
    (func (export "ok")))",
                                R"(
    (func (export "loop") (canon lift (core func $i "loop")))
    (func (export "grow") (param "n" u32) (result s32) (canon lift (core func $i "grow")))
    (func (export "grow-table") (param "n" u32) (result s32)
      (canon lift (core func $i "grow-table")))
    (func (export "grow-or-trap") (param "n" u32) (canon lift (core func $i "grow-or-trap")))
    (func (export "deep") (canon lift (core func $i "deep")))
    (func (export "trap") (canon lift (core func $i "trap")))
    (func (export "divide") (param "n" u32) (result u32) (canon lift (core func $i "divide")))
    (func (export "text") (param "at" u32) (result string)
      (canon lift (core func $i "text") (memory (core memory $i "memory"))))
    (func (export "ok") (canon lift (core func $i "ok"))))");

class LimitsTest : public ::testing::TestWithParam<bool> {
 protected:
  Outcome run(const Instance& instance, std::string_view name, std::string_view type,
              std::initializer_list<uint64_t> args, uint32_t results = 0, uint64_t* result = nullptr,
              uint64_t deadline = 0) {
    auto* found = find(pre_, "", name, type, args.size(), results);
    auto c = flat(args, deadline);
    auto outcome = call(instance, found, c);
    if (result != nullptr) *result = c.result.lo;
    return outcome;
  }

  Engine engine_ = make_engine(GetParam());
  Linker linker_ = make_linker(engine_);
  Component component_ = compile(engine_, kGuest);
  Pre pre_ = link(linker_, component_);
};
INSTANTIATE_TEST_SUITE_P(Allocators, LimitsTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "pooling" : "on_demand"; });

// Ticks an engine so many times, and then no more: what has ended by then was ended by these ticks, however
// busy the machine is. What has not is ticked on after a long while, so that its test fails and does not
// hang.
class Ticker {
 public:
  Ticker(berth_engine_t* engine, uint64_t ticks)
      : thread_([this, engine, ticks](std::stop_token stop) {
          while (!stop.stop_requested()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            if (ticked < ticks || passed(std::chrono::seconds(30))) {
              ticked++;
              berth_engine_tick(engine);
            }
          }
        }) {}
  std::atomic<uint64_t> ticked = 0;

 private:
  bool passed(std::chrono::seconds time) const { return std::chrono::steady_clock::now() - begin_ > time; }
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::jthread thread_;
};
// A deadline is exact to so many ticks.
constexpr uint64_t kLateTicks = 2;

TEST_P(LimitsTest, endless_loop_inline) {
  auto instance = instantiate(pre_);
  Ticker ticker(engine_.get(), 5 + kLateTicks);
  auto outcome = run(instance, "loop", "func()", {}, 0, nullptr, 5);
  EXPECT_EQ(outcome.code, BERTH_E_LIMIT_TIME) << outcome.message;
  EXPECT_GE(ticker.ticked, 5u);
  EXPECT_LE(ticker.ticked, 5 + kLateTicks);
  EXPECT_TRUE(berth_instance_is_dead(instance.get()));
}

TEST_P(LimitsTest, endless_loop_on_a_fibre_yields_and_ends) {
  auto instance = instantiate(pre_);
  auto* loop = find(pre_, "", "loop", "func()", 0, 0);
  Waker waker;
  auto c = flat({}, 20);  // so many that a busy machine does not take all of them at once
  berth_task_t* task = nullptr;
  ASSERT_OK(berth_call_start(instance.get(), loop, &c, Waker::wake, &waker, &task));
  Ticker ticker(engine_.get(), UINT64_MAX);
  int polls = 0;
  berth_error_t* error = nullptr;
  while (!berth_task_poll(task, &error)) {
    polls++;
    waker.wait();
  }
  EXPECT_EQ(take(error).code, BERTH_E_LIMIT_TIME);
  EXPECT_GE(polls, 3);
  berth_task_free(task);
}

// A guest that ticks the clock itself: it lets others run at each tick, and is over at that of its deadline.
TEST_P(LimitsTest, a_deadline_is_exact_to_a_tick) {
  constexpr std::string_view kTicks = R"((component
    (import "t:x/clock@1.0.0" (instance $h (export "tick" (func))))
    (core func $tick (canon lower (func $h "tick")))
    (core module $m
      (import "h" "tick" (func $tick))
      (func (export "run") (loop (call $tick) (br 0))))
    (core instance $i (instantiate $m (with "h" (instance (export "tick" (func $tick))))))
    (func (export "run") (canon lift (core func $i "run")))))";
  uint64_t ticked = 0;
  Host clock;
  clock.call = [&](void*, berth_host_call_t*, berth_completion_t*) {
    ticked++;
    berth_engine_tick(engine_.get());
    return static_cast<berth_error_t*>(nullptr);
  };
  add(linker_, "t:x/clock@1.0.0", "tick", "func()", clock.func(0, 0));
  auto pre = link(linker_, compile(engine_, kTicks));
  auto* ticks = find(pre, "", "run", "func()", 0, 0);
  auto c = flat({}, 5);
  EXPECT_EQ(call(instantiate(pre), ticks, c).code, BERTH_E_LIMIT_TIME);
  EXPECT_EQ(ticked, 5u);

  ticked = 0;
  auto instance = instantiate(pre);
  Waker waker;
  berth_task_t* task = nullptr;
  ASSERT_OK(berth_call_start(instance.get(), ticks, &c, Waker::wake, &waker, &task));
  int polls = 0;
  berth_error_t* error = nullptr;
  for (; !berth_task_poll(task, &error); waker.wait()) polls++;
  EXPECT_EQ(take(error).code, BERTH_E_LIMIT_TIME);
  EXPECT_EQ(ticked, 5u);
  EXPECT_EQ(polls, 4);
  berth_task_free(task);
}

TEST_P(LimitsTest, endless_start_function) {
  auto component = compile(engine_, core("(func $f (loop (br 0))) (start $f)", ""));
  auto pre = link(linker_, component);
  Ticker ticker(engine_.get(), 2 + kLateTicks);
  berth_instance_config_t config{};
  berth_instance_t* instance = nullptr;
  EXPECT_EQ(take(berth_instance_new(pre.get(), &config, 2, &instance)).code, BERTH_E_LIMIT_TIME);
  EXPECT_LE(ticker.ticked, 2 + kLateTicks);
  EXPECT_EQ(instance, nullptr);
}

TEST_P(LimitsTest, memory_is_exact_to_the_page) {
  berth_instance_config_t config{};
  config.max_memory_bytes = 10 * 65536 + 65535;
  auto instance = instantiate(pre_, config);
  uint64_t result = 0;
  EXPECT_EQ(run(instance, "grow", "func(n: u32) -> s32", {9}, 1, &result).code, 0);
  EXPECT_EQ(result, 1u);
  EXPECT_EQ(berth_instance_memory(instance.get()), 10u * 65536);
  EXPECT_EQ(run(instance, "grow", "func(n: u32) -> s32", {1}, 1, &result).code, 0);
  EXPECT_EQ(uint32_t(result), 0xffff'ffffu);
  EXPECT_EQ(berth_instance_memory(instance.get()), 10u * 65536);
  // A refusal alone is no error, nor is a later trap of another cause.
  EXPECT_EQ(run(instance, "divide", "func(n: u32) -> u32", {0}, 1).code, BERTH_E_TRAP);
}

TEST_P(LimitsTest, trap_after_a_refused_growth) {
  berth_instance_config_t config{};
  config.max_memory_bytes = 4 * 65536;
  auto instance = instantiate(pre_, config);
  auto outcome = run(instance, "grow-or-trap", "func(n: u32)", {100});
  EXPECT_EQ(outcome.code, BERTH_E_LIMIT_MEMORY);
  EXPECT_CONTAINS(outcome.message, "262144");
}

TEST_P(LimitsTest, table_elements) {
  berth_instance_config_t config{};
  config.max_table_elements = 20;
  auto instance = instantiate(pre_, config);
  uint64_t result = 0;
  EXPECT_EQ(run(instance, "grow-table", "func(n: u32) -> s32", {10}, 1, &result).code, 0);
  EXPECT_EQ(result, 10u);
  EXPECT_EQ(run(instance, "grow-table", "func(n: u32) -> s32", {1}, 1, &result).code, 0);
  EXPECT_EQ(uint32_t(result), 0xffff'ffffu);
}

TEST_P(LimitsTest, memory_minimum_over_the_limit) {
  auto component = compile(engine_, core("(memory 100)", ""));
  auto pre = link(linker_, component);
  berth_instance_config_t config{};
  config.max_memory_bytes = 50 * 65536;
  berth_instance_t* instance = nullptr;
  auto outcome = take(berth_instance_new(pre.get(), &config, 0, &instance));
  EXPECT_EQ(outcome.code, BERTH_E_LIMIT_MEMORY) << outcome.message;
  EXPECT_CONTAINS(outcome.message, "6553600");
  EXPECT_CONTAINS(outcome.message, "3276800");
}

TEST_P(LimitsTest, memory_minimum_of_everything) {
  auto bytes = binary(core("(memory 65536)", ""));
  berth_component_t* raw = nullptr;
  auto outcome = take(berth_component_compile(engine_.get(), bytes.data(), bytes.size(), &raw));
  Component component(raw);
  if (outcome.code == 0) {
    auto pre = link(linker_, component);
    berth_instance_config_t config{};
    berth_instance_t* instance = nullptr;
    outcome = take(berth_instance_new(pre.get(), &config, 0, &instance));
    EXPECT_EQ(outcome.code, BERTH_E_LIMIT_MEMORY);
  } else {
    EXPECT_EQ(outcome.code, BERTH_E_INVALID);
  }
  EXPECT_NE(outcome.message, "");
}

TEST_P(LimitsTest, core_instances) {
  std::string many = "(component (core module $m)";
  for (int i = 0; i < 8; i++) many += "(core instance (instantiate $m))";
  auto component = compile(engine_, many + ")");
  auto pre = link(linker_, component);
  berth_instance_config_t config{};
  config.max_core_instances = 7;
  berth_instance_t* instance = nullptr;
  auto outcome = take(berth_instance_new(pre.get(), &config, 0, &instance));
  EXPECT_EQ(outcome.code, BERTH_E_LIMIT_MEMORY) << outcome.message;
  config.max_core_instances = 8;
  EXPECT_OK(berth_instance_new(pre.get(), &config, 0, &instance));
  berth_instance_free(instance);
}

TEST_P(LimitsTest, stack_overflow) {
  auto instance = instantiate(pre_);
  auto outcome = run(instance, "deep", "func()", {});
  EXPECT_EQ(outcome.code, BERTH_E_LIMIT_STACK) << outcome.message;
}

TEST_P(LimitsTest, stack_overflow_on_a_fibre) {
  auto instance = instantiate(pre_);
  auto* deep = find(pre_, "", "deep", "func()", 0, 0);
  Waker waker;
  auto c = flat({});
  berth_task_t* task = nullptr;
  ASSERT_OK(berth_call_start(instance.get(), deep, &c, Waker::wake, &waker, &task));
  EXPECT_EQ(drive(task, waker).code, BERTH_E_LIMIT_STACK);
  berth_task_free(task);
}

TEST_P(LimitsTest, trap_has_a_trace) {
  auto instance = instantiate(pre_);
  auto outcome = run(instance, "trap", "func()", {});
  EXPECT_EQ(outcome.code, BERTH_E_TRAP);
  EXPECT_CONTAINS(outcome.message, "unreachable");
  EXPECT_EQ(outcome.message.find('\n'), std::string::npos);
  EXPECT_LT(outcome.trace.find("inner"), outcome.trace.find("outer")) << outcome.trace;
  EXPECT_TRUE(berth_instance_is_dead(instance.get()));
  auto again = run(instance, "ok", "func()", {});
  EXPECT_EQ(again.code, BERTH_E_INVALID);
  EXPECT_CONTAINS(again.message, "dead");
  // Others go on.
  auto other = instantiate(pre_);
  EXPECT_EQ(run(other, "ok", "func()", {}).code, 0);
}

TEST_P(LimitsTest, return_pointer_out_of_bounds) {
  auto* found = find(pre_, "", "text", "func(at: u32) -> string", 1, 2);
  auto c = flat({65537});
  auto instance = instantiate(pre_);
  EXPECT_EQ(call(instance, found, c).code, BERTH_E_TRAP);
  // At the very end nothing can be read, but the address is C++'s to check.
  c = flat({65536});
  c.lift = [](void*, const berth_val_t* result, const uint8_t*, size_t len, const uint32_t*,
              size_t) -> berth_error_t* {
    EXPECT_EQ(result->lo, len);
    constexpr std::string_view kMessage = "out of bounds";
    return berth_error_new(BERTH_E_TRAP, kMessage.data(), kMessage.size());
  };
  auto other = instantiate(pre_);
  EXPECT_EQ(call(other, found, c).code, BERTH_E_TRAP);
}

class ReallocTest : public ::testing::TestWithParam<std::pair<const char*, int>> {};
INSTANTIATE_TEST_SUITE_P(All, ReallocTest,
                         ::testing::Values(std::pair{"(i32.const 65536)", int(BERTH_E_TRAP)},
                                           std::pair{"(i32.const -1)", int(BERTH_E_TRAP)},
                                           std::pair{"(i32.const 65533)", int(BERTH_E_TRAP)},
                                           std::pair{"(i32.const 17)", int(BERTH_E_TRAP)},
                                           std::pair{"(unreachable)", int(BERTH_E_TRAP)},
                                           std::pair{"(call $deep) (i32.const 16)", int(BERTH_E_LIMIT_STACK)},
                                           std::pair{"(loop (br 0)) (unreachable)", int(BERTH_E_LIMIT_TIME)},
                                           std::pair{"(drop (memory.grow (i32.const 60000))) (unreachable)",
                                                     int(BERTH_E_LIMIT_MEMORY)},
                                           std::pair{"(i32.const 16)", 0}));

TEST_P(ReallocTest, bad_allocators) {
  auto [body, code] = GetParam();
  auto engine = make_engine();
  auto linker = make_linker(engine);
  auto component =
      compile(engine, core("(memory (export \"memory\") 1) (func $deep (call $deep))"
                           "(func (export \"realloc\") (param i32 i32 i32 i32) (result i32) " +
                               std::string(body) + ") (func (export \"run\") (param i32 i32))",
                           R"((func (export "run") (param "a" (list u32)) (canon lift (core func $i "run")
               (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"));
  auto pre = link(linker, component);
  auto* run = find(pre, "", "run", "func(a: list<u32>)", 2, 0);
  for (bool swallow : {false, true}) {
    auto instance = instantiate(pre);
    Ticker ticker(engine.get(), code == int(BERTH_E_LIMIT_TIME) ? 3 + kLateTicks : 0);
    berth_call_t c{};
    c.deadline_ticks = 3;
    c.ctx = &swallow;
    c.lower = [](void* ctx, berth_lower_cx_t* cx, berth_val_t* args) -> berth_error_t* {
      uint32_t at = 0;
      auto* error = berth_lower_realloc(cx, 4, 16, &at, nullptr);
      args[0].lo = at;
      args[1].lo = 4;
      // Even when the error is lost, the call must not go on.
      if (*static_cast<bool*>(ctx)) {
        berth_error_free(error);
        return nullptr;
      }
      return error;
    };
    auto outcome = call(instance, run, c);
    EXPECT_EQ(outcome.code, code) << outcome.message;
    EXPECT_LE(ticker.ticked, 3 + kLateTicks);
  }
}

// ---- loading and linking ---------------------------------------------------------------------

TEST_P(LimitsTest, type_mismatch_shows_both) {
  auto component = compile(engine_, R"((component
    (import "t:x/host@1.0.0" (instance (export "f" (func (param "a" u32) (result string)))
      (export "g" (func)))) ))");
  Host host{};
  add(linker_, "t:x/host@1.0.0", "f", "func(a: u64) -> string", host.func(1, 2));
  auto outcome = link_error(linker_, component);
  EXPECT_EQ(outcome.code, BERTH_E_LINK);
  EXPECT_CONTAINS(outcome.message,
                  "import \"t:x/host@1.0.0\" function \"f\": the component expects\n"
                  "  func(a: u32) -> string\nbut the host provides\n  func(a: u64) -> string");
  EXPECT_CONTAINS(outcome.message, "import \"t:x/host@1.0.0\" function \"g\": the host does not provide it");
}

TEST_P(LimitsTest, missing_import_and_version) {
  auto component = compile(engine_, R"((component
    (import "t:x/host@2.0.0" (instance (export "f" (func))))
    (import "t:x/old@0.1.0" (instance (export "f" (func)))) ))");
  Host host{};
  add(linker_, "t:x/host@1.0.0", "f", "func()", host.func(0, 0));
  add(linker_, "t:x/old@0.2.0", "f", "func()", host.func(0, 0));
  auto outcome = link_error(linker_, component);
  EXPECT_EQ(outcome.code, BERTH_E_LINK);
  EXPECT_CONTAINS(outcome.message, "t:x/host@2.0.0");
  EXPECT_CONTAINS(outcome.message, "t:x/old@0.1.0");
}

TEST_P(LimitsTest, wrong_flat_count_is_a_link_error) {
  auto component = compile(engine_, R"((component
    (import "t:x/host@1.0.0" (instance (export "f" (func (param "a" string))))) ))");
  Host host{};
  add(linker_, "t:x/host@1.0.0", "f", "func(a: string)", host.func(1, 0));
  EXPECT_EQ(link_error(linker_, component).code, BERTH_E_LINK);
}

TEST_P(LimitsTest, missing_or_different_export) {
  const berth_export_t* found = nullptr;
  auto outcome =
      take(berth_pre_export(pre_.get(), str("t:x/y"), str("nope"), str("func()"), 0, 0, false, &found));
  EXPECT_EQ(outcome.code, BERTH_E_INVALID);
  EXPECT_CONTAINS(outcome.message, "t:x/y#nope");
  EXPECT_CONTAINS(outcome.message, "grow-or-trap");
  outcome = take(
      berth_pre_export(pre_.get(), str(""), str("grow"), str("func(n: u64) -> s32"), 1, 1, false, &found));
  EXPECT_EQ(outcome.code, BERTH_E_LINK);
  EXPECT_CONTAINS(outcome.message, "func(n: u32) -> s32");
}

TEST_P(LimitsTest, core_module_is_refused) {
  auto bytes = binary("(module (func (export \"f\")))");
  EXPECT_EQ(berth_kind(bytes.data(), bytes.size()), BERTH_KIND_MODULE);
  berth_component_t* component = nullptr;
  auto outcome = take(berth_component_compile(engine_.get(), bytes.data(), bytes.size(), &component));
  EXPECT_EQ(outcome.code, BERTH_E_INVALID);
  EXPECT_CONTAINS(outcome.message, "core WebAssembly module");
}

TEST_P(LimitsTest, truncated_and_flipped_bytes_never_crash) {
  auto bytes = binary(kGuest);
  EXPECT_EQ(berth_kind(bytes.data(), bytes.size()), BERTH_KIND_COMPONENT);
  for (size_t len = 0; len < bytes.size(); len += 64) {
    berth_component_t* component = nullptr;
    auto outcome = take(berth_component_compile(engine_.get(), bytes.data(), len, &component));
    EXPECT_EQ(outcome.code, BERTH_E_INVALID) << len;
  }
  for (size_t at = 0; at < bytes.size(); at += 64) {
    auto flipped = bytes;
    flipped[at] ^= 0x55;
    berth_component_t* component = nullptr;
    auto outcome = take(berth_component_compile(engine_.get(), flipped.data(), flipped.size(), &component));
    EXPECT_NE(outcome.code, BERTH_E_INTERNAL) << outcome.message;
    berth_component_free(component);
  }
  berth_component_t* component = nullptr;
  EXPECT_EQ(take(berth_component_compile(engine_.get(), nullptr, 0, &component)).code, BERTH_E_INVALID);
}

TEST_P(LimitsTest, describe_is_json_of_all_items) {
  auto component = compile(engine_, R"((component
    (import "t:x/host@1.0.0" (instance
      (export "r" (type (sub resource)))
      (export "f" (func (param "a" (list (tuple u8 string)))
        (result (result (option char) (error f32))))))) ))");
  berth_bytes_t bytes{};
  ASSERT_OK(berth_component_describe(component.get(), &bytes));
  std::string json(reinterpret_cast<char*>(bytes.data), bytes.len);
  berth_bytes_free(bytes);
  EXPECT_EQ(json, R"({"imports":[{"name":"t:x/host@1.0.0","kind":"interface","items":[)"
                  R"({"name":"r","kind":"resource"},)"
                  R"({"name":"f","kind":"func","type":"func(a: list<tuple<u8, string>>) -> )"
                  R"(result<option<char>, f32>"}]}],"exports":[]})");
}

// The baseline compiler gives the same limits and traps.
TEST(Winch, runs_and_stops) {
  auto config = engine_config(true);
  config.winch = true;
  berth_engine_t* raw = nullptr;
  ASSERT_OK(berth_engine_new(&config, &raw));
  Engine engine(raw);
  auto linker = make_linker(engine);
  auto component = compile(engine, kGuest);
  auto pre = link(linker, component);
  for (auto [name, code] : {std::pair{"ok", 0},
                            {"trap", int(BERTH_E_TRAP)},
                            {"deep", int(BERTH_E_LIMIT_STACK)},
                            {"loop", int(BERTH_E_LIMIT_TIME)}}) {
    auto instance = instantiate(pre);
    Ticker ticker(engine.get(), code == int(BERTH_E_LIMIT_TIME) ? 3 + kLateTicks : 0);
    auto c = flat({}, 3);
    EXPECT_EQ(call(instance, find(pre, "", name, "func()", 0, 0), c).code, code) << name;
    EXPECT_LE(ticker.ticked, 3 + kLateTicks);
  }
}

TEST(Pool, exhausted_is_told_apart) {
  auto config = engine_config(true);
  config.max_instances = 2;
  berth_engine_t* raw = nullptr;
  ASSERT_OK(berth_engine_new(&config, &raw));
  Engine engine(raw);
  auto linker = make_linker(engine);
  auto component = compile(engine, kGuest);
  auto pre = link(linker, component);
  auto first = instantiate(pre);
  auto second = instantiate(pre);
  berth_instance_config_t instance_config{};
  berth_instance_t* third = nullptr;
  EXPECT_EQ(take(berth_instance_new(pre.get(), &instance_config, 0, &third)).code, BERTH_E_RESOURCES);
  second.reset();
  EXPECT_OK(berth_instance_new(pre.get(), &instance_config, 0, &third));
  berth_instance_free(third);
}

}  // namespace
}  // namespace berth_test

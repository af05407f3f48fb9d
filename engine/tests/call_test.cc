// Calls into a guest and host functions: one test per hook of engine/src/hooks/, so that an
// upgrade of wasmtime which changes one of them fails here.
#include "support.h"

namespace berth_test {
namespace {

class CallTest : public ::testing::TestWithParam<bool> {
 protected:
  Engine engine_ = make_engine(GetParam());
  Linker linker_ = make_linker(engine_);
};
INSTANTIATE_TEST_SUITE_P(Allocators, CallTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "pooling" : "on_demand"; });

TEST_P(CallTest, scalar) {
  auto component = compile(engine_, kAdd);
  auto pre = link(linker_, component);
  EXPECT_FALSE(berth_pre_is_async(pre.get()));
  auto* add = find(pre, "", "add", "func(a: u32, b: u32) -> u32", 2, 1);
  auto* wide = find(pre, "", "wide", "func(a: s64, b: f64) -> s64", 2, 1);
  auto instance = instantiate(pre);
  auto c = flat({40, 2});
  EXPECT_EQ(call(instance, add, c).code, 0);
  EXPECT_EQ(c.result.lo, 42u);
  // Upper bits are ignored on the way in and zero on the way out.
  c = flat({0xdead'beef'ffff'ffffull, 2});
  EXPECT_EQ(call(instance, add, c).code, 0);
  EXPECT_EQ(c.result.lo, 1u);
  double ten = 10.5;
  uint64_t bits;
  std::memcpy(&bits, &ten, 8);
  c = flat({uint64_t(-20), bits});
  EXPECT_EQ(call(instance, wide, c).code, 0);
  EXPECT_EQ(int64_t(c.result.lo), -10);
}

TEST_P(CallTest, fibre_scalar) {
  auto component = compile(engine_, kAdd);
  auto pre = link(linker_, component);
  auto* add = find(pre, "", "add", "func(a: u32, b: u32) -> u32", 2, 1);
  auto instance = instantiate(pre);
  Waker waker;
  auto c = flat({1, 2});
  berth_task_t* raw = nullptr;
  ASSERT_OK(berth_call_start(instance.get(), add, &c, Waker::wake, &waker, &raw));
  Task task(raw);
  // One call at a time.
  auto second = flat({1, 2});
  EXPECT_EQ(call(instance, add, second).code, BERTH_E_INVALID);
  EXPECT_EQ(drive(raw, waker).code, 0);
  EXPECT_EQ(c.result.lo, 3u);
  task.reset();
  EXPECT_EQ(call(instance, add, second).code, 0);
}

TEST_P(CallTest, host_function_scalar) {
  auto component = compile(engine_, R"((component
    (import "t:x/host@1.0.0" (instance $h
      (export "f" (func (param "a" u32) (param "b" s64) (result u32)))))
    (core func $f (canon lower (func $h "f")))
    (core module $m
      (import "h" "f" (func $f (param i32 i64) (result i32)))
      (func (export "run") (param i32) (result i32) (call $f (local.get 0) (i64.const -7))))
    (core instance $i (instantiate $m (with "h" (instance (export "f" (func $f))))))
    (func (export "run") (param "a" u32) (result u32) (canon lift (core func $i "run")))))");
  int user = 0;
  std::vector<uint64_t> seen;
  Host host{.call = [&](void* u, berth_host_call_t* c, berth_completion_t* done) {
    EXPECT_EQ(u, &user);
    EXPECT_EQ(done, nullptr);
    EXPECT_EQ(c->memory, nullptr);
    seen = {i32(c->args[0]), c->args[1].lo};
    c->result.lo = 0xffff'ffff'0000'0009ull;
    return static_cast<berth_error_t*>(nullptr);
  }};
  // Another patch version stands in for the one the component names.
  add(linker_, "t:x/host@1.2.3", "f", "func(a: u32, b: s64) -> u32", host.func(2, 1));
  auto pre = link(linker_, component);
  auto* run = find(pre, "", "run", "func(a: u32) -> u32", 1, 1);
  auto instance = instantiate(pre, {.user = &user});
  auto c = flat({0xffff'ffff});
  EXPECT_EQ(call(instance, run, c).code, 0);
  EXPECT_EQ(c.result.lo, 9u);
  EXPECT_EQ(seen, (std::vector<uint64_t>{0xffff'ffff, uint64_t(-7)}));
}

const std::string kEcho = replaced(R"((component
  (import "t:x/host@1.0.0" (instance $h
    (export "echo" (func (param "a" (list u8)) (result (list u8))))))
  (core module $alloc ALLOC)
  (core instance $a (instantiate $alloc))
  (core func $echo (canon lower (func $h "echo") (memory (core memory $a "memory"))
    (realloc (core func $a "realloc"))))
  (core module $m
    (import "h" "echo" (func $echo (param i32 i32 i32)))
    (import "a" "memory" (memory 1))
    (global $posts (export "posts") (mut i32) (i32.const 0))
    (func (export "run") (param i32 i32) (result i32)
      (call $echo (local.get 0) (local.get 1) (i32.const 64))
      (i32.const 64))
    (func (export "post") (param i32)
      (if (i32.ne (local.get 0) (i32.const 64)) (then (unreachable)))
      (global.set $posts (i32.add (global.get $posts) (i32.const 1))))
    (func (export "posts-get") (result i32) (global.get $posts)))
  (core instance $i (instantiate $m (with "h" (instance (export "echo" (func $echo))))
    (with "a" (instance $a))))
  (func (export "run") (param "a" (list u8)) (result (list u8))
    (canon lift (core func $i "run") (memory (core memory $a "memory"))
      (realloc (core func $a "realloc")) (post-return (core func $i "post"))))
  (func (export "posts") (result u32) (canon lift (core func $i "posts-get")))))",
                                   "ALLOC", kAllocator);
constexpr std::string_view kEchoType = "func(a: list<u8>) -> list<u8>";

// list<u8> through both directions and both lower hooks; post-return runs after lift.
TEST_P(CallTest, bytes_in_and_out) {
  struct Bytes {
    std::string in = "hello, berth";
    std::string out;
  } bytes;
  std::string kept;
  int drops = 0;
  Host host{.call =
                [&](void*, berth_host_call_t* c, berth_completion_t*) {
                  EXPECT_LE(size_t{i32(c->args[0])} + i32(c->args[1]), c->memory_len);
                  kept.assign(reinterpret_cast<const char*>(c->memory) + i32(c->args[0]), i32(c->args[1]));
                  c->op = &kept;
                  return static_cast<berth_error_t*>(nullptr);
                },
            .lower =
                [&](void* op, berth_lower_cx_t* cx, berth_val_t*, uint32_t addr) {
                  EXPECT_EQ(op, &kept);
                  uint32_t at = 0;
                  if (auto* e = berth_lower_realloc(cx, 1, kept.size(), &at, nullptr)) return e;
                  size_t len = 0;
                  uint8_t* memory = berth_lower_memory(cx, &len);
                  EXPECT_LE(at + kept.size(), len);
                  std::memcpy(memory + at, kept.data(), kept.size());
                  uint32_t pair[2] = {at, uint32_t(kept.size())};
                  std::memcpy(memory + addr, pair, 8);
                  return static_cast<berth_error_t*>(nullptr);
                },
            .drop =
                [&](void* op) {
                  EXPECT_EQ(op, &kept);
                  drops++;
                }};
  add(linker_, "t:x/host@1.0.0", "echo", kEchoType, host.func(2, 2));
  auto component = compile(engine_, kEcho);
  auto pre = link(linker_, component);
  auto* run = find(pre, "", "run", kEchoType, 2, 2);
  auto* posts = find(pre, "", "posts", "func() -> u32", 0, 1);
  auto instance = instantiate(pre);
  berth_call_t c{};
  c.ctx = &bytes;
  c.lower = [](void* ctx, berth_lower_cx_t* cx, berth_val_t* args) -> berth_error_t* {
    auto& in = static_cast<Bytes*>(ctx)->in;
    uint32_t at = 0;
    if (auto* e = berth_lower_realloc(cx, 1, in.size(), &at, nullptr)) return e;
    std::memcpy(berth_lower_memory(cx, nullptr) + at, in.data(), in.size());
    args[0].lo = at;
    args[1].lo = in.size();
    return nullptr;
  };
  c.lift = [](void* ctx, const berth_val_t* result, const uint8_t* memory, size_t len, const uint32_t*,
              size_t handles) -> berth_error_t* {
    EXPECT_EQ(handles, 0u);
    uint32_t pair[2];
    EXPECT_LE(result->lo + 8, len);
    std::memcpy(pair, memory + result->lo, 8);
    static_cast<Bytes*>(ctx)->out.assign(reinterpret_cast<const char*>(memory) + pair[0], pair[1]);
    return nullptr;
  };
  EXPECT_EQ(call(instance, run, c).code, 0);
  EXPECT_EQ(bytes.out, bytes.in);
  EXPECT_EQ(drops, 1);
  auto p = flat({});
  EXPECT_EQ(call(instance, posts, p).code, 0);
  EXPECT_EQ(p.result.lo, 1u);
  EXPECT_EQ(berth_instance_memory(instance.get()), 65536u);
}

std::string fields(int count, std::string_view with) {
  std::string out;
  for (int i = 0; i < count; i++) out += replaced(std::string(with), "@", std::to_string(i));
  return out;
}

// More than 16 flat parameters are spilled to memory, in both directions.
TEST_P(CallTest, spilled_parameters) {
  auto params = fields(17, "(param \"p@\" u32) ");
  auto type = "func(" + fields(16, "p@: u32, ") + "p16: u32) -> u32";
  auto wat = R"((component
    (import "t:x/host@1.0.0" (instance $h (export "sum" (func PARAMS (result u32)))))
    (core module $alloc ALLOC)
    (core instance $a (instantiate $alloc))
    (core func $sum (canon lower (func $h "sum") (memory (core memory $a "memory"))))
    (core module $m
      (import "h" "sum" (func $sum (param i32) (result i32)))
      (func (export "run") (param i32) (result i32) (call $sum (local.get 0))))
    (core instance $i (instantiate $m (with "h" (instance (export "sum" (func $sum))))))
    (func (export "run") PARAMS (result u32) (canon lift (core func $i "run")
      (memory (core memory $a "memory")) (realloc (core func $a "realloc"))))))";
  auto component = compile(engine_, replaced(replaced(wat, "PARAMS", params), "ALLOC", kAllocator));
  Host host{.call = [&](void*, berth_host_call_t* c, berth_completion_t*) {
    uint32_t sum = 0;
    for (int i = 0; i < 17; i++) {
      uint32_t value;
      std::memcpy(&value, c->memory + c->spilled + 4 * i, 4);
      sum += value;
    }
    c->result.lo = sum;
    return static_cast<berth_error_t*>(nullptr);
  }};
  add(linker_, "t:x/host@1.0.0", "sum", type, host.func(17, 1));
  auto pre = link(linker_, component);
  auto* run = find(pre, "", "run", type, 17, 1);
  auto instance = instantiate(pre);
  berth_call_t c{};
  c.lower = [](void*, berth_lower_cx_t* cx, berth_val_t* args) -> berth_error_t* {
    uint32_t at = 0;
    if (auto* e = berth_lower_realloc(cx, 4, 68, &at, nullptr)) return e;
    for (uint32_t i = 0; i < 17; i++) {
      uint32_t value = i * i;
      std::memcpy(berth_lower_memory(cx, nullptr) + at + 4 * i, &value, 4);
    }
    args[0].lo = at;
    return nullptr;
  };
  EXPECT_EQ(call(instance, run, c).code, 0);
  EXPECT_EQ(c.result.lo, 16u * 17 * 33 / 6);
}

TEST_P(CallTest, sixteen_parameters_of_each_kind) {
  auto wat = R"((component
    (core module $m (func (export "run") (param i32 i64 f32 f64 i32 i64 f32 f64
        i32 i64 f32 f64 i32 i64 f32 f64) (result i64)
      (i64.add (local.get 1) (local.get 13))))
    (core instance $i (instantiate $m))
    (func (export "run") (param "a" s32) (param "b" u64) (param "c" f32) (param "d" f64)
      (param "e" s32) (param "f" u64) (param "g" f32) (param "h" f64)
      (param "i" s32) (param "j" u64) (param "k" f32) (param "l" f64)
      (param "m" s32) (param "n" u64) (param "o" f32) (param "p" f64) (result u64)
      (canon lift (core func $i "run")))))";
  auto component = compile(engine_, wat);
  auto pre = link(linker_, component);
  auto* run = find(pre, "", "run",
                   "func(a: s32, b: u64, c: f32, d: f64, e: s32, f: u64, g: f32, h: f64, i: s32, "
                   "j: u64, k: f32, l: f64, m: s32, n: u64, o: f32, p: f64) -> u64",
                   16, 1);
  auto instance = instantiate(pre);
  auto c = flat({0, 1ull << 40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0});
  EXPECT_EQ(call(instance, run, c).code, 0);
  EXPECT_EQ(c.result.lo, (1ull << 40) + 5);
}

TEST_P(CallTest, host_error_comes_out_unchanged) {
  auto component = compile(engine_, R"((component
    (import "f" (func $f))
    (core func $g (canon lower (func $f)))
    (core module $m (import "h" "f" (func $f)) (func (export "run") (call $f)))
    (core instance $i (instantiate $m (with "h" (instance (export "f" (func $g))))))
    (func (export "run") (canon lift (core func $i "run")))))");
  Host host{.call = [&](void*, berth_host_call_t*, berth_completion_t*) {
    return host_error("the disk is on fire");
  }};
  add(linker_, "", "f", "func()", host.func(0, 0));
  auto pre = link(linker_, component);
  auto* run = find(pre, "", "run", "func()", 0, 0);
  auto instance = instantiate(pre);
  auto c = flat({});
  auto outcome = call(instance, run, c);
  EXPECT_EQ(outcome.code, BERTH_E_HOST);
  EXPECT_EQ(outcome.message, "the disk is on fire");
  EXPECT_TRUE(berth_instance_is_dead(instance.get()));
  EXPECT_EQ(call(instance, run, c).code, BERTH_E_INVALID);
}

}  // namespace
}  // namespace berth_test

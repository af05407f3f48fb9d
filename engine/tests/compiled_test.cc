// Compiled code as bytes: which engines take it, and what they refuse.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <span>

#include "support.h"

namespace berth_test {
namespace {

berth_engine_config_t config_of(bool winch, bool compile_only = false) {
  auto config = engine_config(true);
  config.winch = winch;
  config.compile_only = compile_only;
  return config;
}

Engine engine_of(const berth_engine_config_t& config) {
  berth_engine_t* engine = nullptr;
  EXPECT_OK(berth_engine_new(&config, &engine));
  return Engine(engine);
}

std::vector<uint8_t> owned(berth_bytes_t bytes) {
  std::vector<uint8_t> out(bytes.data, bytes.data + bytes.len);
  berth_bytes_free(bytes);
  return out;
}

std::string key(const Engine& engine) {
  berth_bytes_t out{};
  EXPECT_OK(berth_engine_key(engine.get(), &out));
  const auto bytes = owned(out);
  return {bytes.begin(), bytes.end()};
}

std::vector<uint8_t> code_of(const Engine& engine, std::string_view wat) {
  const auto bytes = binary(wat);
  berth_bytes_t out{};
  EXPECT_OK(berth_compile(engine.get(), bytes.data(), bytes.size(), &out));
  return owned(out);
}

Outcome compile_error(const Engine& engine, std::string_view wat) {
  const auto bytes = binary(wat);
  berth_bytes_t out{};
  auto outcome = take(berth_compile(engine.get(), bytes.data(), bytes.size(), &out));
  owned(out);
  // In this process it is judged alike.
  berth_component_t* component = nullptr;
  auto here = take(berth_component_compile(engine.get(), bytes.data(), bytes.size(), &component));
  berth_component_free(component);
  EXPECT_EQ(outcome.code, here.code) << here.message;
  EXPECT_EQ(outcome.message, here.message);
  return outcome;
}

Outcome load(const Engine& engine, std::span<const uint8_t> code, Component* out = nullptr) {
  const int fd = ::memfd_create("code", MFD_CLOEXEC);
  EXPECT_EQ(::write(fd, code.data(), code.size()), static_cast<ssize_t>(code.size()));
  berth_component_t* component = nullptr;
  auto outcome = take(berth_component_load(engine.get(), fd, &component));
  ::close(fd);
  if (out != nullptr) {
    out->reset(component);
  } else {
    berth_component_free(component);
  }
  return outcome;
}

class CompiledTest : public ::testing::TestWithParam<bool> {
 protected:
  bool winch() const { return GetParam(); }
  Engine engine_ = engine_of(config_of(winch()));
};
INSTANTIATE_TEST_SUITE_P(Compilers, CompiledTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "winch" : "cranelift"; });

TEST_P(CompiledTest, runs_in_the_engine_it_was_made_for_elsewhere) {
  auto elsewhere = engine_of(config_of(winch(), true));
  EXPECT_EQ(key(elsewhere), key(engine_));
  Component component;
  const auto outcome = load(engine_, code_of(elsewhere, kAdd), &component);
  ASSERT_EQ(outcome.code, 0) << outcome.message;
  auto pre = link(make_linker(engine_), component);
  auto instance = instantiate(pre);
  auto c = flat({40, 2});
  ASSERT_EQ(call(instance, find(pre, "", "add", "func(a: u32, b: u32) -> u32", 2, 1), c).code, 0);
  EXPECT_EQ(c.result.lo, 42u);
}

TEST_P(CompiledTest, the_key_tells_what_fits) {
  EXPECT_CONTAINS(key(engine_), "wasmtime-48.");
  EXPECT_CONTAINS(key(engine_), winch() ? "winch" : "cranelift");
  EXPECT_EQ(key(engine_), key(engine_of(config_of(winch()))));
  EXPECT_NE(key(engine_), key(engine_of(config_of(!winch()))));
  auto larger = config_of(winch());
  larger.max_memory_bytes *= 2;
  auto on_demand = config_of(winch());
  on_demand.pooling = false;
  for (const auto& other : {larger, on_demand}) {
    auto engine = engine_of(other);
    EXPECT_NE(key(engine_), key(engine));
    const auto outcome = load(engine, code_of(engine_, kAdd));
    EXPECT_EQ(outcome.code, BERTH_E_INVALID);
    EXPECT_CONTAINS(outcome.message, "memory reservation");
  }
  // What is no matter of code.
  auto busier = config_of(winch());
  busier.max_instances *= 2;
  busier.max_table_elements *= 2;
  EXPECT_EQ(key(engine_), key(engine_of(busier)));
}

// Why there are two engines: wasmtime has one calling convention for each.
TEST_P(CompiledTest, code_of_the_other_compiler_is_refused) {
  const auto outcome = load(engine_of(config_of(!winch())), code_of(engine_, kAdd));
  EXPECT_EQ(outcome.code, BERTH_E_INVALID);
  EXPECT_CONTAINS(outcome.message, "Winch calling convention");
}

TEST_P(CompiledTest, a_part_of_it_is_refused) {
  const auto code = code_of(engine_, kAdd);
  for (size_t size = 0; size < code.size(); size += 61)
    EXPECT_EQ(load(engine_, std::span(code).first(size)).code, BERTH_E_INVALID) << size;
  EXPECT_EQ(load(engine_, std::span(code).first(code.size() - 1)).code, BERTH_E_INVALID);
}

TEST_P(CompiledTest, what_follows_it_does_no_harm) {
  auto code = code_of(engine_, kAdd);
  code.insert(code.end(), 100, 0xa5);
  EXPECT_EQ(load(engine_, code).code, 0);
}

TEST_P(CompiledTest, other_files_are_refused) {
  const auto wasm = binary(kAdd);
  const std::vector<uint8_t> zeros(100'000, 0);
  EXPECT_EQ(load(engine_, wasm).code, BERTH_E_INVALID);
  EXPECT_EQ(load(engine_, zeros).code, BERTH_E_INVALID);
  // An ELF that wasmtime did not make.
  FILE* own = std::fopen("/proc/self/exe", "rb");
  std::vector<uint8_t> program(1 << 20);
  program.resize(std::fread(program.data(), 1, program.size(), own));
  std::fclose(own);
  EXPECT_EQ(load(engine_, program).code, BERTH_E_INVALID);
  // Of another version: wasmtime looks first for a format of 0, then for its major version and its length.
  auto code = code_of(engine_, kAdd);
  const std::string version(
      "\0\x02"
      "48",
      4);
  auto at = std::search(code.begin(), code.end(), version.begin(), version.end());
  ASSERT_NE(at, code.end());
  at[2] = '3';
  const auto outcome = load(engine_, code);
  EXPECT_EQ(outcome.code, BERTH_E_INVALID);
  EXPECT_CONTAINS(outcome.message, "incompatible version '38'");
  berth_component_t* component = nullptr;
  EXPECT_EQ(take(berth_component_load(engine_.get(), -1, &component)).code, BERTH_E_INVALID);
}

constexpr std::string_view kTailCall = R"((component
  (core module $m
    (func $down (export "down") (param i32) (result i32)
      (if (result i32) (local.get 0)
        (then (return_call $down (i32.sub (local.get 0) (i32.const 1))))
        (else (i32.const 7)))))
  (core instance $i (instantiate $m))
  (func (export "down") (param "n" u32) (result u32) (canon lift (core func $i "down")))))";

TEST_P(CompiledTest, what_winch_lacks_is_told_from_what_is_wrong) {
  if (winch()) {
    const auto refused = compile_error(engine_, kTailCall);
    EXPECT_EQ(refused.code, BERTH_E_UNSUPPORTED);
    EXPECT_CONTAINS(refused.message, "tail calls");
  } else {
    EXPECT_EQ(load(engine_, code_of(engine_, kTailCall)).code, 0);
  }
  // Valid as text, wrong as code: the result is missing.
  const auto wrong = compile_error(engine_, R"((component
    (core module $m (func (export "f") (result i32) (nop)))
    (core instance $i (instantiate $m))))");
  EXPECT_EQ(wrong.code, BERTH_E_INVALID);
  // Both.
  const auto both =
      compile_error(engine_, replaced(std::string(kTailCall), "(else (i32.const 7))", "(else (nop))"));
  EXPECT_EQ(both.code, BERTH_E_INVALID);
  EXPECT_EQ(compile_error(engine_, "(module)").code, BERTH_E_INVALID);
}

}  // namespace
}  // namespace berth_test

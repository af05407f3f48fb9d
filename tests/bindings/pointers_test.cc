// Pointers a guest hands over: the place for a host function's result, and the place of its own.
#include <gtest/gtest.h>

#include "abi/bindings.h"
#include "tests/bindings/rig.h"

namespace berth::abi {
namespace {

// `run` passes its parameter as the return pointer of the import; `get` returns it as the address of
// its result, a string whose pointer and length lie at 16.
constexpr std::string_view kComponent = R"wat((component
  (import "text" (func $text (result string)))
  (core module $libc
    (memory (export "memory") 1)
    (data (i32.const 16) "\40\00\00\00\03\00\00\00")
    (data (i32.const 64) "abc")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024))
  (core instance $libc (instantiate $libc))
  (core func $text_core (canon lower (func $text) (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core module $main
    (import "" "text" (func $text (param i32)))
    (func (export "run") (param i32) (call $text (local.get 0)))
    (func (export "get") (param i32) (result i32) (local.get 0)))
  (core instance $main (instantiate $main (with "" (instance (export "text" (func $text_core))))))
  (func (export "run") (param "at" u32) (canon lift (core func $main "run")))
  (func (export "get") (param "at" u32) (result string)
    (canon lift (core func $main "get") (memory (core memory $libc "memory")))))
)wat";

struct Texts {
  Result<std::string> text() { return "hello"; }
};

class Pointers : public testing::Test {
 protected:
  void SetUp() override {
    auto engine = Engine::create({.max_instances = 4});
    ASSERT_TRUE(engine) << engine.error().to_string();
    auto bytes = parse_text(kComponent);
    ASSERT_TRUE(bytes) << bytes.error().to_string();
    auto component = Component::compile(*engine, *bytes);
    ASSERT_TRUE(component) << component.error().to_string();
    auto linker = Linker::create(*engine);
    ASSERT_TRUE(linker);
    using Text = Import<FromState<Texts>, &Texts::text>;
    ASSERT_TRUE(Text::add(*linker, "", "text", "func() -> string", {}));
    auto pre = linker->link(*component);
    ASSERT_TRUE(pre) << pre.error().to_string();
    pre_ = *pre;
    auto run = Run::find(*pre_, "", "run", "func(at: u32)");
    auto get = Get::find(*pre_, "", "get", "func(at: u32) -> string");
    ASSERT_TRUE(run && get);
    run_ = *run;
    get_ = *get;
  }
  // Each call on an instance of its own: a bad pointer kills it.
  std::unique_ptr<Instance> instance() {
    auto state = InstanceState::create();
    state->provide<Texts>(texts_);
    auto made = Instance::create(pre_, state, {});
    EXPECT_TRUE(made) << made.error().to_string();
    return std::move(*made);
  }
  using Run = Call<void, std::uint32_t>;
  using Get = Call<std::string, std::uint32_t>;
  Texts texts_;
  std::shared_ptr<const Pre> pre_;
  Function run_;
  Function get_;
};

constexpr std::uint32_t kBad[] = {1, 2, 65'530, 65'532, 65'536, 0x7fff'fffc, 0xffff'fffc, 0xffff'ffff};

TEST_F(Pointers, ReturnPointersOfHostFunctionsAreChecked) {
  for (const std::uint32_t at : kBad) {
    auto i = instance();
    auto r = Run::run(*i, run_, at);
    ASSERT_FALSE(r) << at;
    EXPECT_EQ(r.error().code(), Code::kTrap) << r.error().to_string();
    EXPECT_TRUE(i->dead());
  }
  auto i = instance();
  EXPECT_TRUE(Run::run(*i, run_, 8));
  EXPECT_TRUE(Run::run(*i, run_, 65'528));
}

TEST_F(Pointers, ReturnPointersOfGuestsAreChecked) {
  for (const std::uint32_t at : kBad) {
    auto i = instance();
    auto r = Get::run(*i, get_, at);
    ASSERT_FALSE(r) << at;
    EXPECT_EQ(r.error().code(), Code::kTrap) << r.error().to_string();
    EXPECT_TRUE(i->dead());
  }
  auto i = instance();
  EXPECT_EQ(Get::run(*i, get_, 16).value(), "abc");
}

}  // namespace
}  // namespace berth::abi

// Handles: resources of the host and of the guest, in every position, used and misused.
#include "support.h"

namespace berth_test {
namespace {

class HandleTest : public ::testing::TestWithParam<bool> {
 protected:
  Engine engine_ = make_engine(GetParam());
  Linker linker_ = make_linker(engine_);
};
INSTANTIATE_TEST_SUITE_P(Allocators, HandleTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "pooling" : "on_demand"; });

constexpr std::string_view kHostResource = R"((component
  (import "t:x/files@1.0.0" (instance $h
    (export "file" (type $file (sub resource)))
    (export "open" (func (param "id" u32) (result (own $file))))
    (export "size" (func (param "f" (borrow $file)) (result u32)))
    (export "close" (func (param "f" (own $file))))))
  (alias export $h "file" (type $file))
  (core func $open (canon lower (func $h "open")))
  (core func $size (canon lower (func $h "size")))
  (core func $close (canon lower (func $h "close")))
  (core func $drop (canon resource.drop $file))
  (core module $m
    (import "h" "open" (func $open (param i32) (result i32)))
    (import "h" "size" (func $size (param i32) (result i32)))
    (import "h" "close" (func $close (param i32)))
    (import "h" "drop" (func $drop (param i32)))
    (global $kept (mut i32) (i32.const 0))
    (func (export "use") (param i32) (result i32)
      (local $f i32) (local $n i32)
      (local.set $f (call $open (local.get 0)))
      (local.set $n (call $size (local.get $f)))
      (call $drop (local.get $f))
      (local.get $n))
    (func (export "give-back") (call $close (call $open (i32.const 8))))
    (func (export "keep") (param i32) (global.set $kept (call $open (local.get 0))))
    (func (export "forge") (result i32) (call $size (i32.const 1234)))
    (func (export "twice") (local $f i32)
      (local.set $f (call $open (i32.const 5)))
      (call $drop (local.get $f))
      (call $drop (local.get $f)))
    (func (export "close-twice") (local $f i32)
      (local.set $f (call $open (i32.const 6)))
      (call $close (local.get $f))
      (call $close (local.get $f))))
  (core instance $i (instantiate $m (with "h" (instance
    (export "open" (func $open)) (export "size" (func $size))
    (export "close" (func $close)) (export "drop" (func $drop))))))
  (func (export "use") (param "id" u32) (result u32) (canon lift (core func $i "use")))
  (func (export "give-back") (canon lift (core func $i "give-back")))
  (func (export "keep") (param "id" u32) (canon lift (core func $i "keep")))
  (func (export "forge") (result u32) (canon lift (core func $i "forge")))
  (func (export "twice") (canon lift (core func $i "twice")))
  (func (export "close-twice") (canon lift (core func $i "close-twice")))))";

class ResourceTest : public ::testing::Test {
 protected:
  ResourceTest() {
    open_.call = [](void*, berth_host_call_t* c, berth_completion_t*) {
      c->op = reinterpret_cast<void*>(uintptr_t{i32(c->args[0])} + 100);
      return static_cast<berth_error_t*>(nullptr);
    };
    open_.lower = [](void* op, berth_lower_cx_t* cx, berth_val_t* flat, uint32_t) {
      uint32_t handle = 0;
      auto* error =
          berth_lower_own(cx, str("t:x/files#file"), uint32_t(reinterpret_cast<uintptr_t>(op)), &handle);
      flat->lo = handle;
      return error;
    };
    size_.call = [](void*, berth_host_call_t* c, berth_completion_t*) {
      EXPECT_EQ(c->handle_count, 1u);
      c->result.lo = c->handles[0] * 2;
      return static_cast<berth_error_t*>(nullptr);
    };
    close_.call = [this](void*, berth_host_call_t* c, berth_completion_t*) {
      EXPECT_EQ(c->handle_count, 1u);
      closed_.push_back(c->handles[0]);
      return static_cast<berth_error_t*>(nullptr);
    };
    constexpr std::string_view kFiles = "t:x/files@1.0.0";
    EXPECT_OK(berth_linker_resource(
        linker_.get(), str(kFiles), str("file"), &dropped_,
        [](void* env, void*, uint32_t rep) { static_cast<std::vector<uint32_t>*>(env)->push_back(rep); }));
    add(linker_, kFiles, "open", "func(id: u32) -> own<t:x/files#file>", open_.func(1, 1));
    add(linker_, kFiles, "size", "func(f: borrow<t:x/files#file>) -> u32", size_.func(1, 1, true));
    add(linker_, kFiles, "close", "func(f: own<t:x/files#file>)", close_.func(1, 0, true));
    component_ = compile(engine_, kHostResource);
    pre_ = link(linker_, component_);
    instance_ = instantiate(pre_);
  }

  Outcome run(std::string_view name, std::string_view type, std::initializer_list<uint64_t> args,
              uint32_t results, uint64_t* result = nullptr) {
    auto* found = find(pre_, "", name, type, args.size(), results);
    auto c = flat(args);
    auto outcome = call(instance_, found, c);
    if (result != nullptr) *result = c.result.lo;
    return outcome;
  }

  Engine engine_ = make_engine();
  Linker linker_ = make_linker(engine_);
  Host open_, size_, close_;
  std::vector<uint32_t> dropped_, closed_;
  Component component_;
  Pre pre_;
  Instance instance_;
};

TEST_F(ResourceTest, own_borrow_and_destructor) {
  uint64_t size = 0;
  EXPECT_EQ(run("use", "func(id: u32) -> u32", {7}, 1, &size).code, 0);
  EXPECT_EQ(size, 214u);
  EXPECT_EQ(dropped_, std::vector<uint32_t>{107});
}

TEST_F(ResourceTest, ownership_passes_back) {
  EXPECT_EQ(run("give-back", "func()", {}, 0).code, 0);
  EXPECT_EQ(closed_, std::vector<uint32_t>{108});
  instance_.reset();
  EXPECT_TRUE(dropped_.empty());
}

TEST_F(ResourceTest, what_the_guest_keeps_is_dropped_with_the_instance) {
  EXPECT_EQ(run("keep", "func(id: u32)", {1}, 0).code, 0);
  EXPECT_EQ(run("keep", "func(id: u32)", {1}, 0).code, 0);
  EXPECT_TRUE(dropped_.empty());
  instance_.reset();
  EXPECT_EQ(dropped_, (std::vector<uint32_t>{101, 101}));
}

TEST_F(ResourceTest, forged_handle_traps) {
  auto outcome = run("forge", "func() -> u32", {}, 1);
  EXPECT_EQ(outcome.code, BERTH_E_TRAP);
  EXPECT_CONTAINS(outcome.message, "handle");
}

TEST_F(ResourceTest, double_drop_traps) {
  EXPECT_EQ(run("twice", "func()", {}, 0).code, BERTH_E_TRAP);
  EXPECT_EQ(dropped_, std::vector<uint32_t>{105});
}

TEST_F(ResourceTest, double_close_traps) {
  EXPECT_EQ(run("close-twice", "func()", {}, 0).code, BERTH_E_TRAP);
  EXPECT_EQ(closed_, std::vector<uint32_t>{106});
}

// `use files.{file}` in another interface: the resource is the first one's, and only that one provides it.
TEST_F(ResourceTest, an_interface_may_use_a_resource_of_another) {
  Host longer;
  longer.call = size_.call;
  add(linker_, "t:x/more@1.0.0", "longer", "func(f: borrow<t:x/files#file>) -> u32", longer.func(1, 1, true));
  component_ = compile(engine_, R"((component
    (import "t:x/files@1.0.0" (instance $h
      (export "file" (type $file (sub resource)))
      (export "open" (func (param "id" u32) (result (own $file))))))
    (alias export $h "file" (type $file))
    (import "t:x/more@1.0.0" (instance $more
      (export "file" (type $used (eq $file)))
      (export "longer" (func (param "f" (borrow $used)) (result u32)))))
    (core func $open (canon lower (func $h "open")))
    (core func $longer (canon lower (func $more "longer")))
    (core module $m
      (import "h" "open" (func $open (param i32) (result i32)))
      (import "h" "longer" (func $longer (param i32) (result i32)))
      (func (export "use") (param i32) (result i32) (call $longer (call $open (local.get 0)))))
    (core instance $i (instantiate $m (with "h" (instance
      (export "open" (func $open)) (export "longer" (func $longer))))))
    (func (export "use") (param "id" u32) (result u32) (canon lift (core func $i "use")))))");
  pre_ = link(linker_, component_);
  instance_ = instantiate(pre_);
  uint64_t size = 0;
  EXPECT_EQ(run("use", "func(id: u32) -> u32", {7}, 1, &size).code, 0);
  EXPECT_EQ(size, 214u);
}

// A resource of the guest: made, used by borrow, dropped by the host with its destructor.
TEST_P(HandleTest, guest_resource) {
  auto component = compile(engine_, R"((component
    (core module $d
      (global $drops (export "drops") (mut i32) (i32.const 0))
      (func (export "dtor") (param i32)
        (global.set $drops (i32.add (global.get $drops) (local.get 0))))
      (func (export "drops-get") (result i32) (global.get $drops)))
    (core instance $d (instantiate $d))
    (type $r' (resource (rep i32) (dtor (core func $d "dtor"))))
    (export $r "thing" (type $r'))
    (core func $new (canon resource.new $r'))
    (core module $m
      (import "h" "new" (func $new (param i32) (result i32)))
      (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
      (func (export "look") (param i32) (result i32) (local.get 0)))
    (core instance $i (instantiate $m (with "h" (instance (export "new" (func $new))))))
    (func $make (param "n" u32) (result (own $r')) (canon lift (core func $i "make")))
    (func $look (param "self" (borrow $r')) (result u32) (canon lift (core func $i "look")))
    (func $drops (result u32) (canon lift (core func $d "drops-get")))
    (export "make" (func $make) (func (param "n" u32) (result (own $r))))
    (export "look" (func $look) (func (param "self" (borrow $r)) (result u32)))
    (export "drops" (func $drops))))");
  auto pre = link(linker_, component);
  auto* make = find(pre, "", "make", "func(n: u32) -> own<#thing>", 1, 1, true);
  auto* look = find(pre, "", "look", "func(self: borrow<#thing>) -> u32", 1, 1);
  auto* drops = find(pre, "", "drops", "func() -> u32", 0, 1);
  auto instance = instantiate(pre);
  uint32_t id = 99;
  auto c = flat({33});
  c.ctx = &id;
  c.lift = [](void* ctx, const berth_val_t*, const uint8_t*, size_t, const uint32_t* handles,
              size_t count) -> berth_error_t* {
    EXPECT_EQ(count, 1u);
    *static_cast<uint32_t*>(ctx) = handles[0];
    return nullptr;
  };
  ASSERT_EQ(call(instance, make, c).code, 0);
  berth_call_t l{};
  l.ctx = &id;
  l.lower = [](void* ctx, berth_lower_cx_t* cx, berth_val_t* args) {
    uint32_t handle = 0;
    auto* e = berth_lower_borrow(cx, str("#thing"), *static_cast<uint32_t*>(ctx), &handle);
    args[0].lo = handle;
    return e;
  };
  for (int i = 0; i < 3; i++) {
    auto outcome = call(instance, look, l);
    ASSERT_EQ(outcome.code, 0) << outcome.message;
    EXPECT_EQ(l.result.lo, 33u);
  }
  EXPECT_OK(berth_resource_drop(instance.get(), id));
  EXPECT_EQ(take(berth_resource_drop(instance.get(), id)).code, BERTH_E_INVALID);
  auto d = flat({});
  EXPECT_EQ(call(instance, drops, d).code, 0);
  EXPECT_EQ(d.result.lo, 33u);
}

// Handles inside lists and variants in memory are found, in order.
TEST_P(HandleTest, nested_handles) {
  auto wat = R"((component
    (import "t:x/h@0.2.0" (instance $h
      (export "r" (type $r (sub resource)))
      (export "take" (func (param "x" (list (tuple u8 (option (own $r)))))))
      (export "new" (func (param "n" u32) (result (own $r))))))
    (core module $alloc ALLOC)
    (core instance $a (instantiate $alloc))
    (core func $take (canon lower (func $h "take") (memory (core memory $a "memory"))))
    (core func $new (canon lower (func $h "new")))
    (core module $m
      (import "h" "take" (func $take (param i32 i32)))
      (import "h" "new" (func $new (param i32) (result i32)))
      (import "a" "memory" (memory 1))
      (func (export "run") (param $tag i32) (param $len i32)
        ;; elements of 12 bytes: u8, then option at 4 (tag at 4, handle at 8)
        (i32.store8 (i32.const 100) (i32.const 1))
        (i32.store8 (i32.const 104) (i32.const 1))
        (i32.store (i32.const 108) (call $new (i32.const 11)))
        (i32.store8 (i32.const 116) (i32.const 0))
        (i32.store8 (i32.const 128) (local.get $tag))
        (i32.store (i32.const 132) (call $new (i32.const 12)))
        (call $take (i32.const 100) (local.get $len))))
    (core instance $i (instantiate $m (with "h" (instance (export "take" (func $take))
      (export "new" (func $new)))) (with "a" (instance $a))))
    (func (export "run") (param "tag" u32) (param "len" u32) (canon lift (core func $i "run")))))";
  auto component = compile(engine_, replaced(wat, "ALLOC", kAllocator));
  std::vector<uint32_t> seen;
  Host take_{.call = [&](void*, berth_host_call_t* c, berth_completion_t*) {
    seen.assign(c->handles, c->handles + c->handle_count);
    return static_cast<berth_error_t*>(nullptr);
  }};
  Host new_{.call =
                [&](void*, berth_host_call_t* c, berth_completion_t*) {
                  c->op = reinterpret_cast<void*>(uintptr_t{i32(c->args[0])});
                  return static_cast<berth_error_t*>(nullptr);
                },
            .lower =
                [&](void* op, berth_lower_cx_t* cx, berth_val_t* flat, uint32_t) {
                  uint32_t handle = 0;
                  auto* e =
                      berth_lower_own(cx, str("t:x/h#r"), uint32_t(reinterpret_cast<uintptr_t>(op)), &handle);
                  flat->lo = handle;
                  return e;
                }};
  EXPECT_OK(berth_linker_resource(linker_.get(), str("t:x/h@0.2.0"), str("r"), nullptr, nullptr));
  add(linker_, "t:x/h@0.2.0", "take", "func(x: list<tuple<u8, option<own<t:x/h#r>>>>)",
      take_.func(2, 0, true));
  add(linker_, "t:x/h@0.2.0", "new", "func(n: u32) -> own<t:x/h#r>", new_.func(1, 1));
  auto pre = link(linker_, component);
  auto* run = find(pre, "", "run", "func(tag: u32, len: u32)", 2, 0);
  {
    auto instance = instantiate(pre);
    auto c = flat({1, 3});
    auto outcome = call(instance, run, c);
    EXPECT_EQ(outcome.code, 0) << outcome.message;
    EXPECT_EQ(seen, (std::vector<uint32_t>{11, 12}));
  }
  for (auto [tag, len] : {std::pair{2u, 3u}, {1u, 0xffff'ffffu}, {1u, 6000u}}) {
    auto instance = instantiate(pre);
    auto c = flat({tag, len});
    EXPECT_EQ(call(instance, run, c).code, BERTH_E_TRAP) << tag << " " << len;
  }
}

}  // namespace
}  // namespace berth_test

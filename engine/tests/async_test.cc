// Asynchronous host functions: completion from anywhere, cancellation, deadlines while waiting.
#include <chrono>
#include <thread>

#include "support.h"

namespace berth_test {
namespace {

constexpr std::string_view kAsync = R"((component
  (import "t:x/slow@1.0.0" (instance $h (export "wait" (func (param "n" u32) (result u32)))))
  (core func $w (canon lower (func $h "wait")))
  (core module $m
    (import "h" "w" (func $w (param i32) (result i32)))
    (func (export "run") (param i32) (result i32)
      (i32.add (call $w (local.get 0)) (call $w (i32.const 1)))))
  (core instance $i (instantiate $m (with "h" (instance (export "w" (func $w))))))
  (func (export "run") (param "n" u32) (result u32) (canon lift (core func $i "run")))))";

class AsyncTest : public ::testing::Test {
 protected:
  AsyncTest() {
    slow_.call = [this](void*, berth_host_call_t* c, berth_completion_t* done) {
      c->op = new uint32_t(uint32_t(c->args[0].lo));
      live_++;
      started_(done);
      return static_cast<berth_error_t*>(nullptr);
    };
    slow_.lower = [](void* op, berth_lower_cx_t*, berth_val_t* flat, uint32_t) {
      flat->lo = *static_cast<uint32_t*>(op) * 10;
      return static_cast<berth_error_t*>(nullptr);
    };
    slow_.drop = [this](void* op) {
      delete static_cast<uint32_t*>(op);
      live_--;
    };
    add(linker_, "t:x/slow@1.0.0", "wait", "func(n: u32) -> u32", slow_.func(1, 1, false, true));
    pre_ = link(linker_, component_);
    run_ = find(pre_, "", "run", "func(n: u32) -> u32", 1, 1);
    berth_instance_config_t config{};
    berth_task_t* task = nullptr;
    EXPECT_OK(berth_instance_start(pre_.get(), &config, 0, &instance_, Waker::wake, &waker_, &task));
    EXPECT_EQ(drive(task, waker_).code, 0);
    berth_task_free(task);
  }
  ~AsyncTest() override {
    berth_instance_free(instance_);
    EXPECT_EQ(live_, 0);
  }

  berth_task_t* start(berth_call_t& c) {
    berth_task_t* task = nullptr;
    EXPECT_OK(berth_call_start(instance_, run_, &c, Waker::wake, &waker_, &task));
    return task;
  }

  Engine engine_ = make_engine();
  Linker linker_ = make_linker(engine_);
  Component component_ = compile(engine_, kAsync);
  Host slow_;
  std::function<void(berth_completion_t*)> started_;
  int live_ = 0;
  Pre pre_;
  const berth_export_t* run_ = nullptr;
  berth_instance_t* instance_ = nullptr;
  Waker waker_;
};

TEST_F(AsyncTest, completes_from_another_thread) {
  std::vector<std::thread> threads;
  started_ = [&](berth_completion_t* done) {
    threads.emplace_back([done] {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      berth_complete(done, nullptr);
    });
  };
  auto c = flat({4});
  Task task(start(c));
  EXPECT_EQ(drive(task.get(), waker_).code, 0);
  EXPECT_EQ(c.result.lo, 50u);
  for (auto& t : threads) t.join();
}

TEST_F(AsyncTest, completes_inside_the_call) {
  started_ = [&](berth_completion_t* done) { berth_complete(done, nullptr); };
  auto c = flat({4});
  Task task(start(c));
  berth_error_t* error = nullptr;
  EXPECT_TRUE(berth_task_poll(task.get(), &error));
  EXPECT_EQ(take(error).code, 0);
  EXPECT_EQ(c.result.lo, 50u);
}

TEST_F(AsyncTest, completes_with_an_error) {
  started_ = [&](berth_completion_t* done) { berth_complete(done, host_error("no")); };
  auto c = flat({4});
  Task task(start(c));
  auto outcome = drive(task.get(), waker_);
  EXPECT_EQ(outcome.code, BERTH_E_HOST);
  EXPECT_EQ(outcome.message, "no");
}

TEST_F(AsyncTest, inline_call_is_refused) {
  EXPECT_TRUE(berth_pre_is_async(pre_.get()));
  berth_instance_config_t config{};
  berth_instance_t* instance = nullptr;
  EXPECT_EQ(take(berth_instance_new(pre_.get(), &config, 0, &instance)).code, BERTH_E_INVALID);
  auto c = flat({1});
  EXPECT_EQ(take(berth_call(instance_, run_, &c)).code, BERTH_E_INVALID);
}

TEST_F(AsyncTest, cancelled_by_free) {
  berth_completion_t* open = nullptr;
  started_ = [&](berth_completion_t* done) { open = done; };
  auto c = flat({4});
  auto* task = start(c);
  berth_error_t* error = nullptr;
  EXPECT_FALSE(berth_task_poll(task, &error));
  EXPECT_EQ(live_, 1);
  berth_task_free(task);
  EXPECT_EQ(live_, 0);
  EXPECT_TRUE(berth_instance_is_dead(instance_));
  int wakes = waker_.count();
  berth_complete(open, host_error("too late"));
  EXPECT_EQ(waker_.count(), wakes);
}

// A guest may not run inline on what is left of another guest's fibre.
TEST_F(AsyncTest, inline_call_on_a_fibre_is_refused) {
  auto component = compile(engine_, kAdd);
  auto pre = link(linker_, component);
  auto* add = find(pre, "", "add", "func(a: u32, b: u32) -> u32", 2, 1);
  auto other = instantiate(pre);
  std::vector<int> codes;
  started_ = [&](berth_completion_t* done) {
    auto inner = flat({1, 2});
    codes.push_back(call(other, add, inner).code);
    berth_instance_config_t config{};
    berth_instance_t* instance = nullptr;
    codes.push_back(take(berth_instance_new(pre.get(), &config, 0, &instance)).code);
    // On a fibre of its own it may.
    Waker waker;
    berth_task_t* task = nullptr;
    EXPECT_OK(berth_call_start(other.get(), add, &inner, Waker::wake, &waker, &task));
    codes.push_back(drive(task, waker).code);
    berth_task_free(task);
    berth_complete(done, nullptr);
  };
  auto c = flat({4});
  Task task(start(c));
  EXPECT_EQ(drive(task.get(), waker_).code, 0);
  EXPECT_EQ(codes,
            (std::vector<int>{BERTH_E_INVALID, BERTH_E_INVALID, 0, BERTH_E_INVALID, BERTH_E_INVALID, 0}));
}

// Waiting does not stop the clock: a poll past the deadline ends the call.
TEST_F(AsyncTest, deadline_while_waiting) {
  berth_completion_t* open = nullptr;
  started_ = [&](berth_completion_t* done) { open = done; };
  auto c = flat({4}, 2);
  Task task(start(c));
  berth_error_t* error = nullptr;
  EXPECT_FALSE(berth_task_poll(task.get(), &error));
  berth_engine_tick(engine_.get());
  EXPECT_FALSE(berth_task_poll(task.get(), &error));
  berth_engine_tick(engine_.get());
  ASSERT_TRUE(berth_task_poll(task.get(), &error));
  EXPECT_EQ(take(error).code, BERTH_E_LIMIT_TIME);
  EXPECT_EQ(live_, 0);
  berth_complete(open, nullptr);
}

}  // namespace
}  // namespace berth_test

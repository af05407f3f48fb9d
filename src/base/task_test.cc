// Task: laziness, chaining, resumption from another thread.
#include "base/task.h"

#include <future>
#include <memory>
#include <thread>

#include <gtest/gtest.h>

namespace berth {
namespace {

struct OnThread {
  [[nodiscard]] bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> h) {
    std::thread([h] { h.resume(); }).detach();
  }
  int await_resume() { return 7; }
};

Task<int> leaf() { co_return co_await OnThread{}; }
Task<std::unique_ptr<int>> sum() {
  int a = co_await leaf();
  int b = co_await leaf();
  co_return std::make_unique<int>(a + b);
}

TEST(Task, RunsAcrossThreadsAndMovesItsValue) {
  std::promise<int> p;
  detach(sum(), [&](std::unique_ptr<int> v) { p.set_value(*v); });
  EXPECT_EQ(p.get_future().get(), 14);
}

TEST(Task, DoesNotStartUntilAwaited) {
  bool ran = false;
  auto make = [](bool& r) -> Task<void> {
    r = true;
    co_return;
  };
  {
    Task<void> t = make(ran);
  }
  EXPECT_FALSE(ran);
  detach(make(ran), [] {});
  EXPECT_TRUE(ran);
}

}  // namespace
}  // namespace berth

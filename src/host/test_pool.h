// For tests: an executor with threads of its own, and waiting for a task.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "base/task.h"

namespace berth::host::test {

// Threads that run posted work. Thread-safe. The destructor runs what is left.
class Pool final : public Executor {
 public:
  explicit Pool(int threads) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
  }
  ~Pool() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
  }
  void post(std::move_only_function<void()> work) override {
    {
      const std::lock_guard lock(mutex_);
      work_.push_back(std::move(work));
    }
    changed_.notify_one();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stopping_ || !work_.empty(); });
      if (work_.empty()) return;
      auto work = std::move(work_.front());
      work_.pop_front();
      lock.unlock();
      work();
      work = nullptr;
      lock.lock();
    }
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::move_only_function<void()>> work_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

// Runs a task and waits for its value on this thread.
template <class T>
T block_on(Task<T> task) {
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<T> value;
  };
  auto shared = std::make_shared<Shared>();
  detach(std::move(task), [shared](T value) {
    const std::lock_guard lock(shared->mutex);
    shared->value.emplace(std::move(value));
    shared->changed.notify_all();
  });
  std::unique_lock lock(shared->mutex);
  shared->changed.wait(lock, [&] { return shared->value.has_value(); });
  return std::move(*shared->value);
}

}  // namespace berth::host::test

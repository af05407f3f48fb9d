// What the bindings tests share: files, an executor on threads, and waiting for a task.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <fstream>
#include <functional>
#include <future>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "abi/component.h"
#include "base/executor.h"
#include "base/task.h"

namespace berth::abi::rig {

inline std::vector<std::uint8_t> read_guest(const std::string& name) {
  std::ifstream in(std::string(BERTH_BINARY_DIR) + "/guests/" + name + ".wasm", std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Runs work on its threads, first come first served. Thread-safe.
class Threads final : public Executor {
 public:
  explicit Threads(int count) {
    for (int i = 0; i < count; ++i) threads_.emplace_back([this](const std::stop_token& stop) { run(stop); });
  }
  void post(std::move_only_function<void()> work) override {
    {
      std::lock_guard lock(mutex_);
      queue_.push_back(std::move(work));
    }
    ready_.notify_one();
  }

 private:
  void run(const std::stop_token& stop) {
    for (;;) {
      std::unique_lock lock(mutex_);
      if (!ready_.wait(lock, stop, [&] { return !queue_.empty(); })) return;
      std::move_only_function<void()> work = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      work();
    }
  }
  std::mutex mutex_;
  std::condition_variable_any ready_;
  std::deque<std::move_only_function<void()>> queue_;
  std::vector<std::jthread> threads_;  // last: stops first
};

template <class T>
T wait(Task<T> task) {
  auto done = std::make_shared<std::promise<T>>();
  std::future<T> future = done->get_future();
  detach(std::move(task), [done](T value) { done->set_value(std::move(value)); });
  return future.get();
}

}  // namespace berth::abi::rig

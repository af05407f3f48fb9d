// Running: counts what is under way, so that nothing outlives what it uses.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <stop_token>

namespace berth::kubernetes {

// Thread-safe. stop() must not come from a thread that the calls need.
class Running final {
 public:
  // One call, as long as this lives.
  class One {
   public:
    explicit One(Running& running) : running_(running) {
      const std::lock_guard lock(running_.mutex_);
      ++running_.count_;
    }
    ~One() {
      const std::lock_guard lock(running_.mutex_);
      if (--running_.count_ == 0) running_.none_.notify_all();
    }
    One(const One&) = delete;
    One& operator=(const One&) = delete;

   private:
    Running& running_;
  };

  [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }
  // Asks all of them to end, and waits until they have.
  void stop() {
    stop_.request_stop();
    std::unique_lock lock(mutex_);
    none_.wait(lock, [this] { return count_ == 0; });
  }

 private:
  std::stop_source stop_;
  std::mutex mutex_;
  std::condition_variable none_;
  std::size_t count_ = 0;
};

}  // namespace berth::kubernetes

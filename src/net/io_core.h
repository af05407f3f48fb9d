// Asio behind IoContext. Internal to the net room.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <mutex>
#include <thread>
#include <vector>

namespace berth::net::detail {

struct IoCore {
  // One thread lets Asio leave out its locks' slow paths; posting from elsewhere stays allowed.
  explicit IoCore(int threads_wanted)
      : thread_count(threads_wanted), context(threads_wanted), work(context.get_executor()) {}

  const int thread_count;

  boost::asio::io_context context;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work;
  std::mutex stop_mutex;  // guards threads
  std::vector<std::jthread> threads;
  std::atomic<int> visitors{0};  // ~IoContext waits for them
};

// A thread that is not one of the context's own and uses its sockets or posts to it, when what it posts may
// end all that keeps the IoContext: that one's destruction waits until the visitor has left.
class Visitor final {
 public:
  explicit Visitor(IoCore& core)
      : core_(core.context.get_executor().running_in_this_thread() ? nullptr : &core) {
    if (core_ != nullptr) core_->visitors.fetch_add(1, std::memory_order_relaxed);
  }
  ~Visitor() {
    if (core_ != nullptr) core_->visitors.fetch_sub(1, std::memory_order_release);
  }
  Visitor(const Visitor&) = delete;
  Visitor& operator=(const Visitor&) = delete;

 private:
  IoCore* const core_;
};

}  // namespace berth::net::detail

// IoContext: the threads that do I/O, and an Executor for work that belongs on them.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "base/error.h"
#include "base/executor.h"

namespace berth::net {

namespace detail {
struct IoCore;  // Asio's io_context; io_core.h
}

// Owns `threads` threads that serve sockets, timers and posted work until stop().
// Posted work must not throw and should not block: it holds back the sockets of its thread.
// Thread-safe, except that destruction and stop() must not come from one of its own threads.
class IoContext final : public Executor {
 public:
  // Starts the threads. Fails with kInvalidArgument when `threads` is below 1 or above kMaxIoThreads,
  // kResourceExhausted when the system gives no thread.
  [[nodiscard]] static Result<std::unique_ptr<IoContext>> create(int threads);
  // stop(); also waits for threads that are sending an HttpReply.
  ~IoContext() override;
  IoContext(const IoContext&) = delete;
  IoContext& operator=(const IoContext&) = delete;

  // Runs `work` on one of the threads. Work posted after stop() is destroyed, never run.
  void post(std::move_only_function<void()> work) override;
  // Runs `work` on one of the threads once `delay` has passed. Destroyed, not run, by stop().
  void post_after(std::chrono::nanoseconds delay, std::move_only_function<void()> work);

  // Ends the threads after the work they are in, and joins them. Blocks. Further calls do nothing.
  void stop();

  [[nodiscard]] int threads() const;
  // True on one of this context's threads.
  [[nodiscard]] bool running_in_this_thread() const;

  // For the net room's own sockets.
  [[nodiscard]] detail::IoCore& core() { return *core_; }

 private:
  explicit IoContext(std::unique_ptr<detail::IoCore> core);
  std::unique_ptr<detail::IoCore> core_;
};

}  // namespace berth::net

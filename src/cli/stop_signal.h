// StopSignal: Ctrl-C and SIGTERM as a call on a thread, not in a signal handler.
#pragma once

#include <signal.h>

#include <functional>
#include <thread>

namespace berth::cli {

// Blocks both signals in this thread and in every thread made after it, and calls `on_signal` with
// 1, 2, ... as they arrive. Made before other threads.
// One thread at a time.
class StopSignal final {
 public:
  explicit StopSignal(std::function<void(int)> on_signal);
  // Waits for a call of on_signal that runs. Signals stay blocked: they were meant for what ended.
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

 private:
  sigset_t signals_{};
  std::jthread waiting_;
};

}  // namespace berth::cli

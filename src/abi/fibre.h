// FibreRun: awaits one engine task from a coroutine; the thread is free while the guest waits.
#pragma once

#include <atomic>
#include <coroutine>
#include <memory>

#include "abi/failure.h"
#include "base/executor.h"
#include "engine/include/berth_engine.h"

namespace berth::abi {

// Shared by the awaiting coroutine, the engine's wake and the work posted to the executor.
// Thread-safe.
class FibreControl final : public std::enable_shared_from_this<FibreControl> {
 public:
  explicit FibreControl(Executor& executor) : executor_(executor) {}

  // Asks for another poll. Any thread, also inside poll.
  void wake();
  // Ends the task at its next poll with kCancelled, or kLimitTime as the reason. Any thread.
  void cancel(FailureKind reason);

 private:
  friend class FibreRun;
  enum State : int { kIdle, kPolling, kPollingWoken, kScheduled, kDone };

  void schedule();
  void step();
  [[nodiscard]] bool poll();

  Executor& executor_;
  berth_task_t* task_ = nullptr;
  berth_error_t* error_ = nullptr;
  std::coroutine_handle<> waiter_;
  // Born polling: a wake from inside the start call is remembered, not run.
  std::atomic<int> state_ = kPolling;
  std::atomic<FailureKind> cancel_ = FailureKind::kNone;
};

// Awaitable for one task. Polls on the awaiting thread first; later polls and the resumption happen
// on the executor. Destroying it (with its coroutine) cancels the task: only where no poll can be
// running, that is on the executor's own serialisation of this instance; from elsewhere use
// FibreControl::cancel and await the end.
// One thread at a time.
class FibreRun final {
 public:
  explicit FibreRun(Executor& executor) : control_(std::make_shared<FibreControl>(executor)) {}
  FibreRun(const FibreRun&) = delete;
  FibreRun& operator=(const FibreRun&) = delete;
  ~FibreRun();

  [[nodiscard]] const std::shared_ptr<FibreControl>& control() const { return control_; }
  // For berth_*_start.
  static void wake(void* control) { static_cast<FibreControl*>(control)->wake(); }
  // Takes over the started task.
  void adopt(berth_task_t* task) { control_->task_ = task; }

  [[nodiscard]] bool await_ready() { return control_->poll(); }
  void await_suspend(std::coroutine_handle<> waiter);
  // The engine's error or nullptr; the caller owns it.
  [[nodiscard]] berth_error_t* await_resume();

 private:
  std::shared_ptr<FibreControl> control_;
};

}  // namespace berth::abi

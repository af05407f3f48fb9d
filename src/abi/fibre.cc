// FibreRun: the state machine between wakes and polls.
#include "abi/fibre.h"

#include <utility>

namespace berth::abi {

void FibreControl::schedule() {
  executor_.post([self = shared_from_this()] { self->step(); });
}

void FibreControl::wake() {
  int state = state_.load(std::memory_order_acquire);
  for (;;) {
    switch (state) {
      case kIdle:
        if (state_.compare_exchange_weak(state, kScheduled, std::memory_order_acq_rel)) return schedule();
        break;
      case kPolling:
        if (state_.compare_exchange_weak(state, kPollingWoken, std::memory_order_acq_rel)) return;
        break;
      default: return;
    }
  }
}

void FibreControl::cancel(FailureKind reason) {
  FailureKind none = FailureKind::kNone;
  cancel_.compare_exchange_strong(none, reason, std::memory_order_acq_rel);
  wake();
}

bool FibreControl::poll() {
  bool done = false;
  if (const FailureKind reason = cancel_.load(std::memory_order_acquire); reason != FailureKind::kNone) {
    error_ = reason == FailureKind::kLimitTime
                 ? engine_error(BERTH_E_LIMIT_TIME, "the call's deadline passed while it waited")
                 : engine_error(BERTH_E_CANCELLED, "the call was cancelled");
    done = true;
  } else {
    done = berth_task_poll(task_, &error_);
  }
  if (done) {
    state_.store(kDone, std::memory_order_release);
    berth_task_free(std::exchange(task_, nullptr));
  }
  return done;
}

void FibreControl::step() {
  int scheduled = kScheduled;
  // Done: the coroutine was destroyed meanwhile.
  if (!state_.compare_exchange_strong(scheduled, kPolling, std::memory_order_acq_rel)) return;
  if (poll()) {
    waiter_.resume();
    return;
  }
  int polling = kPolling;
  if (state_.compare_exchange_strong(polling, kIdle, std::memory_order_acq_rel)) return;
  // Woken while polling. Through the executor rather than at once, so that others get their turn.
  state_.store(kScheduled, std::memory_order_release);
  schedule();
}

void FibreRun::await_suspend(std::coroutine_handle<> waiter) {
  // After the exchange another thread may resume the coroutine, and *this is gone with it.
  const std::shared_ptr<FibreControl> control = control_;
  control->waiter_ = waiter;
  int polling = FibreControl::kPolling;
  if (control->state_.compare_exchange_strong(polling, FibreControl::kIdle, std::memory_order_acq_rel))
    return;
  control->state_.store(FibreControl::kScheduled, std::memory_order_release);
  control->schedule();
}

berth_error_t* FibreRun::await_resume() { return std::exchange(control_->error_, nullptr); }

FibreRun::~FibreRun() {
  control_->state_.store(FibreControl::kDone, std::memory_order_release);
  if (control_->task_ != nullptr) berth_task_free(std::exchange(control_->task_, nullptr));
  if (control_->error_ != nullptr) berth_error_free(std::exchange(control_->error_, nullptr));
}

}  // namespace berth::abi

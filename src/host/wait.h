// wait_for: runs a task and waits for it on this thread, with a deadline.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/task.h"
#include "host/version.h"

namespace berth::host {

// Starts `task` here; where it waits it goes on elsewhere, so never call this on a thread that the
// task needs. When `deadline` (0 = none) passes, calls late() once, which makes the task end soon,
// and waits on.
template <class T, class F>
[[nodiscard]] T wait_for(Task<T> task, Deadline deadline, F late) {
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<T> value;
  };
  const auto shared = std::make_shared<Shared>();
  detach(std::move(task), [shared](T value) {
    const std::lock_guard lock(shared->mutex);
    shared->value.emplace(std::move(value));
    shared->changed.notify_all();
  });
  std::unique_lock lock(shared->mutex);
  const auto done = [&] { return shared->value.has_value(); };
  if (deadline.count() > 0 && !shared->changed.wait_for(lock, deadline, done)) {
    lock.unlock();
    late();
    lock.lock();
  }
  shared->changed.wait(lock, done);
  return std::move(*shared->value);
}

}  // namespace berth::host

// Timer: its thread.
#include "host/timer.h"

namespace berth::host {

Timer::Timer() : thread_([this] { run(); }) {}

void Timer::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  std::multimap<Clock::time_point, Work> dropped;  // destroyed after the lock is released
  const std::lock_guard lock(mutex_);
  dropped.swap(waiting_);
}

void Timer::at(Clock::time_point when, Work work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    waiting_.emplace(when, std::move(work));
  }
  changed_.notify_all();
}

void Timer::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (waiting_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto next = waiting_.begin();
    if (next->first > Clock::now()) {
      changed_.wait_until(lock, next->first);
      continue;
    }
    Work work = std::move(next->second);
    waiting_.erase(next);
    lock.unlock();
    work();
    work = nullptr;  // what it owned goes before the lock is taken again
    lock.lock();
  }
}

}  // namespace berth::host

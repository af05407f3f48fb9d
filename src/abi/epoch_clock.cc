// EpochClock: a tick for all, at even times.
#include "abi/epoch_clock.h"

#include <algorithm>

namespace berth::abi {

EpochClock::EpochClock(std::chrono::microseconds tick) : tick_(tick) {
  if (tick_ > std::chrono::microseconds::zero())
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void EpochClock::add(const berth_engine_t* engine) {
  const std::lock_guard lock(mutex_);
  engines_.push_back(engine);
}

void EpochClock::remove(const berth_engine_t* engine) {
  const std::lock_guard lock(mutex_);
  std::erase(engines_, engine);
}

void EpochClock::run(const std::stop_token& stop) {
  auto next = std::chrono::steady_clock::now() + tick_;
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    stopped_.wait_until(lock, stop, next, [] { return false; });
    for (const berth_engine_t* engine : engines_) berth_engine_tick(engine);
    next += tick_;
    // After a stall, go on from now: a burst of ticks would end calls that had no time to run.
    next = std::max(next, std::chrono::steady_clock::now());
  }
}

}  // namespace berth::abi

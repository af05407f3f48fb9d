// EpochClock: the thread that ticks engines.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/include/berth_engine.h"

namespace berth::abi {

// One for all engines whose deadlines count the same ticks.
// Thread-safe.
class EpochClock final {
 public:
  // A tick of zero: nothing ticks by itself.
  explicit EpochClock(std::chrono::microseconds tick);
  EpochClock(const EpochClock&) = delete;
  EpochClock& operator=(const EpochClock&) = delete;

  // From add() until remove() returns, `engine` is ticked.
  void add(const berth_engine_t* engine);
  void remove(const berth_engine_t* engine);

 private:
  void run(const std::stop_token& stop);

  const std::chrono::microseconds tick_;
  std::mutex mutex_;
  std::condition_variable_any stopped_;
  std::vector<const berth_engine_t*> engines_;
  std::jthread thread_;  // last: ends first
};

}  // namespace berth::abi

// TestClock: the ticks of an engine in a test, so that how busy a machine is decides no deadline.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

#include "abi/engine.h"

namespace berth::abi {

// A deadline is exact to so many ticks.
inline constexpr std::uint64_t kLateTicks = 2;

// Ticks an engine, whose own tick is zero, so many times, and then no more: what has ended by then was ended
// by these ticks. What has not is ticked on after a long while, so that its test fails and does not hang.
// Thread-safe.
class TestClock final {
 public:
  TestClock(const Engine& engine, std::uint64_t ticks)
      : thread_([this, &engine, ticks](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            if (ticked_ >= ticks && std::chrono::steady_clock::now() - begin_ < std::chrono::seconds(30))
              continue;
            ++ticked_;
            engine.tick();
          }
        }) {}
  [[nodiscard]] std::uint64_t ticked() const { return ticked_; }

 private:
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::atomic<std::uint64_t> ticked_ = 0;
  std::jthread thread_;  // last: uses the rest
};

}  // namespace berth::abi

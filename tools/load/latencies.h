// Latencies: call times in a histogram of about 3 % precision.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace load {

// One thread at a time.
class Latencies {
 public:
  void add(std::chrono::nanoseconds time);
  // The time that `share` (0..1) of the calls did not exceed; 0 without calls.
  [[nodiscard]] std::chrono::nanoseconds at(double share) const;
  [[nodiscard]] std::chrono::nanoseconds max() const { return max_; }

 private:
  // 32 buckets for each power of two.
  static constexpr int kSteps = 5;
  std::array<std::uint64_t, 64 << kSteps> counts_{};
  std::uint64_t total_ = 0;
  std::chrono::nanoseconds max_{0};
};

}  // namespace load

// TokenBucket: how many lines a guest may cause per second.
#pragma once

#include <algorithm>
#include <chrono>

namespace berth::grants {

// Holds at most `burst` tokens, refilled at `rate` a second. Starts full.
// One thread at a time.
class TokenBucket {
 public:
  using Clock = std::chrono::steady_clock;

  TokenBucket(double rate, double burst) : rate_(rate), burst_(burst), tokens_(burst) {}

  // Takes one token if there is one at `now`, which does not go back.
  [[nodiscard]] bool take(Clock::time_point now) {
    if (last_ != Clock::time_point{})
      tokens_ = std::min(burst_, tokens_ + rate_ * std::chrono::duration<double>(now - last_).count());
    last_ = now;
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  double rate_;
  double burst_;
  double tokens_;
  Clock::time_point last_;
};

}  // namespace berth::grants

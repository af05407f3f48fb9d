// Failures: one line per failure, bounded.
#include "capabilities/grants/failures.h"

#include <utility>

#include "capabilities/grants/limits.h"

namespace berth::grants {

Failures::Failures(const Services& services, std::string_view capability, std::string_view what)
    : log_(services.log),
      workload_(services.workload),
      capability_(capability),
      what_(what),
      bucket_(kFailureLinesPerSecond, kFailureLineBurst) {}

void Failures::report(std::string_view name, std::string_view message) {
  std::uint64_t unlogged = 0;
  {
    std::lock_guard lock(mutex_);
    if (!bucket_.take(TokenBucket::Clock::now())) {
      ++unlogged_;
      return;
    }
    unlogged = std::exchange(unlogged_, 0);
  }
  log_.warn(
      message,
      {{"workload", workload_}, {"capability", capability_}, {what_, name}, {"more_failures", unlogged}});
}

}  // namespace berth::grants

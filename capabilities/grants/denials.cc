// Denials: one line per denial, bounded.
#include "capabilities/grants/denials.h"

#include <fmt/format.h>

#include "capabilities/grants/limits.h"
#include "telemetry/workload_metrics.h"

namespace berth::grants {

Denials::Denials(const Services& services, std::string_view capability, std::string_view version)
    : log_(services.log),
      workload_(services.workload),
      capability_(capability),
      bucket_(kDenialLinesPerSecond, kDenialLineBurst) {
  if (auto counter = telemetry::denial_counter(services.metrics, workload_, version, capability_))
    counter_ = std::move(*counter);
}

void Denials::report(std::string_view what, std::string_view line) {
  count_.fetch_add(1, std::memory_order_relaxed);
  if (counter_) counter_->add();
  std::uint64_t unlogged = 0;
  {
    std::lock_guard lock(mutex_);
    if (!bucket_.take(TokenBucket::Clock::now())) {
      ++unlogged_;
      return;
    }
    unlogged = std::exchange(unlogged_, 0);
  }
  const std::string message =
      fmt::format("denied: {}; to allow it, write under workloads.{}.grants: {}", what, workload_, line);
  if (unlogged == 0)
    log_.warn(message, {{"workload", workload_}, {"capability", capability_}});
  else
    log_.warn(message, {{"workload", workload_}, {"capability", capability_}, {"more_denials", unlogged}});
}

std::string shown(std::string_view text) {
  std::string out;
  telemetry::append_printable(out, text.substr(0, kMaxShownBytes));
  if (text.size() > kMaxShownBytes) out += "...";
  return out;
}

}  // namespace berth::grants

// Workload: ending calls whose deadline passed while they wait in a host function.
#include "host/workload.h"

namespace berth::host {
namespace {

using SteadyClock = std::chrono::steady_clock;

}  // namespace

void Workload::watch_deadlines() {
  if (watching_.load() || watching_.exchange(true)) return;
  services_.timer->at(SteadyClock::now() + kDeadlineScan, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->expire_calls();
  });
}

void Workload::expire_calls() {
  bool armed = expire_once();
  if (!armed) {
    // A call that was armed after the look and still saw watching_ set is found by the second look.
    watching_.store(false);
    armed = expire_once() && !watching_.exchange(true);
  }
  if (!armed) return;
  services_.timer->at(SteadyClock::now() + kDeadlineScan, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->expire_calls();
  });
}

// True when some call is armed.
bool Workload::expire_once() {
  const auto now = SteadyClock::now();
  const std::lock_guard lock(mutex_);
  bool armed = false;
  for (const auto& live : live_) {
    if (live->version().about().fibre && live->expire(now)) armed = true;
  }
  return armed;
}

}  // namespace berth::host

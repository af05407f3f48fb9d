// Schedule: intervals, jitter and backoff.
#include "host/update/schedule.h"

#include <algorithm>

#include "host/update/limits.h"

namespace berth::host {
namespace {

using std::chrono::milliseconds;

// `first`, doubled for each failure after the first one, up to `most`.
milliseconds doubled(milliseconds first, std::uint32_t failures, milliseconds most) {
  milliseconds wait = first;
  for (std::uint32_t i = 1; i < failures && wait < most; ++i) wait *= 2;
  return std::min(wait, most);
}

milliseconds part_of(milliseconds whole, double part) {
  return milliseconds(static_cast<milliseconds::rep>(static_cast<double>(whole.count()) * part));
}

}  // namespace

bool may_pass(Code code) {
  switch (code) {
    case Code::kBusy:
    case Code::kDeadlineExceeded:
    case Code::kAborted:
    case Code::kUnavailable: return true;
    default: return false;
  }
}

std::optional<milliseconds> next_look(const Schedule& schedule, const Looks& looks, double chance) {
  const bool periodic = schedule.every.count() > 0;
  if (looks.failures == 0 || !looks.last) {
    if (!periodic) return std::nullopt;
    return schedule.every + part_of(schedule.jitter, chance);
  }
  if (!may_pass(looks.last->code())) {
    if (!periodic) return std::nullopt;
    const milliseconds most = std::max(schedule.every, schedule.backoff);
    return doubled(schedule.every, looks.failures, most) + part_of(schedule.jitter, chance);
  }
  // Half of the wait is left to chance: many hosts lose a registry at the same moment.
  const milliseconds most = std::max(schedule.backoff, kFirstRetry);
  const milliseconds wait = doubled(kFirstRetry, looks.failures, most);
  const milliseconds asked =
      std::clamp(looks.last->retry_after().value_or(milliseconds(0)), milliseconds(0), kMaxRetryAfter);
  return std::max(wait / 2 + part_of(wait / 2, chance), asked);
}

}  // namespace berth::host

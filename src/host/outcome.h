// Outcome of a call: which of the five ways it ended.
#pragma once

#include "base/error.h"
#include "telemetry/workload_metrics.h"

namespace berth::host {

using Outcome = telemetry::CallOutcome;

// How a call ended that failed with `code`, where nothing more exact is known. `dead`: its instance
// did not survive it, so a limit's code is that of a limit that stopped the guest.
[[nodiscard]] constexpr Outcome outcome_of(Code code, bool dead) {
  switch (code) {
    case Code::kTrap: return Outcome::kTrapBug;
    case Code::kGuestError: return Outcome::kGuestError;
    case Code::kDeadlineExceeded:
    case Code::kResourceExhausted:
    case Code::kCancelled: return dead ? Outcome::kTrapLimit : Outcome::kHostError;
    default: return Outcome::kHostError;
  }
}

}  // namespace berth::host

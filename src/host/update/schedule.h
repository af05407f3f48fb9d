// Schedule: when the source of a workload is looked at again.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/error.h"

namespace berth::host {

// Plain value.
struct Schedule {
  std::chrono::milliseconds every{0};    // 0: only when somebody asks
  std::chrono::milliseconds jitter{0};   // up to this much later, so that hosts do not come all at once
  std::chrono::milliseconds backoff{0};  // the longest wait after failures
};

// A failure that the same source may not give next time: a registry that does not answer, a full queue.
[[nodiscard]] bool may_pass(Code code);

// How the last looks ended. Plain value.
struct Looks {
  std::uint32_t failures = 0;  // in a row
  std::optional<Error> last;   // the last failure, when failures > 0
};

// How long to wait from the end of one look to the next. Nothing: until somebody asks.
//
// After a success, `every` and some of the jitter. A failure that may pass is tried again soon, with
// waits that double from kFirstRetry up to `backoff`, also without `every`; what the source asked for
// (Error::retry_after) is kept, within kMaxRetryAfter. A failure that stays as long as the source
// does is looked at again every `every`, doubled up to `backoff` where that is longer.
// `chance` is from 0 to 1: the same chance gives the same wait.
[[nodiscard]] std::optional<std::chrono::milliseconds> next_look(const Schedule& schedule, const Looks& looks,
                                                                 double chance);

}  // namespace berth::host

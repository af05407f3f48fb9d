// What a workload tells about itself, as plain values.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/outcome.h"
#include "host/version.h"

namespace berth::host {

using WallTime = std::chrono::system_clock::time_point;
using CallCounts = std::array<std::uint64_t, telemetry::kCallOutcomes>;  // by Outcome

// One attempt to publish another version, or to return to an earlier one.
struct SwapReport {
  std::string from;
  std::string to;
  bool ok = false;
  std::string error;        // why not; then `from` still serves
  std::string rolled_back;  // why `from` was given up for an earlier version; else empty
  WallTime at;
  std::chrono::nanoseconds prepared_in{0};  // instantiate and probe; calls went on meanwhile
  std::chrono::nanoseconds pause{0};  // callers were held back this long; zero unless instances keep state
  std::optional<std::size_t> handed_over;  // bytes of state; nothing when there was no hand-over
  // The state is the one with which `from` began: what `from` knew itself was lost.
  bool earlier_state = false;
  std::uint32_t draining = 0;  // calls that still ran on `from` when `to` took over
};

struct VersionStatus {
  std::string digest;
  std::string source;
  Tier tier = Tier::kNative;
  WallTime since;
  std::uint32_t running = 0;
  std::uint32_t instances = 0;
  std::uint64_t memory_bytes = 0;
};

// A version that gets a share of the calls.
struct CanaryStatus {
  VersionStatus version;
  double share = 0;  // of the calls, 0 to 1
  CallCounts calls{};
};

// A version that repeats calls; its answers are compared and dropped.
struct ShadowStatus {
  std::string digest;
  WallTime since;
  double share = 0;
  std::uint64_t equal = 0;
  std::uint64_t different = 0;
  std::uint64_t failed = 0;   // where the version that serves did not
  std::uint64_t skipped = 0;  // not repeated: the shadow was too far behind
  std::uint64_t waiting = 0;  // not repeated yet
  std::string out_of_step;    // why its state is no longer that of the version that serves; else empty
};

struct LastError {
  WallTime at;
  std::string message;
  std::string detail;  // the guest's stack, when it trapped
};

struct WorkloadStatus {
  std::string name;
  bool stopped = false;
  VersionStatus current;
  std::vector<VersionStatus> draining;
  std::optional<CanaryStatus> canary;
  std::optional<ShadowStatus> shadow;
  std::string way_back;    // the digest that a rollback would return to; empty when there is none
  CallCounts calls{};      // ended, over all versions
  std::uint64_t busy = 0;  // refused because the queue was full, or given up after waiting too long
  std::uint32_t queued = 0;
  std::uint64_t swaps_ok = 0;
  std::uint64_t swaps_failed = 0;
  std::optional<SwapReport> last_swap;
  std::optional<LastError> last_error;
};

}  // namespace berth::host

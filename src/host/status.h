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

// One attempt to publish another version.
struct SwapReport {
  std::string from;
  std::string to;
  bool ok = false;
  std::string error;  // why not; then `from` still serves
  WallTime at;
  std::chrono::nanoseconds prepared_in{0};  // instantiate and probe; calls went on meanwhile
  std::chrono::nanoseconds pause{0};  // callers were held back this long; zero unless the policy is `one`
  std::optional<std::size_t> handed_over;  // bytes of state; nothing when there was no hand-over
  std::uint32_t draining = 0;              // calls that still ran on `from` when `to` took over
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
  CallCounts calls{};      // ended, over all versions
  std::uint64_t busy = 0;  // refused because the queue was full, or given up after waiting too long
  std::uint32_t queued = 0;
  std::uint64_t swaps_ok = 0;
  std::uint64_t swaps_failed = 0;
  std::optional<SwapReport> last_swap;
  std::optional<LastError> last_error;
};

}  // namespace berth::host

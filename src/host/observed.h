// Observed: how the calls of one version went, so that two versions can be compared.
#pragma once

#include <cstdint>
#include <vector>

#include "host/status.h"
#include "telemetry/metrics.h"

namespace berth::host {

// Counts that only grow. Plain value.
struct Observed {
  CallCounts calls{};                // by Outcome
  std::vector<std::uint64_t> times;  // by bucket of telemetry::latency_buckets(), and one above; may be empty

  [[nodiscard]] std::uint64_t total() const;
  // Everything but ok: a guest's error answer too, because two versions are asked the same.
  [[nodiscard]] std::uint64_t failed() const { return total() - calls[0]; }
  // Calls with a known time.
  [[nodiscard]] std::uint64_t timed() const;
  // The time in seconds that `share` of the calls stayed within, as exact as the buckets are; 0 when
  // nothing was timed.
  [[nodiscard]] double time_of(double share) const;
  // What came after `before`, an earlier value of the same version.
  [[nodiscard]] Observed since(const Observed& before) const;
};

// The histogram's buckets, as in Observed::times.
[[nodiscard]] std::vector<std::uint64_t> buckets_of(const telemetry::Histogram& histogram);

}  // namespace berth::host

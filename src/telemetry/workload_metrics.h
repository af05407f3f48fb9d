// WorkloadMetrics: the series of one version of one workload, resolved once.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "telemetry/metrics.h"

namespace berth::telemetry {

// How a call into a guest ended.
enum class CallOutcome : std::uint8_t { kOk, kGuestError, kTrapLimit, kTrapBug, kHostError };
inline constexpr std::size_t kCallOutcomes = 5;
[[nodiscard]] std::string_view outcome_name(CallOutcome outcome);

// Handles; copying copies handles, not series. Immutable after resolve, so any thread may use it.
struct WorkloadMetrics {
  // By workload and version.
  std::array<std::shared_ptr<Counter>, kCallOutcomes> calls;  // berth_calls_total, by outcome
  std::shared_ptr<Histogram> call_seconds;                    // berth_call_duration_seconds
  std::shared_ptr<Gauge> instances;                           // berth_instances: alive now
  std::shared_ptr<Gauge> memory_bytes;                        // berth_memory_bytes: committed to guests
  // By workload: these outlive a version.
  std::shared_ptr<Counter> swaps_ok;         // berth_swaps_total{result="ok"}
  std::shared_ptr<Counter> swaps_failed;     // berth_swaps_total{result="failed"}
  std::shared_ptr<Histogram> pause_seconds;  // berth_swap_pause_seconds: calls held back by a swap
  std::shared_ptr<Gauge> queue_length;       // berth_queue_length: calls waiting for an instance
  std::shared_ptr<Counter> busy;             // berth_calls_refused_total: the queue was full

  // `version` is the component's digest or a short form of it.
  // Fails as Metrics does; with a fresh registry, or one only this resolves from, it does not fail.
  [[nodiscard]] static Result<WorkloadMetrics> resolve(Metrics& metrics, std::string_view workload,
                                                       std::string_view version);

  void count_call(CallOutcome outcome, double seconds) const noexcept {
    calls[static_cast<std::size_t>(outcome)]->add();
    call_seconds->observe(seconds);
  }
};

// berth_denials_total: uses of `capability` that no grant of the workload covers.
[[nodiscard]] Result<std::shared_ptr<Counter>> denial_counter(Metrics& metrics, std::string_view workload,
                                                              std::string_view version,
                                                              std::string_view capability);

}  // namespace berth::telemetry

// LiveVersion: a published version with its instances and its counts.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "host/gate.h"
#include "host/observed.h"
#include "host/slots.h"
#include "host/status.h"
#include "host/version.h"
#include "telemetry/workload_metrics.h"

namespace berth::host {

// Belongs to one workload, which destroys it after its last call has left.
// Thread-safe.
class LiveVersion final {
 public:
  LiveVersion(std::shared_ptr<const Version> version, std::uint32_t slots, telemetry::WorkloadMetrics metrics)
      : version_(std::move(version)),
        slots_(slots),
        metrics_(std::move(metrics)),
        times_before_(buckets_of(*metrics_.call_seconds)) {}
  ~LiveVersion();
  LiveVersion(const LiveVersion&) = delete;
  LiveVersion& operator=(const LiveVersion&) = delete;

  [[nodiscard]] const Version& version() const { return *version_; }
  [[nodiscard]] const std::shared_ptr<const Version>& shared_version() const { return version_; }
  [[nodiscard]] Slots& slots() { return slots_; }
  // The place of one shard, which is nobody else's: shards take no slots from the stack.
  [[nodiscard]] Slot& shard(std::uint32_t shard) { return slots_.all()[shard]; }
  [[nodiscard]] const telemetry::WorkloadMetrics& metrics() const { return metrics_; }

  // By the one who took the slot.
  void place(Slot& slot, std::unique_ptr<Guest> guest);
  void destroy(Slot& slot);
  void measure(Slot& slot);  // takes note of the instance's memory

  void count(Outcome outcome, std::chrono::nanoseconds duration);
  [[nodiscard]] CallCounts calls() const;
  // Since this was made, also where the same version had been published before.
  [[nodiscard]] Observed observed() const;

  // Asks every running call to end soon.
  void cancel();
  // Ends the calls whose deadline has passed while they wait in a host function.
  // True when a call is armed.
  bool expire(std::chrono::steady_clock::time_point now);

  [[nodiscard]] VersionStatus status() const;

  Generation generation = 0;  // set once, before it is published
  WallTime since;             // likewise
  // When calls stopped going to it. With the workload's mutex.
  std::optional<std::chrono::steady_clock::time_point> replaced;

 private:
  std::shared_ptr<const Version> version_;
  Slots slots_;
  telemetry::WorkloadMetrics metrics_;
  // The series outlive this, and a later LiveVersion of the same version uses them too.
  const std::vector<std::uint64_t> times_before_;
  std::array<std::atomic<std::uint64_t>, telemetry::kCallOutcomes> calls_{};
  std::atomic<std::uint32_t> instances_{0};
  std::atomic<std::uint64_t> memory_bytes_{0};
};

}  // namespace berth::host

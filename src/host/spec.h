// WorkloadSpec: what the operator says about one workload, as plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "host/limits.h"

namespace berth::host {

// How instances serve calls. Plain value.
struct InstancePolicy {
  enum class Kind : std::uint8_t {
    kFresh,  // a new instance for each call, destroyed after it
    kPool,   // up to `size` instances, each serving one call at a time; a call takes the one used last
    kKept,   // `size` instances (shards) that keep their state; a call goes to the one it names, where calls
             // run one at a time, in order of arrival
  };
  Kind kind = Kind::kFresh;
  std::uint32_t size = 0;  // with kPool and kKept

  [[nodiscard]] static constexpr InstancePolicy fresh() { return {Kind::kFresh, 0}; }
  [[nodiscard]] static constexpr InstancePolicy pool(std::uint32_t size) { return {Kind::kPool, size}; }
  [[nodiscard]] static constexpr InstancePolicy one() { return shards(1); }
  [[nodiscard]] static constexpr InstancePolicy shards(std::uint32_t size) { return {Kind::kKept, size}; }
};

// What one workload may use. Memory, tables and core instances are enforced by the engine for each
// instance; the rest by the host. Plain value.
struct WorkloadLimits {
  std::uint64_t memory_bytes = std::uint64_t{64} << 20;  // of one linear memory
  std::uint32_t table_elements = 20'000;                 // of one table
  std::uint32_t core_instances = 100;
  std::chrono::milliseconds call{30'000};  // one call, and each of probe, save and restore
  std::uint32_t concurrency = 64;          // calls running at once
  std::uint32_t queue = 256;               // callers waiting, at each shard; 0: nobody waits
};

// Whether a swap of a workload that keeps state moves it from each old instance to a new one.
enum class Handover : std::uint8_t {
  kAuto,  // when both versions export berth:lifecycle/handover; refused when only the old one does
  kOff,   // never: the new version starts empty
};

// What decides which calls go to a canary.
enum class CanaryBy : std::uint8_t {
  kRandom,
  kKey,  // CallOptions::key: calls of one key go to the same side; calls without one at random
};

// One workload. Plain value.
struct WorkloadSpec {
  std::string name;
  InstancePolicy instances;
  WorkloadLimits limits;
  Handover handover = Handover::kAuto;
  CanaryBy canary_by = CanaryBy::kRandom;
  // How long the calls of an old version may go on after a swap, and calls at a stop; also how long
  // a swap of a workload that keeps state waits for the running calls before it gives up.
  std::chrono::milliseconds drain{30'000};
  // How long calls that were cancelled after that may take to end. No manifest sets it.
  std::chrono::milliseconds cancel_grace = kCancelGrace;
};

}  // namespace berth::host

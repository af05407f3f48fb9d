// Hard maxima of what a guest can log. The length of a record's parts is bounded by telemetry/limits.h.
#pragma once

#include <cstdint>

namespace berth::logging {

// Records of one workload a second unless the grant says otherwise: readable, and with the longest
// records 20 MB a second at worst for the disk.
inline constexpr std::int64_t kDefaultRecordsPerSecond = 1000;
// What a grant may ask for: one writer to one file descriptor keeps up with this.
inline constexpr std::int64_t kMaxRecordsPerSecond = 100'000;
// A burst may take the records of this many seconds at once: start-up is chatty.
inline constexpr double kBurstSeconds = 2;

}  // namespace berth::logging

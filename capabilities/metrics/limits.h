// Hard maxima of what one workload's metrics can cost the host and its monitoring.
#pragma once

#include <cstddef>

namespace berth::metrics {

// Metrics of one workload. Hand-written programs have tens.
inline constexpr std::size_t kMaxMetrics = 100;
// Series of one workload, all metrics together: the same as telemetry allows one family, so that its
// overflow series is never reached. A scrape of as many histograms is about 2 MB.
inline constexpr std::size_t kMaxSeries = 1000;
// Attributes of one measurement; together with the workload's own label below telemetry's 16.
inline constexpr std::size_t kMaxAttributes = 10;
inline constexpr std::size_t kMaxNameBytes = 64;
inline constexpr std::size_t kMaxValueBytes = 128;
inline constexpr std::size_t kMaxDescriptionBytes = 512;
inline constexpr std::size_t kMaxBuckets = 64;

}  // namespace berth::metrics

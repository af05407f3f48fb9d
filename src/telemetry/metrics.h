// Metrics: counters, gauges and histograms with labels, shown in the Prometheus text format.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace berth::telemetry {

// A sum that only grows. Thread-safe; add is one relaxed atomic addition.
class Counter final {
 public:
  void add(std::uint64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  alignas(64) std::atomic<std::uint64_t> value_ = 0;
};

// A value that goes up and down. Thread-safe; no locks.
class Gauge final {
 public:
  void set(double v) noexcept { value_.store(v, std::memory_order_relaxed); }
  void add(double v) noexcept { value_.fetch_add(v, std::memory_order_relaxed); }
  [[nodiscard]] double value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  alignas(64) std::atomic<double> value_ = 0;
};

// Counts observations in buckets; a bucket holds the values up to and including its bound.
// Thread-safe; observe takes no lock and allocates nothing.
class Histogram final {
 public:
  // `bounds` ascend; the bucket above the last one is implied.
  explicit Histogram(std::vector<double> bounds);

  // NaN is not counted: it would make the sum useless for ever.
  void observe(double v) noexcept;
  [[nodiscard]] std::uint64_t count() const noexcept;
  [[nodiscard]] double sum() const noexcept { return sum_.load(std::memory_order_relaxed); }
  [[nodiscard]] const std::vector<double>& bounds() const noexcept { return bounds_; }
  // Observations of bucket `i`, not cumulative; i == bounds().size() is the implied one.
  [[nodiscard]] std::uint64_t bucket(std::size_t i) const noexcept {
    return buckets_[i].load(std::memory_order_relaxed);
  }

 private:
  std::vector<double> bounds_;
  std::vector<std::atomic<std::uint64_t>> buckets_;
  std::atomic<double> sum_ = 0;
};

using Labels = std::vector<std::pair<std::string, std::string>>;

// Seconds, from 10 us to 60 s: a call of a guest that computes up to one that waits for a network.
[[nodiscard]] const std::vector<double>& latency_buckets();

// The series of one process. A handle is resolved once and used from then on; the series lives as
// long as its handle and is shown for kIdleSeriesAge after the last handle is gone.
//
// A family that is full (limits.h) puts further series into one whose label values are all "other",
// so a guest that invents label values costs the operator one series, not the monitoring.
//
// All resolving methods: the same name and labels give the same series.
//  kInvalidArgument: the name, a label name or the buckets are not what Prometheus accepts.
//  kAlreadyExists: the name is in use with another type, other label names or other buckets.
//  kResourceExhausted: too many families.
//
// Thread-safe. Methods take a lock; use of the handles does not.
class Metrics final {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  [[nodiscard]] Result<std::shared_ptr<Counter>> counter(std::string_view name, std::string_view help,
                                                         const Labels& labels);
  [[nodiscard]] Result<std::shared_ptr<Gauge>> gauge(std::string_view name, std::string_view help,
                                                     const Labels& labels);
  [[nodiscard]] Result<std::shared_ptr<Histogram>> histogram(std::string_view name, std::string_view help,
                                                             const Labels& labels,
                                                             std::span<const double> bounds);

  // Text exposition format 0.0.4 of every series.
  [[nodiscard]] std::string expose() const;
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace berth::telemetry

// GuestMetrics: the metrics of one workload, in the host's registry under names of their own.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tuple>

#include "base/error.h"
#include "capabilities/grants/services.h"

namespace berth::metrics {

// Names with values, borrowed for the call.
using Attributes = std::span<const std::tuple<std::string, std::string>>;

// Owned by a GuestMetrics, which outlives its use. All methods: kInvalidArgument for a wrong name, value or
// attribute, kAlreadyExists when it does not fit what the metric began with, kResourceExhausted at a
// limit. Thread-safe.
class Counter {
 public:
  virtual ~Counter() = default;
  [[nodiscard]] virtual Result<void> add(std::uint64_t amount, Attributes attributes) = 0;
};
class Gauge {
 public:
  virtual ~Gauge() = default;
  [[nodiscard]] virtual Result<void> set(double value, Attributes attributes) = 0;
  [[nodiscard]] virtual Result<void> add(double amount, Attributes attributes) = 0;
};
class Histogram {
 public:
  virtual ~Histogram() = default;
  [[nodiscard]] virtual Result<void> observe(double value, Attributes attributes) = 0;
};

// A metric "requests" of workload "store-a" is shown as guest_store_a_requests{workload="store-a",...}:
// no guest can write to the host's own metrics or to another workload's.
// Thread-safe.
class GuestMetrics final {
 public:
  explicit GuestMetrics(const grants::Services& services);
  ~GuestMetrics();
  // The same in a registry that nobody reads, for a shadow. `services` outlive it.
  [[nodiscard]] static std::shared_ptr<GuestMetrics> unseen(const grants::Services& services);
  GuestMetrics(const GuestMetrics&) = delete;
  GuestMetrics& operator=(const GuestMetrics&) = delete;

  // The same name gives the same metric; it lives as long as this. Errors as above.
  [[nodiscard]] Result<Counter*> counter(std::string_view name, std::string_view description);
  [[nodiscard]] Result<Gauge*> gauge(std::string_view name, std::string_view description);
  // No buckets: those for seconds.
  [[nodiscard]] Result<Histogram*> histogram(std::string_view name, std::string_view description,
                                             std::span<const double> buckets);
  [[nodiscard]] const grants::Services& services() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace berth::metrics

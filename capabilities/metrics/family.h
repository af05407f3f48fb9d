// Family: the series of one guest metric, one for each set of attribute values.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "capabilities/grants/services.h"
#include "capabilities/metrics/provider.h"

namespace berth::metrics {

// As Prometheus writes it: dots and dashes become underscores. `what` is for the message.
[[nodiscard]] Result<std::string> clean_name(std::string_view name, std::string_view what);
// Attributes as labels, sorted, checked; without the workload's own.
[[nodiscard]] Result<telemetry::Labels> labels_of(Attributes attributes);
// `labels` have the names of `first`.
[[nodiscard]] Result<void> expect_same_names(const telemetry::Labels& first, const telemetry::Labels& labels);

// How many series a workload has left. Thread-safe.
class SeriesBudget {
 public:
  explicit SeriesBudget(const grants::Services& services) : services_(services) {}

  // kResourceExhausted at kMaxSeries; the first time, the operator is told too.
  [[nodiscard]] Result<void> take();
  void give_back() { used_.fetch_sub(1, std::memory_order_relaxed); }
  [[nodiscard]] const grants::Services& services() const { return services_; }

 private:
  grants::Services services_;
  std::atomic<std::size_t> used_ = 0;
  std::atomic<bool> told_ = false;
};

// `Handle` is telemetry's Counter, Gauge or Histogram. Thread-safe.
template <class Handle>
class Family {
 public:
  // `budget` outlives this. `bounds` are for histograms.
  Family(SeriesBudget& budget, std::string name, std::string_view help, std::vector<double> bounds = {})
      : budget_(budget), name_(std::move(name)), help_(help), bounds_(std::move(bounds)) {}

  // Lives as long as this.
  [[nodiscard]] Result<Handle*> series(Attributes attributes) {
    telemetry::Labels labels = BERTH_TRY(labels_of(attributes));
    std::lock_guard lock(mutex_);
    if (const auto found = series_.find(labels); found != series_.end()) return found->second.get();
    if (!series_.empty()) BERTH_TRY(expect_same_names(series_.begin()->first, labels));
    BERTH_TRY(budget_.take());
    auto handle = resolve(labels);
    if (!handle) {
      budget_.give_back();
      return fail(std::move(handle).error());
    }
    return series_.emplace(std::move(labels), std::move(*handle)).first->second.get();
  }
  [[nodiscard]] const std::vector<double>& bounds() const { return bounds_; }

 private:
  [[nodiscard]] Result<std::shared_ptr<Handle>> resolve(telemetry::Labels labels) {
    const grants::Services& services = budget_.services();
    labels.emplace_back("workload", services.workload);
    if constexpr (std::is_same_v<Handle, telemetry::Counter>)
      return services.metrics.counter(name_, help_, labels);
    else if constexpr (std::is_same_v<Handle, telemetry::Gauge>)
      return services.metrics.gauge(name_, help_, labels);
    else
      return services.metrics.histogram(name_, help_, labels, bounds_);
  }

  SeriesBudget& budget_;
  const std::string name_;
  const std::string help_;
  const std::vector<double> bounds_;
  std::mutex mutex_;
  std::map<telemetry::Labels, std::shared_ptr<Handle>> series_;
};

}  // namespace berth::metrics

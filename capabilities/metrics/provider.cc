// GuestMetrics: the metrics of one workload by name.
#include "capabilities/metrics/provider.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <variant>

#include "capabilities/metrics/family.h"
#include "capabilities/metrics/limits.h"

namespace berth::metrics {
namespace {

Result<void> expect_number(double value) {
  if (std::isnan(value)) return fail(Code::kInvalidArgument, "the value is not a number");
  return {};
}

class FamilyCounter final : public Counter {
 public:
  explicit FamilyCounter(auto&&... a) : family_(std::forward<decltype(a)>(a)...) {}
  Result<void> add(std::uint64_t amount, Attributes attributes) override {
    BERTH_TRY(family_.series(attributes))->add(amount);
    return {};
  }

 private:
  Family<telemetry::Counter> family_;
};

class FamilyGauge final : public Gauge {
 public:
  explicit FamilyGauge(auto&&... a) : family_(std::forward<decltype(a)>(a)...) {}
  Result<void> set(double value, Attributes attributes) override {
    BERTH_TRY(expect_number(value));
    BERTH_TRY(family_.series(attributes))->set(value);
    return {};
  }
  Result<void> add(double amount, Attributes attributes) override {
    BERTH_TRY(expect_number(amount));
    BERTH_TRY(family_.series(attributes))->add(amount);
    return {};
  }

 private:
  Family<telemetry::Gauge> family_;
};

class FamilyHistogram final : public Histogram {
 public:
  explicit FamilyHistogram(auto&&... a) : family_(std::forward<decltype(a)>(a)...) {}
  Result<void> observe(double value, Attributes attributes) override {
    BERTH_TRY(expect_number(value));
    BERTH_TRY(family_.series(attributes))->observe(value);
    return {};
  }
  [[nodiscard]] const std::vector<double>& bounds() const { return family_.bounds(); }

 private:
  Family<telemetry::Histogram> family_;
};

std::string prefix_of(std::string_view workload) {
  std::string prefix = "guest_";
  for (const char c : workload) prefix += c == '-' || c == '.' ? '_' : c;
  return prefix + '_';
}

}  // namespace

// Thread-safe.
class GuestMetrics::Impl {
 public:
  explicit Impl(const grants::Services& services)
      : budget_(services), prefix_(prefix_of(services.workload)) {}

  template <class T>
  [[nodiscard]] Result<T*> metric(std::string_view name, std::string_view description,
                                  std::vector<double> bounds = {}) {
    if (description.size() > kMaxDescriptionBytes)
      return fail(Code::kInvalidArgument, fmt::format("the description has {} bytes; {} is the most",
                                                      description.size(), kMaxDescriptionBytes));
    std::string clean = BERTH_TRY(clean_name(name, "name of the metric"));
    std::lock_guard lock(mutex_);
    if (const auto found = metrics_.find(clean); found != metrics_.end()) {
      const auto* same = std::get_if<std::unique_ptr<T>>(&found->second);
      if (same == nullptr)
        return fail(Code::kAlreadyExists, fmt::format("{} exists as another kind of metric", clean));
      if constexpr (std::is_same_v<T, FamilyHistogram>)
        if ((*same)->bounds() != bounds)
          return fail(Code::kAlreadyExists, fmt::format("{} exists with other buckets", clean));
      return same->get();
    }
    if (metrics_.size() >= kMaxMetrics)
      return fail(Code::kResourceExhausted,
                  fmt::format("this workload has {} metrics, the most there may be", kMaxMetrics));
    auto made = [&] {
      if constexpr (std::is_same_v<T, FamilyHistogram>)
        return std::make_unique<T>(budget_, prefix_ + clean, description, std::move(bounds));
      else
        return std::make_unique<T>(budget_, prefix_ + clean, description);
    }();
    T* metric = made.get();
    metrics_.emplace(std::move(clean), std::move(made));
    return metric;
  }
  [[nodiscard]] const grants::Services& services() const { return budget_.services(); }

 private:
  using Metric = std::variant<std::unique_ptr<FamilyCounter>, std::unique_ptr<FamilyGauge>,
                              std::unique_ptr<FamilyHistogram>>;

  SeriesBudget budget_;
  const std::string prefix_;
  std::mutex mutex_;
  std::map<std::string, Metric, std::less<>> metrics_;
};

GuestMetrics::GuestMetrics(const grants::Services& services) : impl_(std::make_unique<Impl>(services)) {}
GuestMetrics::~GuestMetrics() = default;

std::shared_ptr<GuestMetrics> GuestMetrics::unseen(const grants::Services& services) {
  struct Apart {
    explicit Apart(const grants::Services& services) : metrics({services.workload, services.log, registry}) {}
    telemetry::Metrics registry;
    GuestMetrics metrics;
  };
  const auto apart = std::make_shared<Apart>(services);
  return {apart, &apart->metrics};
}

const grants::Services& GuestMetrics::services() const { return impl_->services(); }

Result<Counter*> GuestMetrics::counter(std::string_view name, std::string_view description) {
  return impl_->metric<FamilyCounter>(name, description);
}

Result<Gauge*> GuestMetrics::gauge(std::string_view name, std::string_view description) {
  return impl_->metric<FamilyGauge>(name, description);
}

Result<Histogram*> GuestMetrics::histogram(std::string_view name, std::string_view description,
                                           std::span<const double> buckets) {
  if (buckets.size() > kMaxBuckets)
    return fail(Code::kInvalidArgument,
                fmt::format("{} buckets; {} is the most", buckets.size(), kMaxBuckets));
  if (!std::ranges::all_of(buckets, [](double b) { return std::isfinite(b); }) ||
      std::ranges::adjacent_find(buckets, std::greater_equal{}) != buckets.end())
    return fail(Code::kInvalidArgument, "the buckets must be finite and ascend");
  if (buckets.empty()) buckets = telemetry::latency_buckets();
  return impl_->metric<FamilyHistogram>(name, description,
                                        std::vector<double>(buckets.begin(), buckets.end()));
}

}  // namespace berth::metrics

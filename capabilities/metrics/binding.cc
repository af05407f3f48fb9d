// metrics binding: berth:metrics/metrics over GuestMetrics.
#include "capabilities/metrics/binding.h"

#include <bindings/metrics_wit.h>

#include "capabilities/grants/interfaces.h"

namespace berth::metrics {
namespace {

namespace contract = wit::berth::metrics;
namespace items = contract::metrics;
template <class T = void>
using Said = std::expected<T, items::Error>;
template <class T = void>
using Answer = Result<Said<T>>;

constexpr std::string_view kNames[] = {"metrics"};

// What the guest is told. An error of our own making ends the call instead.
template <class T = void>
Answer<T> refuse(Error error) {
  switch (error.code()) {
    case Code::kInvalidArgument:
    case Code::kAlreadyExists: return Said<T>(std::unexpect, items::Error::Invalid{error.message()});
    case Code::kResourceExhausted: return Said<T>(std::unexpect, items::Error::TooMany{error.message()});
    default: return fail(std::move(error));
  }
}

Answer<> answer(Result<void> result) {
  if (result) return Said<>();
  return refuse(std::move(result).error());
}

// The guest's handles: each stands for a metric that the GuestMetrics owns. One thread at a time.
class CounterHandle final : public items::Counter {
 public:
  explicit CounterHandle(metrics::Counter& counter) : counter_(counter) {}
  Answer<> add(std::uint64_t amount, Attributes attributes) override {
    return answer(counter_.add(amount, attributes));
  }

 private:
  metrics::Counter& counter_;
};

class GaugeHandle final : public items::Gauge {
 public:
  explicit GaugeHandle(metrics::Gauge& gauge) : gauge_(gauge) {}
  Answer<> set(double value, Attributes attributes) override { return answer(gauge_.set(value, attributes)); }
  Answer<> add(double amount, Attributes attributes) override {
    return answer(gauge_.add(amount, attributes));
  }

 private:
  metrics::Gauge& gauge_;
};

class HistogramHandle final : public items::Histogram {
 public:
  explicit HistogramHandle(metrics::Histogram& histogram) : histogram_(histogram) {}
  Answer<> observe(double value, Attributes attributes) override {
    return answer(histogram_.observe(value, attributes));
  }

 private:
  metrics::Histogram& histogram_;
};

template <class Item, class Handle, class Metric>
Answer<std::unique_ptr<Item>> handle(Result<Metric*> metric) {
  if (!metric) return refuse<std::unique_ptr<Item>>(std::move(metric).error());
  return Said<std::unique_ptr<Item>>(std::make_unique<Handle>(**metric));
}

// Thread-safe, as the GuestMetrics is.
class MetricsBinding final : public contract::Metrics {
 public:
  explicit MetricsBinding(GuestMetrics& metrics) : metrics_(metrics) {}

  Answer<std::unique_ptr<items::Counter>> counter_open(std::string_view name,
                                                       std::string_view description) override {
    return handle<items::Counter, CounterHandle>(metrics_.counter(name, description));
  }
  Answer<std::unique_ptr<items::Gauge>> gauge_open(std::string_view name,
                                                   std::string_view description) override {
    return handle<items::Gauge, GaugeHandle>(metrics_.gauge(name, description));
  }
  Answer<std::unique_ptr<items::Histogram>> histogram_open(std::string_view name,
                                                           std::string_view description,
                                                           std::span<const double> buckets) override {
    return handle<items::Histogram, HistogramHandle>(metrics_.histogram(name, description, buckets));
  }

 private:
  GuestMetrics& metrics_;
};

class MetricsGrant final : public host::Grant {
 public:
  explicit MetricsGrant(std::shared_ptr<GuestMetrics> metrics)
      : metrics_(std::move(metrics)), binding_(*metrics_) {}

  std::string_view capability() const override { return "metrics"; }
  bool covers(std::string_view interface) const override { return metrics::covers(interface); }
  // The grant outlives every linker's result: host::Grant says so.
  Result<void> link(abi::Linker& linker) const override {
    return contract::Metrics::add_to_linker(
        linker, [this](abi::InstanceState&) -> contract::Metrics* { return &binding_; });
  }
  std::shared_ptr<const host::Grant> shadow() const override {
    return std::make_shared<MetricsGrant>(GuestMetrics::unseen(metrics_->services()));
  }

 private:
  std::shared_ptr<GuestMetrics> metrics_;
  mutable MetricsBinding binding_;
};

}  // namespace

bool covers(std::string_view interface) {
  return grants::contains({"berth:metrics", "0.1.0", kNames}, interface);
}

std::shared_ptr<const host::Grant> grant(std::shared_ptr<GuestMetrics> metrics) {
  return std::make_shared<MetricsGrant>(std::move(metrics));
}

}  // namespace berth::metrics

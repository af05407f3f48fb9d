// Metrics: families, label limits and the text format.
#include "telemetry/metrics.h"

#include <fmt/format.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <variant>

#include "telemetry/limits.h"
#include "telemetry/utf8.h"

namespace berth::telemetry {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;
using Cell = std::variant<std::shared_ptr<Counter>, std::shared_ptr<Gauge>, std::shared_ptr<Histogram>>;

constexpr std::string_view kOther = "other";

struct Series {
  Cell cell;
  std::optional<SteadyTime> idle_since;  // no handle since; unset while there is one
};

struct Family {
  std::string help;
  prometheus::MetricType type = prometheus::MetricType::Untyped;
  std::vector<std::string> label_names;  // sorted
  std::vector<double> bounds;
  std::map<std::vector<std::string>, Series> series;  // by label values, in the order of label_names
};

bool has_handles(const Series& series) {
  return std::visit([](const auto& cell) { return cell.use_count() > 1; }, series.cell);
}

bool is_name(std::string_view name, bool colon) {
  const auto letter = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colon && c == ':');
  };
  return !name.empty() && name.size() <= kMaxMetricNameBytes && letter(name[0]) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

// Valid UTF-8 of at most `limit` bytes.
std::string clean(std::string_view text, std::size_t limit) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Char c = decode_utf8(text.substr(i));
    const std::string_view piece = c.valid ? text.substr(i, c.length) : "\xef\xbf\xbd";
    if (out.size() + piece.size() > limit) break;
    out += piece;
    i += c.length;
  }
  return out;
}

Result<> check(std::string_view name, const Labels& labels) {
  if (!is_name(name, /*colon=*/true)) {
    return fail(
        Code::kInvalidArgument,
        fmt::format("\"{}\" is no metric name; use letters, digits, _ and :, not starting with a digit, at "
                    "most {} bytes",
                    clean(name, kMaxMetricNameBytes), kMaxMetricNameBytes));
  }
  if (labels.size() > kMaxLabels) {
    return fail(Code::kInvalidArgument,
                fmt::format("metric {} has {} labels; {} are allowed", name, labels.size(), kMaxLabels));
  }
  for (const auto& [label, value] : labels) {
    if (!is_name(label, /*colon=*/false) || label.starts_with("__") || label == "le" || label == "quantile") {
      return fail(
          Code::kInvalidArgument,
          fmt::format("metric {}: \"{}\" is no label name; use letters, digits and _, not starting with a "
                      "digit or __, and neither le nor quantile",
                      name, clean(label, kMaxMetricNameBytes)));
    }
  }
  return {};
}

Result<> check_bounds(std::string_view name, std::span<const double> bounds) {
  if (bounds.size() > kMaxBuckets) {
    return fail(Code::kInvalidArgument,
                fmt::format("metric {} has {} buckets; {} are allowed", name, bounds.size(), kMaxBuckets));
  }
  const bool ascend = std::ranges::adjacent_find(bounds, std::ranges::greater_equal{}) == bounds.end();
  if (!ascend || std::ranges::any_of(bounds, [](double b) { return !std::isfinite(b); })) {
    return fail(Code::kInvalidArgument,
                fmt::format("metric {}: bucket bounds must be finite and ascend", name));
  }
  return {};
}

void fill(const Counter& cell, prometheus::ClientMetric& out) {
  out.counter.value = static_cast<double>(cell.value());
}
void fill(const Gauge& cell, prometheus::ClientMetric& out) { out.gauge.value = cell.value(); }
void fill(const Histogram& cell, prometheus::ClientMetric& out) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i <= cell.bounds().size(); ++i) {
    total += cell.bucket(i);
    const double bound =
        i < cell.bounds().size() ? cell.bounds()[i] : std::numeric_limits<double>::infinity();
    out.histogram.bucket.push_back({total, bound});
  }
  // From the buckets read above, so that the implied bucket and the count agree in one scrape.
  out.histogram.sample_count = total;
  out.histogram.sample_sum = cell.sum();
}

}  // namespace

Histogram::Histogram(std::vector<double> bounds) : bounds_(std::move(bounds)), buckets_(bounds_.size() + 1) {}

void Histogram::observe(double v) noexcept {
  if (std::isnan(v)) return;
  const auto at = std::ranges::lower_bound(bounds_, v);
  buckets_[static_cast<std::size_t>(at - bounds_.begin())].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(v, std::memory_order_relaxed);
}

std::uint64_t Histogram::count() const noexcept {
  std::uint64_t total = 0;
  for (const auto& bucket : buckets_) total += bucket.load(std::memory_order_relaxed);
  return total;
}

const std::vector<double>& latency_buckets() {
  static const std::vector<double> kBuckets = {0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001,
                                               0.0025,  0.005,    0.01,    0.025,  0.05,    0.1,    0.25,
                                               0.5,     1,        2.5,     5,      10,      30,     60};
  return kBuckets;
}

struct Metrics::Impl {
  // Families and series are found by name and label values; the lock is never taken by a handle.
  mutable std::mutex mutex;
  mutable std::map<std::string, Family, std::less<>> families;

  template <class T, class Make>
  Result<std::shared_ptr<T>> resolve(std::string_view name, std::string_view help,
                                     prometheus::MetricType type, const Labels& labels,
                                     std::span<const double> bounds, Make make) {
    BERTH_TRY(check(name, labels));
    Labels sorted = labels;
    std::ranges::sort(sorted);
    std::vector<std::string> names;
    std::vector<std::string> values;
    for (auto& [label, value] : sorted) {
      if (!names.empty() && names.back() == label) {
        return fail(Code::kInvalidArgument, fmt::format("metric {}: label {} is given twice", name, label));
      }
      names.push_back(std::move(label));
      values.push_back(clean(value, kMaxLabelValueBytes));
    }

    const std::lock_guard lock(mutex);
    auto family = families.find(name);
    if (family == families.end()) {
      if (families.size() >= kMaxFamilies) {
        return fail(Code::kResourceExhausted,
                    fmt::format("metric {}: more than {} metrics", name, kMaxFamilies));
      }
      family = families
                   .emplace(std::string(name), Family{clean(help, kMaxHelpBytes),
                                                      type,
                                                      std::move(names),
                                                      std::vector<double>(bounds.begin(), bounds.end()),
                                                      {}})
                   .first;
    } else if (family->second.type != type || family->second.label_names != names ||
               !std::ranges::equal(family->second.bounds, bounds)) {
      return fail(
          Code::kAlreadyExists,
          fmt::format("metric {} is in use with another type, other label names or other buckets", name));
    }

    auto& series = family->second.series;
    auto found = series.find(values);
    if (found == series.end()) {
      // One place is kept for "other" itself.
      while (series.size() >= kMaxSeriesPerFamily - 1 && drop_oldest_idle(series)) {
      }
      if (series.size() >= kMaxSeriesPerFamily - 1) {
        for (auto& value : values) value = kOther;
      }
      found = series.try_emplace(std::move(values), Series{make(), {}}).first;
    }
    found->second.idle_since.reset();
    return std::get<std::shared_ptr<T>>(found->second.cell);
  }

  // Notes which series have lost their last handle; they age from the time somebody noticed.
  static void mark_idle(std::map<std::vector<std::string>, Series>& series, SteadyTime now) {
    for (auto& [values, s] : series) {
      if (has_handles(s))
        s.idle_since.reset();
      else if (!s.idle_since)
        s.idle_since = now;
    }
  }

  static bool drop_oldest_idle(std::map<std::vector<std::string>, Series>& series) {
    mark_idle(series, std::chrono::steady_clock::now());
    auto oldest = series.end();
    for (auto it = series.begin(); it != series.end(); ++it) {
      if (it->second.idle_since &&
          (oldest == series.end() || *it->second.idle_since < *oldest->second.idle_since)) {
        oldest = it;
      }
    }
    if (oldest == series.end()) return false;
    series.erase(oldest);
    return true;
  }
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Result<std::shared_ptr<Counter>> Metrics::counter(std::string_view name, std::string_view help,
                                                  const Labels& labels) {
  return impl_->resolve<Counter>(name, help, prometheus::MetricType::Counter, labels, {},
                                 [] { return std::make_shared<Counter>(); });
}

Result<std::shared_ptr<Gauge>> Metrics::gauge(std::string_view name, std::string_view help,
                                              const Labels& labels) {
  return impl_->resolve<Gauge>(name, help, prometheus::MetricType::Gauge, labels, {},
                               [] { return std::make_shared<Gauge>(); });
}

Result<std::shared_ptr<Histogram>> Metrics::histogram(std::string_view name, std::string_view help,
                                                      const Labels& labels, std::span<const double> bounds) {
  BERTH_TRY(check_bounds(name, bounds));
  return impl_->resolve<Histogram>(name, help, prometheus::MetricType::Histogram, labels, bounds, [&] {
    return std::make_shared<Histogram>(std::vector<double>(bounds.begin(), bounds.end()));
  });
}

std::string Metrics::expose() const {
  std::vector<prometheus::MetricFamily> shown;
  {
    const std::lock_guard lock(impl_->mutex);
    const SteadyTime now = std::chrono::steady_clock::now();
    shown.reserve(impl_->families.size());
    for (auto& [name, family] : impl_->families) {
      Impl::mark_idle(family.series, now);
      std::erase_if(family.series, [&](const auto& entry) {
        return entry.second.idle_since && now - *entry.second.idle_since > kIdleSeriesAge;
      });
      if (family.series.empty()) continue;
      prometheus::MetricFamily& out = shown.emplace_back();
      out.name = name;
      out.help = family.help;
      out.type = family.type;
      for (const auto& [values, series] : family.series) {
        prometheus::ClientMetric& metric = out.metric.emplace_back();
        for (std::size_t i = 0; i < values.size(); ++i) {
          metric.label.push_back({family.label_names[i], values[i]});
        }
        std::visit([&](const auto& cell) { fill(*cell, metric); }, series.cell);
      }
    }
  }
  return prometheus::TextSerializer().Serialize(shown);
}

}  // namespace berth::telemetry

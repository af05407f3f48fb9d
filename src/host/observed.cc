// Observed: sums, differences and percentiles.
#include "host/observed.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace berth::host {
namespace {

// A count that went down belongs to something that was made anew.
constexpr std::uint64_t grown(std::uint64_t now, std::uint64_t before) {
  return now >= before ? now - before : now;
}

}  // namespace

std::uint64_t Observed::total() const {
  return std::accumulate(calls.begin(), calls.end(), std::uint64_t{0});
}

std::uint64_t Observed::timed() const {
  return std::accumulate(times.begin(), times.end(), std::uint64_t{0});
}

double Observed::time_of(double share) const {
  const std::uint64_t all = timed();
  if (all == 0) return 0;
  const std::vector<double>& bounds = telemetry::latency_buckets();
  const double rank = std::max(1.0, std::ceil(share * static_cast<double>(all)));
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < times.size() && i < bounds.size(); ++i) {
    if (static_cast<double>(below + times[i]) >= rank) {
      const double low = i == 0 ? 0 : bounds[i - 1];
      return low + (bounds[i] - low) * (rank - static_cast<double>(below)) / static_cast<double>(times[i]);
    }
    below += times[i];
  }
  return bounds.back();  // slower than the last bound; how much is not known
}

Observed Observed::since(const Observed& before) const {
  Observed out = *this;
  for (std::size_t i = 0; i < calls.size(); ++i) out.calls[i] = grown(calls[i], before.calls[i]);
  for (std::size_t i = 0; i < times.size() && i < before.times.size(); ++i) {
    out.times[i] = grown(times[i], before.times[i]);
  }
  return out;
}

std::vector<std::uint64_t> buckets_of(const telemetry::Histogram& histogram) {
  std::vector<std::uint64_t> out(histogram.bounds().size() + 1);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = histogram.bucket(i);
  return out;
}

}  // namespace berth::host

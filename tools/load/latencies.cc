// Latencies: buckets of a power of two, each split into equal steps.
#include "tools/load/latencies.h"

#include <algorithm>
#include <bit>

namespace load {

void Latencies::add(std::chrono::nanoseconds time) {
  max_ = std::max(max_, time);
  const auto n = static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 1));
  const int power = std::bit_width(n) - 1;
  const int shift = std::max(power - kSteps, 0);
  const auto step = (n >> shift) & ((1U << kSteps) - 1);
  ++counts_[(static_cast<std::size_t>(power) << kSteps) + step];
  ++total_;
}

std::chrono::nanoseconds Latencies::at(double share) const {
  if (total_ == 0) return std::chrono::nanoseconds(0);
  auto left = static_cast<std::uint64_t>(share * static_cast<double>(total_));
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] <= left) {
      left -= counts_[i];
      continue;
    }
    const int power = static_cast<int>(i >> kSteps);
    const std::uint64_t step = i & ((1U << kSteps) - 1);
    const int shift = std::max(power - kSteps, 0);
    const std::uint64_t base = power >= kSteps ? std::uint64_t{1} << power : 0;
    return std::min(max_, std::chrono::nanoseconds(static_cast<std::int64_t>(base + ((step + 1) << shift))));
  }
  return max_;
}

}  // namespace load

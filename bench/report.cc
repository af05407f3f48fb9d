// Report: pairing of rounds, the table and the JSON file.
#include "bench/report.h"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace berth::bench {
namespace {

// As many as make the median of the ratios move by about 0.02 from run to run; with 15 it moved by 0.05.
constexpr int kRounds = 75;
// Long enough for a stable figure, short enough that a drift of the machine hits both sides alike.
constexpr double kRoundNs = 30e6;

// How many iterations fill one round. Runs `timed` until that is known.
std::uint64_t calibrate(const Timed& timed) {
  for (std::uint64_t n = 1;; n *= 4) {
    double took = static_cast<double>(timed(n));
    if (took >= kRoundNs / 4 || n > (1ULL << 32)) {
      return std::max<std::uint64_t>(
          1, static_cast<std::uint64_t>(static_cast<double>(n) * kRoundNs / std::max(took, 1.0)));
    }
  }
}

}  // namespace

double percentile(std::vector<double>& samples, double share) {
  if (samples.empty()) return 0;
  auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(samples.size() - 1));
  std::nth_element(samples.begin(), samples.begin() + at, samples.end());
  return samples[static_cast<std::size_t>(at)];
}

void Report::compare(const std::string& name, const std::string& peer_name, double max_ratio,
                     const Timed& ours, const Timed& peer) {
  if (!only_.empty() && only_ != name) return;
  std::uint64_t n = calibrate(ours);
  std::uint64_t m = calibrate(peer);
  std::vector<double> a, b, ratios;
  for (int round = 0; round < kRounds; ++round) {
    double x = static_cast<double>(ours(n)) / static_cast<double>(n);
    double y = static_cast<double>(peer(m)) / static_cast<double>(m);
    a.push_back(x);
    b.push_back(y);
    ratios.push_back(x / y);
  }
  double ratio = percentile(ratios, 0.5);
  add({name, percentile(a, 0.5), "ns", peer_name, percentile(b, 0.5), ratio,
       fmt::format("ratio <= {}", max_ratio), ratio > 0 && ratio <= max_ratio});
}

void Report::at_most(const std::string& name, double value, const std::string& unit, double max) {
  add({name, value, unit, "", 0, 0, fmt::format("<= {}", max), value <= max});
}

void Report::add(Figure figure) {
  const Figure& f = figures_.emplace_back(std::move(figure));
  fmt::print("{:<20} {:>12.1f} {:<6} {:<28} {:>12.1f} {:>7.2f}  {:<16} {}\n", f.name, f.value, f.unit, f.peer,
             f.peer_value, f.ratio, f.goal, f.ok ? "ok" : "MISSED");
  std::fflush(stdout);
}

bool Report::all_ok() const {
  return std::ranges::all_of(figures_, [](const Figure& f) { return f.ok; });
}

bool Report::finish(const std::string& path) const {
  nlohmann::json list = nlohmann::json::array();
  for (const Figure& f : figures_) {
    list.push_back({{"name", f.name},
                    {"value", f.value},
                    {"unit", f.unit},
                    {"peer", f.peer},
                    {"peer_value", f.peer_value},
                    {"ratio", f.ratio},
                    {"goal", f.goal},
                    {"ok", f.ok}});
  }
  std::ofstream out(path);
  out << list.dump(2) << "\n";
  return static_cast<bool>(out.flush());
}

}  // namespace berth::bench

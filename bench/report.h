// Report: rows of measured figures, printed as a table and written as build/bench.json.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace berth::bench {

// One figure, as it stands in bench.json. Where there is a peer, ratio = value / peer_value.
struct Figure {
  std::string name;
  double value = 0;
  std::string unit;
  std::string peer;
  double peer_value = 0;
  double ratio = 0;
  std::string goal;
  bool ok = false;
};

// Runs `iterations` of something and returns the nanoseconds they took.
using Timed = std::function<std::uint64_t(std::uint64_t iterations)>;

// Collects figures. One thread at a time.
class Report {
 public:
  // Empty: measures everything; otherwise compare() measures only the figure of that name.
  explicit Report(std::string only = {}) : only_(std::move(only)) {}

  // Times `ours` and `peer` in turn, round by round, so that a machine whose speed drifts moves both;
  // the ratio is the median of the rounds' ratios. ok when ratio <= max_ratio.
  void compare(const std::string& name, const std::string& peer_name, double max_ratio, const Timed& ours,
               const Timed& peer);
  // A figure with an upper bound of its own.
  void at_most(const std::string& name, double value, const std::string& unit, double max);
  void add(Figure figure);

  // Prints the table to stdout and writes the JSON list. False when the file cannot be written.
  [[nodiscard]] bool finish(const std::string& path) const;
  [[nodiscard]] bool all_ok() const;

 private:
  std::string only_;
  std::vector<Figure> figures_;
};

// The value at `share` (0..1) of sorted-on-demand samples; 0 when there are none.
[[nodiscard]] double percentile(std::vector<double>& samples, double share);

}  // namespace berth::bench

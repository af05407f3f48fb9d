// Progress of a transfer: a bar on a terminal, a line at its begin and end otherwise.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "artifact/oci/repository.h"

namespace berth::cli {

// Writes to standard error, which is for people. Nothing with `quiet` (--json).
// One thread at a time.
class ProgressLine final {
 public:
  // `doing`: "pulling", "pushing".
  explicit ProgressLine(std::string doing, bool quiet);
  ~ProgressLine() { end(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // Must not be called after this is gone.
  [[nodiscard]] artifact::oci::Progress callback();
  // Ends the line of a bar, so that something else can be printed.
  void end();

 private:
  void show(std::uint64_t done, std::uint64_t total);

  std::string doing_;
  bool quiet_;
  bool terminal_;
  bool drawn_ = false;           // a bar stands on the line
  std::uint64_t last_ = 0;       // the bytes last shown
  std::uint64_t announced_ = 0;  // the total last announced
  std::chrono::steady_clock::time_point next_{};
};

// "64.0 MiB", "812 bytes"
[[nodiscard]] std::string shown_size(std::uint64_t bytes);

}  // namespace berth::cli

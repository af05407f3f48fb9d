// Bars and lines.
#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "cli/output.h"

namespace berth::cli {
namespace {

constexpr std::chrono::milliseconds kBetweenBars{100};
constexpr std::uint64_t kBarCells = 30;

}  // namespace

std::string shown_size(std::uint64_t bytes) {
  constexpr double kStep = 1024;
  if (bytes < 1024) return fmt::format("{} bytes", bytes);
  double size = static_cast<double>(bytes) / kStep;
  const char* unit = "KiB";
  for (const char* larger : {"MiB", "GiB"}) {
    if (size < kStep) break;
    size /= kStep;
    unit = larger;
  }
  return fmt::format("{:.1f} {}", size, unit);
}

ProgressLine::ProgressLine(std::string doing, bool quiet)
    : doing_(std::move(doing)), quiet_(quiet), terminal_(::isatty(STDERR_FILENO) == 1) {}

void ProgressLine::end() {
  if (std::exchange(drawn_, false)) std::fputc('\n', stderr);
}

artifact::oci::Progress ProgressLine::callback() {
  if (quiet_) return {};
  return [this](std::uint64_t done, std::uint64_t total) { show(done, total); };
}

void ProgressLine::show(std::uint64_t done, std::uint64_t total) {
  const bool first = announced_ != total || done < last_;
  announced_ = total;
  last_ = done;
  if (!terminal_) {
    if (first) print_line(stderr, fmt::format("{} {}", doing_, shown_size(total)));
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  if (done < total && now < next_) return;
  next_ = now + kBetweenBars;
  const std::uint64_t cells = total == 0 ? kBarCells : done * kBarCells / total;
  std::string bar(cells, '#');
  bar.resize(kBarCells, ' ');
  const std::string line =
      fmt::format("\r{} [{}] {} of {}   ", doing_, bar, shown_size(done), shown_size(total));
  std::fwrite(line.data(), 1, line.size(), stderr);
  drawn_ = true;
}

}  // namespace berth::cli

// LineLog: what a guest writes to stdout and stderr, as log records.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "capabilities/cli/limits.h"
#include "capabilities/grants/services.h"
#include "capabilities/grants/token_bucket.h"

namespace berth::cli_streams {

// One workload's share of the log. Escaping is the logger's.
// Thread-safe.
class LineLog {
 public:
  explicit LineLog(const grants::Services& services)
      : log_(services.log), workload_(services.workload), bucket_(kLinesPerSecond, kLineBurst) {}

  // `stream` is 1 or 2; `line` without its newline.
  void write(int stream, std::string_view line);

 private:
  telemetry::Logger& log_;
  const std::string workload_;
  std::mutex mutex_;
  grants::TokenBucket bucket_;
  std::uint64_t dropped_ = 0;
};

// Cuts one instance's output into lines. Destroying it writes the last, unfinished ones.
// Thread-safe: the engine may write from a thread of its own.
class LineBuffer {
 public:
  explicit LineBuffer(std::shared_ptr<LineLog> log) : log_(std::move(log)) {}
  LineBuffer(const LineBuffer&) = delete;
  LineBuffer& operator=(const LineBuffer&) = delete;
  ~LineBuffer();

  void write(int stream, std::string_view data);

 private:
  std::shared_ptr<LineLog> log_;
  std::mutex mutex_;
  std::string pending_[2];
};

}  // namespace berth::cli_streams

// Denials: what an operator sees when a guest asks for more than it was granted.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "capabilities/grants/services.h"
#include "capabilities/grants/token_bucket.h"

namespace berth::grants {

// Counts the denials of one capability to one version of a workload, and logs them with the manifest
// line that would allow them: the first ones at once, a flood as a few lines with a count.
// Thread-safe.
class Denials {
 public:
  Denials(const Services& services, std::string_view capability, std::string_view version);

  // `what`: "a tcp connection to 10.0.0.1:80". `line`: the text to add under workloads.NAME.grants,
  // "sockets: { tcp: [\"10.0.0.1:80\"] }", or how to write it otherwise.
  void report(std::string_view what, std::string_view line);

  [[nodiscard]] std::uint64_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  telemetry::Logger& log_;
  const std::string workload_;
  const std::string capability_;
  // nullptr when the registry is full: a denial is then only logged.
  std::shared_ptr<telemetry::Counter> counter_;
  std::atomic<std::uint64_t> count_ = 0;
  std::mutex mutex_;
  TokenBucket bucket_;
  std::uint64_t unlogged_ = 0;
};

// Text a guest chose, safe to stand inside a line: cut at kMaxShownBytes, control characters escaped.
[[nodiscard]] std::string shown(std::string_view text);

}  // namespace berth::grants

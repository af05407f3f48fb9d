// Failures: what an operator sees when what stands behind a capability does not work.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "capabilities/grants/services.h"
#include "capabilities/grants/token_bucket.h"

namespace berth::grants {

// Logs warnings: the first times at once, a flood as a few lines with a count. Thread-safe.
class Failures {
 public:
  // `what`: the key of the field that says what failed, a constant: "bucket".
  Failures(const Services& services, std::string_view capability, std::string_view what);

  void report(std::string_view name, std::string_view message);

 private:
  telemetry::Logger& log_;
  const std::string workload_;
  const std::string capability_;
  const std::string_view what_;
  std::mutex mutex_;
  TokenBucket bucket_;
  std::uint64_t unlogged_ = 0;
};

}  // namespace berth::grants

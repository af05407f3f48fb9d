// GuestLog: one workload's voice in the log.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <tuple>

#include "capabilities/grants/services.h"
#include "capabilities/grants/token_bucket.h"
#include "capabilities/logging/limits.h"
#include "telemetry/log.h"

namespace berth::logging {

// Plain value.
struct Options {
  telemetry::Level level = telemetry::Level::kInfo;
  std::int64_t records_per_second = kDefaultRecordsPerSecond;
  enum class Voice : std::uint8_t { kHeard, kSilent } voice = Voice::kHeard;
};

// Writes records that carry the workload's name and "from: guest" first, so that nothing in a record
// can pass for the host or for another workload.
// Thread-safe.
class GuestLog {
 public:
  using Field = std::tuple<std::string, std::string>;  // key, value

  GuestLog(const grants::Services& services, const Options& options)
      : GuestLog(services.log, services.workload, options) {}
  GuestLog(telemetry::Logger& log, std::string workload, const Options& options);

  [[nodiscard]] bool enabled(telemetry::Level level) const;
  // Does nothing below the level. A flood is cut to the grant's rate; the count of what was dropped
  // is logged when there is room again.
  void log(telemetry::Level level, std::string_view message, std::span<const Field> fields);
  // One that writes nothing, for a shadow.
  [[nodiscard]] std::shared_ptr<GuestLog> silent() const;

 private:
  telemetry::Logger& log_;
  const std::string workload_;
  const Options options_;
  std::mutex mutex_;
  grants::TokenBucket bucket_;
  std::uint64_t dropped_ = 0;
};

}  // namespace berth::logging

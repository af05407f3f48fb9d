// Services: what a grant may use of the process it lives in.
#pragma once

#include <cstdint>
#include <string>

#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace berth::grants {

// What a workload's instances are for.
enum class Use : std::uint8_t {
  kCalls,
  // They only say what they are: a capability may deny everything, and look for nothing outside.
  kDescription,
};

// The logger and the metrics outlive every grant made with them. Plain value.
struct Services {
  std::string workload;
  telemetry::Logger& log;
  telemetry::Metrics& metrics;
  Use use = Use::kCalls;
};

}  // namespace berth::grants

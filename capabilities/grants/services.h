// Services: what a grant may use of the process it lives in.
#pragma once

#include <string>

#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace berth::grants {

// The logger and the metrics outlive every grant made with them. Plain value.
struct Services {
  std::string workload;
  telemetry::Logger& log;
  telemetry::Metrics& metrics;
};

}  // namespace berth::grants

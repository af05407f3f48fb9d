// metrics binding: berth:metrics/metrics over GuestMetrics.
#pragma once

#include <memory>
#include <string_view>

#include "capabilities/metrics/provider.h"
#include "host/capability.h"

namespace berth::metrics {

[[nodiscard]] bool covers(std::string_view interface);
[[nodiscard]] std::shared_ptr<const host::Grant> grant(std::shared_ptr<GuestMetrics> metrics);

}  // namespace berth::metrics

// metrics: the manifest section `metrics: {}`.
#pragma once

#include "capabilities/grants/capability.h"

namespace berth::metrics {

[[nodiscard]] grants::Capability capability();

}  // namespace berth::metrics

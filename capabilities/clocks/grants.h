// clocks: the manifest section `clocks: {}`.
#pragma once

#include "capabilities/grants/capability.h"

namespace berth::clocks {

[[nodiscard]] grants::Capability capability();

}  // namespace berth::clocks

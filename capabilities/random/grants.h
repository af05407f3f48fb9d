// random: the manifest section `random: {}`.
#pragma once

#include "capabilities/grants/capability.h"

namespace berth::random {

[[nodiscard]] grants::Capability capability();

}  // namespace berth::random

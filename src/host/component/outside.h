// The decisions of all grants of one workload about the outside, as the engine asks for them.
#pragma once

#include <memory>

#include "abi/state.h"
#include "host/capability.h"

namespace berth::host {

// For one instance. Allows what any of the settings' functions allows; its output goes to a receiver
// of its own from each of settings.output. With none of them, it denies and discards.
[[nodiscard]] std::shared_ptr<abi::OutsidePolicy> outside_policy(
    std::shared_ptr<const WasiSettings> settings);

}  // namespace berth::host

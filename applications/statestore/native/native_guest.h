// The memory store as a native version of a workload: the host's swap and call paths without an engine.
#pragma once

#include <memory>
#include <string>

#include "host/version.h"

namespace berth::statestore {

// Callers use host::Typed<Store>, as with a component. Hands its entries over, also to a component and back.
[[nodiscard]] std::shared_ptr<const host::Version> native_store_version(std::string digest);

}  // namespace berth::statestore

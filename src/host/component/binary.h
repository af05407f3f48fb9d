// component_in: the component in whatever bytes an operator gives.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace berth::host {

// For messages about a module that cannot run as it is; {} says what it can.
inline constexpr std::string_view kCoreModule =
    "it is a core module, not a component, and {}; make it a component with `wasm-tools component new`";

// `bytes` themselves when they are a component; a preview-1 module is adapted into `room`.
//  kInvalidArgument: neither a component nor such a module.
[[nodiscard]] Result<std::span<const std::uint8_t>> component_in(std::span<const std::uint8_t> bytes,
                                                                 std::vector<std::uint8_t>& room);

}  // namespace berth::host

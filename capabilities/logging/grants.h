// logging: the manifest section `logging: { level: info }`.
#pragma once

#include <optional>
#include <string>

#include "capabilities/grants/capability.h"
#include "capabilities/logging/provider.h"

namespace berth::logging {

// The map under `logging:`; nothing when there are problems.
[[nodiscard]] std::optional<Options> read(const manifest::Value& value, const std::string& path,
                                          manifest::Problems& problems);

[[nodiscard]] grants::Capability capability();

}  // namespace berth::logging

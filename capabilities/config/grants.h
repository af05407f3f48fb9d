// config: the manifest section `config: { key: value }`.
#pragma once

#include <optional>
#include <string>

#include "capabilities/config/provider.h"
#include "capabilities/grants/capability.h"

namespace berth::config {

// The map under `config:`; nothing when there are problems.
[[nodiscard]] std::optional<Store::Values> read(const manifest::Value& value, const std::string& path,
                                                manifest::Problems& problems);

[[nodiscard]] grants::Capability capability();

}  // namespace berth::config

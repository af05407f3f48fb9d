// registry: every capability of this build. Only the program may use it: it is the one place that
// names them all.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "capabilities/grants/capability.h"

namespace berth::registry {

// In the order of the documentation.
[[nodiscard]] std::vector<grants::Capability> capabilities();

// What every workload has without a line in the manifest: standard streams to the log, arguments and
// environment, exit, and wasi:io.
[[nodiscard]] std::shared_ptr<const host::Grant> base_grant(const grants::Services& services);
// What it covers.
[[nodiscard]] bool base_covers(std::string_view interface);

}  // namespace berth::registry

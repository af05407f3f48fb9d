// Reading what a manifest says about updates.
#pragma once

#include <string>

#include "manifest/manifest.h"

namespace berth::manifest {

// The value of workloads.<name>.update. Problems begin with `path`.
[[nodiscard]] Update read_update(const Value& value, const std::string& path, InstancePolicy instances,
                                 Problems& problems);

}  // namespace berth::manifest

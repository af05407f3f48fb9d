// kubernetes binding: berth:kubernetes over a Cluster.
#pragma once

#include <memory>
#include <string_view>

#include "capabilities/grants/services.h"
#include "capabilities/kubernetes/grants.h"
#include "capabilities/kubernetes/provider.h"
#include "host/capability.h"

namespace berth::kubernetes {

[[nodiscard]] bool covers(std::string_view interface);
// `cluster` is null where no rule allows anything. A shadow reads what its workload may read, and writes
// nothing.
[[nodiscard]] std::shared_ptr<const host::Grant> grant(std::shared_ptr<Cluster> cluster,
                                                       const Settings& settings,
                                                       const grants::Services& services);

}  // namespace berth::kubernetes

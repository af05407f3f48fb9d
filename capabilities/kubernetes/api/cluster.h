// A Cluster over the API of a real server.
#pragma once

#include <memory>

#include "capabilities/kubernetes/api/client.h"
#include "capabilities/kubernetes/provider.h"

namespace berth::kubernetes {

// Does not connect yet. As Client::create. Destruction waits for what is under way, which is asked to end; it
// must not come from one of the cluster's own threads.
[[nodiscard]] Result<std::unique_ptr<Cluster>> open_cluster(ClusterConfig config, telemetry::Metrics& metrics,
                                                            ClientLimits limits = {});

}  // namespace berth::kubernetes

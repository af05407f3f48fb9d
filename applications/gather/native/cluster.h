// Cluster: what the agent asks about the cluster that it gathers from.
#pragma once

#include <string>

#include "base/error.h"

namespace berth::gather {

// Thread-safe. Both block for as long as the cluster's API takes, and are asked in each period.
class Cluster {
 public:
  virtual ~Cluster() = default;
  // What tells it from others: an OpenShift cluster's id, or the UID of the namespace kube-system.
  [[nodiscard]] virtual Result<std::string> id() = 0;
  // "4.17.3" of OpenShift, "1.31.2" of plain Kubernetes.
  [[nodiscard]] virtual Result<std::string> version() = 0;
};

}  // namespace berth::gather

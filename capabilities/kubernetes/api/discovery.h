// Discovery: the resources an API serves, from its answers.
#pragma once

#include <string_view>
#include <vector>

#include "base/error.h"
#include "capabilities/kubernetes/provider.h"

namespace berth::kubernetes {

// What to ask for: one answer with everything, where the server can.
inline constexpr std::string_view kAcceptAggregated =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

// One answer to /api or /apis. Plain value.
struct Discovered {
  std::vector<ApiResource> resources;  // of an aggregated one, subresources included as "pods/log"
  // Otherwise: the paths that hold the resources of a version each, "/apis/apps/v1".
  std::vector<std::string> versions;
};
// kInvalidArgument: it is neither; kResourceExhausted.
[[nodiscard]] Result<Discovered> read_groups(std::string_view body);
// An APIResourceList, the answer to one of Discovered::versions.
[[nodiscard]] Result<std::vector<ApiResource>> read_resources(std::string_view body);

}  // namespace berth::kubernetes

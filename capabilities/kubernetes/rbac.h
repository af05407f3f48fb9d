// RBAC: the roles that allow exactly what rules allow.
#pragma once

#include <string>
#include <vector>

#include "capabilities/kubernetes/rules.h"

namespace berth::kubernetes {

// Who gets them. Plain value.
struct ServiceAccount {
  std::string ns, name;
};

// A YAML stream: a ClusterRole for what is everywhere, a Role in each namespace that is named, and their
// bindings. Empty where the rules allow nothing.
[[nodiscard]] std::string rbac_yaml(const std::vector<Rule>& rules, const ServiceAccount& account);

}  // namespace berth::kubernetes

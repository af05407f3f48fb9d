// kubernetes: the manifest section `kubernetes: { verbs: […], resources: […], namespaces: […] }`.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "capabilities/grants/capability.h"
#include "capabilities/kubernetes/api/cluster_config.h"
#include "capabilities/kubernetes/limits.h"
#include "capabilities/kubernetes/rules.h"
#include "capabilities/kubernetes/wire/redaction.h"

namespace berth::kubernetes {

// Plain value.
struct Settings {
  ClusterChoice cluster;
  std::vector<Rule> rules;
  std::map<std::string, std::vector<RedactedPath>, std::less<>> redact;  // by resource
  std::chrono::milliseconds max_age = kDefaultMaxAge;
};

// The map under `kubernetes:`; nothing when there are problems. Does not look at the disk or the network.
[[nodiscard]] std::optional<Settings> read(const manifest::Value& value, const std::string& path,
                                           manifest::Problems& problems);

// Grants made with one of them that name the same cluster share its connections and lists.
[[nodiscard]] grants::Capability capability();

}  // namespace berth::kubernetes

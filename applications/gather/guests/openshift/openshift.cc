// What the cluster version operator and the other operators say about themselves.
#include "gatherer.h"

namespace gather {
namespace {

Outcome cluster_operators(Run& run, const Gatherer&) {
  kube::Client client;
  auto operators = client.cluster_operators().list();
  for (auto& op : operators) {
    const std::string name = op.metadata().name();
    for (const auto condition : op.status().conditions()) {
      const std::string type = condition.type(), status = condition.status();
      if ((type == "Available" && status == "False") || (type == "Degraded" && status == "True"))
        run.warning("the operator " + name + " has " + type + "=" + status + ": " + condition.message());
    }
    if (!run.put("config/clusteroperator/" + name + ".json", std::move(op).take())) return {};
  }
  if (operators.error()) return failed("cluster operators", *operators.error());
  return {};
}

Outcome cluster_version(Run& run, const Gatherer&) {
  auto version = kube::Client().cluster_versions().get("version");
  if (!version) return failed("the cluster's version", version.error());
  const std::string id = version->spec().cluster_id();
  if (id.empty())
    run.error("the ClusterVersion has no clusterID", "config/id");
  else if (!run.put("config/id", id))
    return {};
  (void)run.put("config/version.json", std::move(*version).take());
  return {};
}

constexpr Gatherer kGatherers[] = {
    {"cluster_operators",
     "Every ClusterOperator: whether it is available, progressing or degraded, and which versions it runs. "
     "One that is "
     "not available or degraded is a warning too.",
     {{"config/clusteroperator/{name}.json", "the ClusterOperator"}},
     cluster_operators},
    {"cluster_version",
     "The ClusterVersion: which release runs, the history of updates, and the cluster's id.",
     {{"config/version.json", "the ClusterVersion"}, {"config/id", "the cluster's id, a UUID"}},
     cluster_version},
};

}  // namespace

std::span<const Gatherer> gatherers() { return kGatherers; }

}  // namespace gather

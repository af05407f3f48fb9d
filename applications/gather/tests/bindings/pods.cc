// Reads pods, deployments and definitions through a client that was generated from a running API server.
#include "gatherer.h"

namespace gather {

Outcome typed(Run& run, const Gatherer&) {
  kube::Client client;
  std::string out;
  auto pods = client.pods().list({.namespace_ = "shop", .labels = "app=web"});
  for (auto& pod : pods) {
    out += pod.metadata().name() + " on " + pod.spec().node_name() + " " + pod.status().phase();
    for (const auto container : pod.spec().containers()) {
      out += " " + container.name() + "=" + container.image();
      for (const auto& [name, quantity] : container.resources().requests())
        out += " " + name + ":" + quantity;
    }
    for (const auto status : pod.status().container_statuses())
      out += " restarts=" + std::to_string(status.restart_count()) + (status.ready() ? " ready" : "");
    for (const auto ip : pod.status().pod_ips()) out += " " + ip.ip();
    out += "\n";
  }
  if (pods.error()) return failed("pods", *pods.error());
  const auto deployment = client.deployments().get("front", "shop");
  if (!deployment) return failed("a deployment", deployment.error());
  out += "front: " + std::to_string(deployment->spec().replicas()) + " of " +
         deployment->spec().template_().metadata().labels()["app"] + ", surge " +
         std::string(deployment->spec().strategy().rolling_update().max_surge().text()) + "\n";
  const auto none = client.deployments().get("none", "shop");
  out += "none: " + std::to_string(none ? 200 : kube::status_of(none.error())) + "\n";
  (void)run.put("typed.txt", out);
  return {};
}

constexpr Gatherer kGatherers[] = {{"typed", "", {}, typed}};
std::span<const Gatherer> gatherers() { return kGatherers; }

}  // namespace gather

// What the program itself asks a Kubernetes API, with the host's credentials.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "applications/gather/native/cluster.h"
#include "base/error.h"
#include "capabilities/kubernetes/api/cluster_config.h"
#include "manifest/manifest.h"
#include "telemetry/metrics.h"

namespace berth::kubernetes {
class Client;
}

namespace berth::cli {

// One API server. Thread-safe.
class KubeClient final {
 public:
  // Connects when it is asked. The errors of find_cluster.
  [[nodiscard]] static Result<std::unique_ptr<KubeClient>> open(const kubernetes::ClusterChoice& choice,
                                                                telemetry::Metrics& metrics);
  ~KubeClient();
  KubeClient(const KubeClient&) = delete;
  KubeClient& operator=(const KubeClient&) = delete;

  // The body of GET `path`; none: 404. Blocks. kUnavailable: no answer, or another status, whose text is in
  // the message; kResourceExhausted: more than `most` bytes.
  [[nodiscard]] Result<std::optional<std::string>> get(const std::string& path, std::uint64_t most);
  // For messages.
  [[nodiscard]] const std::string& server() const { return server_; }

 private:
  KubeClient(std::unique_ptr<kubernetes::Client> client, std::string server);

  std::unique_ptr<kubernetes::Client> client_;
  std::string server_;
};

// The cluster that the workloads with the trigger `gather` read from, for the agent; null: none of them was
// granted one. It is found and asked when the agent asks.
[[nodiscard]] std::shared_ptr<gather::Cluster> gathered_cluster(const manifest::Manifest& manifest,
                                                                telemetry::Metrics& metrics);

}  // namespace berth::cli

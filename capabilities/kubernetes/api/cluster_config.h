// ClusterConfig: where an API server is, whom to trust, and who the host is there.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/secret.h"
#include "net/http_client.h"
#include "net/url.h"

namespace berth::kubernetes {

// Plain value.
struct ClusterConfig {
  std::string name;  // for messages and metrics: the context, or "in-cluster"
  net::Url server;
  net::HttpTls tls;
  net::HttpProxy proxy;
  // At most one of them; the file is read again and again.
  Secret token;
  std::filesystem::path token_file;
};

// What the manifest says about it; all of it may be empty. Plain value.
struct ClusterChoice {
  std::filesystem::path kubeconfig;
  std::string context;
  bool operator==(const ClusterChoice&) const = default;
};

// Where a pod finds its service account.
struct PodAccount {
  std::filesystem::path folder = "/var/run/secrets/kubernetes.io/serviceaccount";
  std::string host, port;  // $KUBERNETES_SERVICE_HOST, $KUBERNETES_SERVICE_PORT
};

// One context of a kubeconfig, its current one when `context` is empty. Blocks. Every error names the file
// and what in it; none shows what is secret. kNotFound, kInvalidArgument; what weakens TLS or runs a program
// is kPermissionDenied.
[[nodiscard]] Result<ClusterConfig> read_kubeconfig(const std::filesystem::path& file,
                                                    std::string_view context);
// kNotFound, kInvalidArgument.
[[nodiscard]] Result<ClusterConfig> read_pod_account(const PodAccount& account);
// The kubeconfig that was chosen; else the service account of this pod; else $KUBECONFIG; else
// ~/.kube/config.
[[nodiscard]] Result<ClusterConfig> find_cluster(const ClusterChoice& choice);

// A whole small file. kNotFound, kUnavailable, kResourceExhausted.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& file, std::size_t most);

}  // namespace berth::kubernetes

// What the program itself asks a Kubernetes API.
#include "cli/kube_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "capabilities/kubernetes/api/client.h"
#include "capabilities/kubernetes/grants.h"
#include "manifest/problems.h"

namespace berth::cli {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kMostObjectBytes = std::uint64_t{4} << 20;  // an object of etcd has at most 1.5 MiB

// The text at a path of keys; empty where there is none.
std::string text_in(const std::string& body, std::initializer_list<const char*> keys) {
  Json json = Json::parse(body, nullptr, false);
  for (const char* key : keys) {
    if (!json.is_object() || !json.contains(key)) return {};
    json = Json(std::move(json[key]));
  }
  return json.is_string() ? json.get<std::string>() : std::string();
}

// An OpenShift cluster, or a plain one. Thread-safe.
class GatheredCluster final : public gather::Cluster {
 public:
  GatheredCluster(kubernetes::ClusterChoice choice, telemetry::Metrics& metrics)
      : choice_(std::move(choice)), metrics_(metrics) {}

  Result<std::string> id() override {
    const auto version = BERTH_TRY(cluster_version());
    if (version)
      if (std::string id = text_in(*version, {"spec", "clusterID"}); !id.empty()) return id;
    return named("/api/v1/namespaces/kube-system", {"metadata", "uid"});
  }
  Result<std::string> version() override {
    const auto version = BERTH_TRY(cluster_version());
    if (version)
      if (std::string text = text_in(*version, {"status", "desired", "version"}); !text.empty()) return text;
    std::string text = BERTH_TRY(named("/version", {"gitVersion"}));
    if (text.starts_with('v')) text.erase(0, 1);
    return text;
  }

 private:
  Result<std::optional<std::string>> cluster_version() {
    return get("/apis/config.openshift.io/v1/clusterversions/version");
  }
  Result<std::string> named(const std::string& path, std::initializer_list<const char*> keys) {
    const auto body = BERTH_TRY(get(path));
    std::string text = body ? text_in(*body, keys) : std::string();
    if (text.empty()) return fail(Code::kUnavailable, fmt::format("the API server says nothing at {}", path));
    return text;
  }
  Result<std::optional<std::string>> get(const std::string& path) {
    const std::lock_guard lock(mutex_);
    if (!client_) client_ = BERTH_TRY(KubeClient::open(choice_, metrics_));
    return client_->get(path, kMostObjectBytes);
  }

  const kubernetes::ClusterChoice choice_;
  telemetry::Metrics& metrics_;
  std::mutex mutex_;
  std::unique_ptr<KubeClient> client_;
};

}  // namespace

KubeClient::KubeClient(std::unique_ptr<kubernetes::Client> client, std::string server)
    : client_(std::move(client)), server_(std::move(server)) {}
KubeClient::~KubeClient() = default;

Result<std::unique_ptr<KubeClient>> KubeClient::open(const kubernetes::ClusterChoice& choice,
                                                     telemetry::Metrics& metrics) {
  kubernetes::ClusterConfig config = BERTH_TRY(kubernetes::find_cluster(choice));
  std::string server = config.server.to_string();
  auto client = BERTH_TRY(kubernetes::Client::create(std::move(config), metrics));
  return std::unique_ptr<KubeClient>(new KubeClient(std::move(client), std::move(server)));
}

Result<std::optional<std::string>> KubeClient::get(const std::string& path, std::uint64_t most) {
  kubernetes::TextReceiver body;
  std::promise<kubernetes::Answer<>> done;
  detach(client_->send({.path = path, .max_body_bytes = most}, body, {}),
         [&](kubernetes::Answer<> answer) { done.set_value(std::move(answer)); });
  const kubernetes::Answer<> answer = done.get_future().get();
  if (answer) return std::move(body.text);
  using Kind = kubernetes::Failure::Kind;
  const kubernetes::Failure& failure = answer.error();
  if (failure.kind == Kind::kStatus && failure.status.code == 404) return std::nullopt;
  if (failure.kind == Kind::kStatus)
    return fail(Code::kUnavailable,
                fmt::format("{}{}: {} {}", server_, path, failure.status.code, failure.status.message));
  return fail(failure.kind == Kind::kTooLarge ? Code::kResourceExhausted : Code::kUnavailable, failure.text);
}

std::shared_ptr<gather::Cluster> gathered_cluster(const manifest::Manifest& manifest,
                                                  telemetry::Metrics& metrics) {
  for (const manifest::Workload& workload : manifest.workloads) {
    if (std::ranges::find(workload.triggers, "gather", &manifest::Trigger::name) == workload.triggers.end())
      continue;
    const auto grant = std::ranges::find(workload.grants, "kubernetes", &manifest::Grant::name);
    if (grant == workload.grants.end()) continue;
    manifest::Problems problems(manifest.file);
    if (auto settings = kubernetes::read(grant->value, "kubernetes", problems))
      return std::make_shared<GatheredCluster>(std::move(settings->cluster), metrics);
  }
  return nullptr;
}

}  // namespace berth::cli

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

Outcome api_request_counts(Run& run, const Gatherer&) {
  const std::string alert = run.parameter("alert_name").string();
  if (alert.empty()) return std::unexpected("the parameter alert_name is missing");
  const auto counts = kube::Kind<kube::Object>("apiserver.openshift.io", "v1", "apirequestcounts");
  std::string out;
  for (const auto labels : kube::List<kube::View>(run.parameter("alerts"))) {
    const std::string name = labels.at("resource").string() + "." + labels.at("version").string() + "." +
                             labels.at("group").string();
    auto count = counts.get(name);
    if (!count) {
      run.error(name + ": " + kube::text_of(count.error()));
      continue;
    }
    out += out.empty() ? "[{\"resource\":" : ",{\"resource\":";
    kube::json::append_quoted(out, name);
    const kube::View status = count->at("status");
    out += ",\"removed_in_release\":";
    kube::json::append_quoted(out, status.at("removedInRelease").string());
    out += ",\"total_request_count\":" + std::to_string(status.at("requestCount").integer());
    std::int64_t day = 0;
    for (const auto hour : kube::List<kube::View>(status.at("last24h")))
      day += hour.at("requestCount").integer();
    out += ",\"last_day_request_count\":" + std::to_string(day) + "}";
  }
  if (!out.empty()) (void)run.put("conditional/alerts/" + alert + "/api_request_counts.json", out + "]");
  return {};
}

constexpr Gatherer kGatherers[] = {
    {"api_request_counts_of_resource_from_alert",
     "How often an API is asked for that an alert is about. Parameter: `alert_name`.",
     {{"conditional/alerts/{alert}/api_request_counts.json",
       "by resource: when it is removed, requests in all and of the last day"}},
     api_request_counts,
     true},
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

// What plain Kubernetes has: the table, and the gatherers that put each object into a record as it is.
#include "core/core.h"

#include <array>

namespace gather {
namespace {

// Objects of one kind, each a record. `limit` 0: all.
struct Kind {
  std::string_view gatherer, group, version, plural;
  std::size_t limit = 0;
};

constexpr Kind kKinds[] = {
    {"certificate_signing_requests", "certificates.k8s.io", "v1", "certificatesigningrequests"},
    {"cluster_role_bindings", "rbac.authorization.k8s.io", "v1", "clusterrolebindings"},
    {"cluster_roles", "rbac.authorization.k8s.io", "v1", "clusterroles"},
    {"crds", "apiextensions.k8s.io", "v1", "customresourcedefinitions"},
    {"ingress_classes", "networking.k8s.io", "v1", "ingressclasses"},
    {"jobs", "batch", "v1", "jobs", 1000},
    {"limit_ranges", "", "v1", "limitranges", 1000},
    {"mutating_webhook_configurations", "admissionregistration.k8s.io", "v1",
     "mutatingwebhookconfigurations"},
    {"namespaces", "", "v1", "namespaces"},
    {"nodes", "", "v1", "nodes"},
    {"persistent_volume_claims", "", "v1", "persistentvolumeclaims", 1000},
    {"persistent_volumes", "", "v1", "persistentvolumes"},
    {"pod_disruption_budgets", "policy", "v1", "poddisruptionbudgets", 100},
    {"pods", "", "v1", "pods"},
    {"priority_classes", "scheduling.k8s.io", "v1", "priorityclasses"},
    {"resource_quotas", "", "v1", "resourcequotas", 1000},
    {"storage_classes", "storage.k8s.io", "v1", "storageclasses"},
    {"validating_webhook_configurations", "admissionregistration.k8s.io", "v1",
     "validatingwebhookconfigurations"},
};

Outcome objects(Run& run, const Gatherer& gatherer) {
  const Kind* kind = kKinds;
  while (kind->gatherer != gatherer.name) ++kind;
  kube::api::Listing listing({wit::string::from_view(kind->group), wit::string::from_view(kind->version),
                              wit::string::from_view(kind->plural)},
                             std::nullopt, {wit::string::from_view(""), wit::string::from_view("")});
  const std::string_view pattern = gatherer.records.begin()->path;
  for (std::size_t count = 0;;) {
    auto page = listing.Next();
    if (!page) return failed(kind->plural, page.error());
    if (page->empty()) return {};
    for (auto& item : page->get_view()) {
      if (kind->limit && count++ == kind->limit) {
        run.warning("there are more than " + std::to_string(kind->limit) + " " + std::string(kind->plural) +
                    "; the rest is left out");
        return {};
      }
      if (!run.put(path_of(pattern, item.namespace_.get_view(), item.name.get_view()),
                   std::move(item.object)))
        return {};
    }
  }
}

constexpr Gatherer kGatherers[] = {
    {"certificate_signing_requests",
     "Requests for certificates, and what became of them.",
     {{"config/certificatesigningrequests/{name}.json", "the CertificateSigningRequest"}},
     objects},
    {"cluster_role_bindings",
     "Who has which cluster role.",
     {{"cluster-scoped-resources/rbac.authorization.k8s.io/clusterrolebindings/{name}.json",
       "the ClusterRoleBinding"}},
     objects},
    {"cluster_roles",
     "What cluster roles allow.",
     {{"cluster-scoped-resources/rbac.authorization.k8s.io/clusterroles/{name}.json", "the ClusterRole"}},
     objects},
    {"config_maps",
     "The values of config maps, each a record of its own.",
     {{"config/configmaps/{namespace}/{name}/{key}", "the value, as it is"}},
     config_maps},
    {"container_images",
     "Which images the containers of running pods are made of, by the month in which the pods were created; "
     "at most "
     "1,000 images.",
     {{"config/running_containers.json", "images by number; containers by month and number of their image"}},
     container_images},
    {"containers_logs",
     "The last lines of the pods that an alert is about. Parameters: `alert_name`, `tail_lines` (100), "
     "`container` (all), `previous` "
     "(false).",
     {{"conditional/namespaces/{namespace}/pods/{name}/containers/{container}/{logs|logs-previous}/"
       "last-{lines}-lines.log",
       "what it wrote"}},
     containers_logs,
     true},
    {"crds",
     "Which kinds of objects were added to the API.",
     {{"config/crd/{name}.json", "the CustomResourceDefinition"}},
     objects},
    {"events",
     "What happened lately, without what only machines read.",
     {{"events/{namespace}.json",
       "the events of a namespace: namespace, lastTimestamp, reason, message, type"}},
     events},
    {"failing_pods",
     "The last 100 lines of containers that restarted, wait or ended with an error, of the run before too. "
     "At most "
     "100 containers.",
     {{"config/pod/{namespace}/logs/{name}/{container}_current.log", "what it wrote"},
      {"config/pod/{namespace}/logs/{name}/{container}_previous.log",
       "what it wrote before it was restarted"}},
     failing_pods},
    {"ingress_classes",
     "Who serves ingresses.",
     {{"cluster-scoped-resources/networking.k8s.io/ingressclasses/{name}.json", "the IngressClass"}},
     objects},
    {"jobs",
     "Jobs and how they ended; at most 1,000.",
     {{"namespaces/{namespace}/batch/jobs/{name}.json", "the Job"}},
     objects},
    {"limit_ranges",
     "Defaults and bounds of what containers may use; at most 1,000.",
     {{"namespaces/{namespace}/core/limitranges/{name}.json", "the LimitRange"}},
     objects},
    {"logs_of_namespace",
     "The last lines of every container of a namespace; at most 64 containers. Parameters: `namespace`, "
     "`tail_lines` "
     "(100).",
     {{"conditional/namespaces/{namespace}/pods/{name}/containers/{container}/logs/last-{lines}-lines.log",
       "what it wrote"}},
     logs_of_namespace,
     true},
    {"mutating_webhook_configurations",
     "Who changes objects before they are stored.",
     {{"config/mutatingwebhookconfigurations/{name}.json", "the MutatingWebhookConfiguration"}},
     objects},
    {"namespaces",
     "The namespaces, with their labels and state.",
     {{"cluster-scoped-resources/core/namespaces/{name}.json", "the Namespace"}},
     objects},
    {"nodes",
     "The nodes: capacity, conditions, versions.",
     {{"config/node/{name}.json", "the Node"}},
     objects},
    {"persistent_volume_claims",
     "Who asks for storage, and got it or not; at most 1,000.",
     {{"namespaces/{namespace}/core/persistentvolumeclaims/{name}.json", "the PersistentVolumeClaim"}},
     objects},
    {"persistent_volumes",
     "Storage that is there.",
     {{"config/persistentvolumes/{name}.json", "the PersistentVolume"}},
     objects},
    {"pod_disruption_budgets",
     "How many pods may be missing; at most 100.",
     {{"config/pdbs/{namespace}/{name}.json", "the PodDisruptionBudget"}},
     objects},
    {"pod_definition",
     "The pods that an alert is about. Parameter: `alert_name`.",
     {{"conditional/namespaces/{namespace}/pods/{name}/{name}.json", "the Pod"}},
     pod_definition,
     true},
    {"pods",
     "Every pod, with what its containers do.",
     {{"config/pod/{namespace}/{name}.json", "the Pod"}},
     objects},
    {"priority_classes",
     "Which pods come first.",
     {{"cluster-scoped-resources/scheduling.k8s.io/priorityclasses/{name}.json", "the PriorityClass"}},
     objects},
    {"resource_quotas",
     "What namespaces may use, and do; at most 1,000.",
     {{"namespaces/{namespace}/core/resourcequotas/{name}.json", "the ResourceQuota"}},
     objects},
    {"server_version",
     "Which version the API server is.",
     {{"config/kubernetes_version.json", "the API's /version"}},
     server_version},
    {"service_accounts",
     "How many service accounts there are, and how many secrets each has; 1,000 of them by name.",
     {{"config/serviceaccounts.json", "the number of all, and the accounts by namespace"}},
     service_accounts},
    {"storage_classes",
     "Kinds of storage.",
     {{"config/storage/storageclasses/{name}.json", "the StorageClass"}},
     objects},
    {"validating_webhook_configurations",
     "Who may refuse objects before they are stored.",
     {{"config/validatingwebhookconfigurations/{name}.json", "the ValidatingWebhookConfiguration"}},
     objects},
    {"workload_info",
     "Shapes of what runs: for each namespace how many pods are alike in their containers' images. "
     "Namespaces are "
     "hashes, images their digests.",
     {{"config/workload_info.json", "pods, images, and by namespace the shapes of its pods"}},
     workload_info},
};

}  // namespace

std::span<const Gatherer> gatherers() { return kGatherers; }

}  // namespace gather

// kubernetes: the section and its mistakes; clusters that grants share.
#include "capabilities/kubernetes/grants.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>

#include "capabilities/grants/section.h"
#include "capabilities/kubernetes/api/cluster.h"
#include "capabilities/kubernetes/binding.h"
#include "manifest/reader.h"

namespace berth::kubernetes {
namespace {

constexpr manifest::Key kRuleKeys[] = {
    {"verbs", "list of verbs", "required", "[get, list]",
     "Some of get, list, watch, create, update, patch and delete."},
    {"resources", "list of resources", "required", "[pods, pods/log, deployments.apps]",
     "Plurals, with their group where they have one; a subresource must be named by itself."},
    {"namespaces", "list of text", "required", "[\"*\"]",
     "Where: names of namespaces, or \"*\" for all of them and for what is in none."},
    {"names", "list of text", "[]", "[web]",
     "Only objects of these names; a list then needs the field selector metadata.name=NAME. Empty: all."},
};
constexpr manifest::Section kRuleSection{
    .path = "grants.kubernetes.rules", .text = "One rule.", .keys = kRuleKeys};

constexpr manifest::Key kKeys[] = {
    {"kubeconfig", "file", "", "/etc/berth/kubeconfig",
     "Where the API is and who berth is there. Without it: the service account of this pod, else "
     "$KUBECONFIG, else "
     "~/.kube/config. Guests never see any of it."},
    {"context", "text", "the file's current one", "production", "The context of the kubeconfig."},
    kRuleKeys[0],
    kRuleKeys[1],
    kRuleKeys[2],
    kRuleKeys[3],
    {"rules", "list of maps", "[]", "[{ verbs: [get], resources: [configmaps], namespaces: [shop] }]",
     "In place of verbs, resources, namespaces and names: several rules with these keys; one of them must "
     "allow a "
     "request."},
    {"redact", "map of lists", "{}", "{ pods: [\"spec.containers[*].env[*].value\"] }",
     "What is taken out of every object of a resource. The data of Secrets always is."},
    {"max-age", "duration", "60s", "5m",
     "How old a list may be that several guests share. 0s: none is shared."},
};
constexpr manifest::Section kSection{
    .path = "grants.kubernetes",
    .text = "What a workload may do in a Kubernetes API. `kubernetes: {}` allows nothing.",
    .keys = kKeys};

// The keys of one rule; `map` is the section itself or an item of `rules`.
class RuleReader {
 public:
  RuleReader(const manifest::Value& map, std::string path, manifest::Problems& problems)
      : map_(map), path_(std::move(path)), problems_(problems) {}

  Rule read() {
    Rule rule;
    each("verbs", [&](const grants::Text& one) {
      const auto verb = std::ranges::find(kVerbs, one.text, [](Verb v) { return name_of(v); });
      if (verb == std::end(kVerbs))
        return problem(one.mark, "verbs", "must be get, list, watch, create, update, patch or delete");
      rule.verbs.push_back(*verb);
    });
    if (std::ranges::count(rule.verbs, Verb::kWatch) > 0 && std::ranges::count(rule.verbs, Verb::kList) == 0)
      problem(map_.find("verbs")->mark(), "verbs",
              "has watch without list; a watch begins with what is there, so write both");
    each("resources", [&](const grants::Text& one) { resource(one, rule); });
    each("namespaces", [&](const grants::Text& one) {
      if (one.text == "*")
        rule.everywhere = true;
      else if (is_label(one.text))
        rule.namespaces.push_back(one.text);
      else
        problem(one.mark, "namespaces", "is no namespace; \"*\" means all of them");
    });
    if (rule.everywhere && !rule.namespaces.empty())
      problem(map_.find("namespaces")->mark(), "namespaces", "names some beside \"*\"; leave them out");
    if (map_.find("names") != nullptr) {
      each("names", [&](const grants::Text& one) {
        if (!is_object_name(one.text)) return problem(one.mark, "names", "is no name of an object");
        rule.names.push_back(one.text);
      });
      if (std::ranges::count(rule.verbs, Verb::kCreate) > 0 &&
          !std::ranges::all_of(rule.resources, [](const std::string& r) { return r.contains('/'); }))
        problem(map_.find("names")->mark(), "names",
                "cannot bound create, whose objects have no name yet; write it as a rule of its own");
    }
    return rule;
  }

 private:
  void problem(manifest::Mark mark, std::string_view key, std::string_view message) {
    problems_.add(mark, fmt::format("{}.{}: {}", path_, key, message));
  }
  template <class F>
  void each(std::string_view key, F take) {
    const manifest::Value* value = map_.find(key);
    if (value == nullptr) return problem(map_.mark(), key, "is missing");
    const auto texts = grants::read_texts(map_, key, fmt::format("{}.{}", path_, key), problems_);
    if (texts.empty() && (value->is_null() || value->is_list()) && value->items().empty())
      problem(value->mark(), key, "names none, so the rule allows nothing; leave the rule out");
    for (const grants::Text& one : texts) take(one);
  }
  void resource(const grants::Text& one, Rule& rule) {
    const auto parsed = parse_resource(one.text);
    if (!parsed)
      return problem(one.mark, "resources",
                     "must be plurals like pods, deployments.apps or pods/log; there is no \"*\" for all");
    if (is_forbidden(parsed->plural, parsed->subresource))
      return problem(
          one.mark, "resources",
          fmt::format("{} would hand out credentials or a connection into the cluster, and is never "
                      "granted",
                      one.text));
    rule.resources.push_back(one.text);
  }

  const manifest::Value& map_;
  std::string path_;
  manifest::Problems& problems_;
};

bool has_rule(const manifest::Value& map) {
  return std::ranges::any_of(kRuleKeys,
                             [&](const manifest::Key& key) { return map.find(key.name) != nullptr; });
}

void read_rules(const manifest::Value& value, manifest::MapReader& reader, manifest::Problems& problems,
                std::vector<Rule>& rules) {
  const manifest::Value* list = reader.get("rules");
  if (list == nullptr) {
    if (has_rule(value)) rules.push_back(RuleReader(value, reader.path(), problems).read());
    return;
  }
  if (has_rule(value))
    reader.problem(list->mark(), "rules", "has no meaning beside verbs, resources, namespaces or names");
  int number = 0;
  for (const manifest::Value& item :
       grants::read_list(*list, reader.path_of("rules"), kMaxRules,
                         "rules: [{ verbs: [get], resources: [pods], namespaces: [shop] }]", problems)) {
    const std::string path = fmt::format("{}[{}]", reader.path_of("rules"), number++);
    if (manifest::MapReader(item, kRuleSection, path, problems).is_map())
      rules.push_back(RuleReader(item, path, problems).read());
  }
}

void read_redact(manifest::MapReader& reader, manifest::Problems& problems, Settings& settings) {
  const manifest::Value* map = reader.get("redact");
  if (map == nullptr || map->is_null()) return;
  const std::string path = reader.path_of("redact");
  if (!map->is_map())
    return problems.add(
        map->mark(),
        fmt::format("{} must be a map; write `redact: {{ pods: [\"spec.containers[*].env\"] }}`", path));
  std::size_t count = 0;
  for (const manifest::Value::Entry& entry : map->entries()) {
    const std::string here = fmt::format("{}.{}", path, entry.key);
    const auto resource = parse_resource(entry.key);
    if (!resource || !resource->subresource.empty()) {
      problems.add(entry.key_mark,
                   fmt::format("{}: {} is no resource; write a plural like pods or deployments.apps", path,
                               manifest::shown(entry.key)));
      continue;
    }
    for (const grants::Text& one : grants::read_texts(*map, entry.key, here, problems)) {
      auto parsed = RedactedPath::parse(one.text);
      if (!parsed)
        problems.add(one.mark, fmt::format("{}: {}", here, parsed.error().message()));
      else if (++count > kMaxRedactedPaths)
        problems.add(one.mark, fmt::format("{} has more than {} paths", path, kMaxRedactedPaths));
      else
        settings.redact[entry.key].push_back(std::move(*parsed));
    }
  }
}

// The clusters of the grants that live, by what the manifest says of them. Thread-safe.
class Clusters {
 public:
  Result<std::shared_ptr<Cluster>> get(const ClusterChoice& choice, telemetry::Metrics& metrics) {
    const std::lock_guard lock(mutex_);
    std::erase_if(known_, [](const Known& one) { return one.cluster.expired(); });
    for (const Known& one : known_)
      if (one.choice == choice && one.metrics == &metrics)
        if (auto cluster = one.cluster.lock()) return cluster;
    auto config = BERTH_TRY(find_cluster(choice));
    std::shared_ptr<Cluster> cluster = BERTH_TRY(open_cluster(std::move(config), metrics));
    known_.push_back({choice, &metrics, cluster});
    return cluster;
  }

 private:
  struct Known {
    ClusterChoice choice;
    telemetry::Metrics* metrics;
    std::weak_ptr<Cluster> cluster;
  };
  std::mutex mutex_;
  std::vector<Known> known_;
};

}  // namespace

std::optional<Settings> read(const manifest::Value& value, const std::string& path,
                             manifest::Problems& problems) {
  const std::size_t before = grants::count(problems);
  Settings settings;
  manifest::MapReader reader(value, kSection, path, problems);
  if (!reader.is_map()) return std::nullopt;
  if (const auto file = reader.text("kubeconfig")) {
    if (file->empty() || file->contains('\0'))
      reader.problem(reader.get("kubeconfig")->mark(), "kubeconfig", "is no path");
    settings.cluster.kubeconfig =
        (std::filesystem::path(problems.file()).parent_path() / *file).lexically_normal();
  }
  settings.cluster.context = reader.text("context").value_or("");
  settings.max_age =
      reader.duration("max-age", std::chrono::milliseconds(0), kMaxMaxAge).value_or(kDefaultMaxAge);
  read_rules(value, reader, problems, settings.rules);
  read_redact(reader, problems, settings);
  if (grants::count(problems) > before) return std::nullopt;
  return settings;
}

grants::Capability capability() {
  return {
      .info = {.name = "kubernetes", .covers = covers, .grant_line = "kubernetes: {}"},
      .section = &kSection,
      .read = [clusters = std::make_shared<Clusters>()](const manifest::Value& value, const std::string& path,
                                                        manifest::Problems& problems) -> grants::Maker {
        auto settings = read(value, path, problems);
        if (!settings) return {};
        return [clusters, settings = std::move(*settings)](
                   const grants::Services& services) -> Result<std::shared_ptr<const host::Grant>> {
          if (services.use == grants::Use::kDescription) return grant(nullptr, {}, services);
          // One that allows nothing needs no API.
          std::shared_ptr<Cluster> cluster;
          if (!settings.rules.empty()) {
            auto found = clusters->get(settings.cluster, services.metrics);
            if (!found) return fail(std::move(found).error().context("kubernetes"));
            cluster = std::move(*found);
          }
          return grant(std::move(cluster), settings, services);
        };
      },
  };
}

}  // namespace berth::kubernetes

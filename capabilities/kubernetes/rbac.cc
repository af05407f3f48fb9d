// RBAC: rules by namespace, in the words of rbac.authorization.k8s.io.
#include "capabilities/kubernetes/rbac.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "capabilities/kubernetes/wire/json.h"

namespace berth::kubernetes {
namespace {

using Texts = std::vector<std::string>;

// One item of a role's rules: everything is of one API group.
struct RoleRule {
  std::string group;
  Texts resources, names, verbs;
  bool operator==(const RoleRule&) const = default;
};
using RoleRules = std::vector<RoleRule>;

Texts sorted(Texts texts) {
  std::ranges::sort(texts);
  const auto more = std::ranges::unique(texts);
  texts.erase(more.begin(), more.end());
  return texts;
}

// `inside`: of a role of one namespace, which must not reach the namespace itself.
void add(RoleRules& to, const Rule& rule, bool inside) {
  std::map<std::string, Texts> by_group;
  for (const std::string& resource : rule.resources) {
    const auto parsed = parse_resource(resource);
    if (!parsed || (inside && parsed->group.empty() && parsed->plural == "namespaces")) continue;
    by_group[parsed->group].push_back(
        parsed->subresource.empty() ? parsed->plural : parsed->plural + "/" + parsed->subresource);
  }
  Texts verbs;
  for (const Verb verb : kVerbs)
    if (std::ranges::count(rule.verbs, verb) > 0) verbs.emplace_back(name_of(verb));
  for (auto& [group, resources] : by_group) {
    RoleRule made{group, sorted(std::move(resources)), sorted(rule.names), verbs};
    if (std::ranges::find(to, made) == to.end()) to.push_back(std::move(made));
  }
}

std::string list(const Texts& texts) {
  std::string out;
  for (const std::string& text : texts) out.append(out.empty() ? "" : ", ").append(json_string(text));
  return "[" + out + "]";
}

// `ns`: empty for a ClusterRole.
void append(std::string& out, const RoleRules& rules, const std::string& ns, const ServiceAccount& account) {
  if (rules.empty()) return;
  const std::string kind = ns.empty() ? "ClusterRole" : "Role";
  const std::string name = json_string(fmt::format("{}-{}", account.ns, account.name));
  const std::string place = ns.empty() ? "" : fmt::format("  namespace: {}\n", json_string(ns));
  const auto into = std::back_inserter(out);
  fmt::format_to(into,
                 "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: {}\nmetadata:\n  name: {}\n{}rules:\n",
                 kind, name, place);
  for (const RoleRule& rule : rules) {
    fmt::format_to(into, "  - apiGroups: [{}]\n    resources: {}\n", json_string(rule.group),
                   list(rule.resources));
    if (!rule.names.empty()) fmt::format_to(into, "    resourceNames: {}\n", list(rule.names));
    fmt::format_to(into, "    verbs: {}\n", list(rule.verbs));
  }
  fmt::format_to(
      into,
      "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: {0}Binding\nmetadata:\n  name: {1}\n{2}roleRef:\n"
      "  apiGroup: rbac.authorization.k8s.io\n  kind: {0}\n  name: {1}\nsubjects:\n  - kind: ServiceAccount\n"
      "    name: {3}\n    namespace: {4}\n",
      kind, name, place, json_string(account.name), json_string(account.ns));
}

}  // namespace

std::string rbac_yaml(const std::vector<Rule>& rules, const ServiceAccount& account) {
  RoleRules everywhere;
  std::map<std::string, RoleRules> inside;
  for (const Rule& rule : rules) {
    if (rule.everywhere) add(everywhere, rule, false);
    for (const std::string& ns : rule.namespaces) add(inside[ns], rule, true);
  }
  std::string out;
  append(out, everywhere, "", account);
  for (const auto& [ns, roles] : inside) append(out, roles, ns, account);
  return out;
}

}  // namespace berth::kubernetes

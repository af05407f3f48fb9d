// Rules: what one workload may do in an API.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capabilities/kubernetes/wire/names.h"

namespace berth::kubernetes {

enum class Verb : std::uint8_t { kGet, kList, kWatch, kCreate, kUpdate, kPatch, kDelete };
inline constexpr Verb kVerbs[] = {Verb::kGet,    Verb::kList,  Verb::kWatch, Verb::kCreate,
                                  Verb::kUpdate, Verb::kPatch, Verb::kDelete};
[[nodiscard]] std::string_view name_of(Verb verb);

// One rule of the manifest. Plain value.
struct Rule {
  std::vector<Verb> verbs;
  std::vector<std::string> resources;  // "pods", "pods/log", "deployments.apps/status"
  bool everywhere = false;             // all namespaces, and what is in none
  std::vector<std::string> namespaces;
  std::vector<std::string> names;  // empty: all
};

// What a guest asks for. Its names were checked. Borrowed.
struct Ask {
  Verb verb = Verb::kGet;
  const ResourceType& resource;
  std::string_view subresource;
  const std::optional<std::string>& ns;
  std::string_view name;    // empty: a list, or a create
  std::string_view fields;  // the field selector of a list or a watch
};

[[nodiscard]] bool allows(const std::vector<Rule>& rules, const Ask& ask);

// "list of pods in all namespaces"
[[nodiscard]] std::string shown(const Ask& ask);
// The line that would allow it: "kubernetes: { verbs: [list], resources: [pods], namespaces: [\"*\"] }".
[[nodiscard]] std::string line_for(const Ask& ask);

// Never granted, because it hands out credentials or opens a connection into the cluster: tokens of service
// accounts, exec, attach, port-forward, proxy and their like. `resource` is a plural, with or without a
// group.
[[nodiscard]] bool is_forbidden(std::string_view resource, std::string_view subresource);

// {"pods", "log"} of "pods/log", {"deployments.apps", ""} of "deployments.apps". Nothing where it is none.
struct ResourceText {
  std::string plural, group, subresource;
};
[[nodiscard]] std::optional<ResourceText> parse_resource(std::string_view text);

}  // namespace berth::kubernetes

// Scopes of the token specification: "type:name:action,action".
#include "artifact/oci/scope.h"

#include <algorithm>
#include <set>

namespace berth::artifact::oci {
namespace {

struct Parts {
  std::string_view resource;  // "repository:gather/core"
  std::vector<std::string_view> actions;
};

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(at), text.size());
    if (end > 0) out.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

Parts parts_of(std::string_view scope) {
  // A name may hold a colon (a host's port), so the actions begin behind the last one.
  const std::size_t colon = scope.rfind(':');
  if (colon == std::string_view::npos) return {scope, {}};
  return {scope.substr(0, colon), split(scope.substr(colon + 1), ',')};
}

template <class T, class V>
bool contains(const T& list, const V& value) {
  return std::ranges::find(list, value) != std::ranges::end(list);
}

}  // namespace

std::vector<std::string> scopes_to_ask(std::span<const Scope> needed, std::string_view challenged) {
  std::vector<std::string> out;
  for (const Scope& scope : needed) {
    const std::string resource = "repository:" + scope.repository;
    const bool push = scope.action == Action::kPush;
    std::string text = resource + (push ? ":pull,push" : ":pull");
    for (const std::string_view extra : {"metadata_read", "metadata_write"}) {
      if (extra == "metadata_write" && !push) continue;
      for (const std::string_view word : split(challenged, ' ')) {
        const Parts parts = parts_of(word);
        if (parts.resource != resource || !contains(parts.actions, extra)) continue;
        text.append(",").append(extra);
        break;
      }
    }
    if (!contains(out, text)) out.push_back(std::move(text));
  }
  return out;
}

bool within(std::string_view granted, std::span<const std::string> asked) {
  std::set<std::pair<std::string_view, std::string_view>> allowed;
  for (const std::string& scope : asked) {
    const Parts parts = parts_of(scope);
    for (const std::string_view action : parts.actions) allowed.emplace(parts.resource, action);
  }
  return std::ranges::all_of(split(granted, ' '), [&](std::string_view word) {
    const Parts parts = parts_of(word);
    return !parts.actions.empty() && std::ranges::all_of(parts.actions, [&](std::string_view action) {
      return allowed.contains({parts.resource, action});
    });
  });
}

}  // namespace berth::artifact::oci

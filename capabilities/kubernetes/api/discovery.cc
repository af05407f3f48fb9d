// Discovery: both forms.
#include "capabilities/kubernetes/api/discovery.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "capabilities/kubernetes/limits.h"
#include "capabilities/kubernetes/wire/json.h"

namespace berth::kubernetes {
namespace {

using Json = nlohmann::json;

const Json kNothing;

// Also for what is no object.
const Json& at(const Json& object, const char* key) {
  if (!object.is_object()) return kNothing;
  const auto found = object.find(key);
  return found == object.end() ? kNothing : *found;
}
std::string text(const Json& object, const char* key) {
  const Json& value = at(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}
const Json::array_t& list(const Json& object, const char* key) {
  static const Json::array_t none;
  const Json& value = at(object, key);
  return value.is_array() ? value.get_ref<const Json::array_t&>() : none;
}
std::vector<std::string> texts(const Json& object, const char* key) {
  std::vector<std::string> out;
  for (const Json& one : list(object, key))
    if (one.is_string()) out.push_back(one.get<std::string>());
  return out;
}

Result<Json> parse(std::string_view body) {
  // Depth is bounded first: the tree's parser does not.
  JsonScan scan(body);
  std::string_view all;
  if (!scan.skip(all) || !scan.end()) return fail(scan.error().context("the API's discovery"));
  Json out = Json::parse(body, nullptr, false);
  if (!out.is_object()) return fail(Code::kInvalidArgument, "the API's discovery is no object");
  return out;
}

Result<void> add(std::vector<ApiResource>& out, ApiResource resource) {
  if (out.size() >= kMaxApiResources)
    return fail(Code::kResourceExhausted,
                fmt::format("the API serves more than {} resources", kMaxApiResources));
  out.push_back(std::move(resource));
  return {};
}

Result<void> add_aggregated(std::vector<ApiResource>& out, const Json& group) {
  for (const Json& version : list(group, "versions"))
    for (const Json& resource : list(version, "resources")) {
      const ResourceType type{.group = text(at(group, "metadata"), "name"),
                              .version = text(version, "version"),
                              .plural = text(resource, "resource")};
      const bool namespaced = text(resource, "scope") == "Namespaced";
      BERTH_TRY(add(out, {.resource = type,
                          .kind = text(at(resource, "responseKind"), "kind"),
                          .namespaced = namespaced,
                          .verbs = texts(resource, "verbs")}));
      for (const Json& sub : list(resource, "subresources")) {
        ResourceType below = type;
        below.plural += "/" + text(sub, "subresource");
        BERTH_TRY(add(out, {.resource = below,
                            .kind = text(at(sub, "responseKind"), "kind"),
                            .namespaced = namespaced,
                            .verbs = texts(sub, "verbs")}));
      }
    }
  return {};
}

}  // namespace

Result<Discovered> read_groups(std::string_view body) {
  const Json json = BERTH_TRY(parse(body));
  const std::string kind = text(json, "kind");
  Discovered out;
  if (kind == "APIGroupDiscoveryList") {
    for (const Json& group : list(json, "items")) BERTH_TRY(add_aggregated(out.resources, group));
  } else if (kind == "APIVersions") {
    for (const std::string& version : texts(json, "versions"))
      if (is_label(version)) out.versions.push_back("/api/" + version);
  } else if (kind == "APIGroupList") {
    for (const Json& group : list(json, "groups"))
      for (const Json& version : list(group, "versions")) {
        const std::string name = text(group, "name"), number = text(version, "version");
        if (is_group(name) && !name.empty() && is_label(number))
          out.versions.push_back(fmt::format("/apis/{}/{}", name, number));
      }
  } else {
    return fail(Code::kInvalidArgument, fmt::format("the API's discovery is of no known kind: \"{}\"", kind));
  }
  if (out.versions.size() > kMaxApiResources)
    return fail(Code::kResourceExhausted, "the API serves too many versions");
  return out;
}

Result<std::vector<ApiResource>> read_resources(std::string_view body) {
  const Json json = BERTH_TRY(parse(body));
  const std::string version = text(json, "groupVersion");
  const std::size_t slash = version.find('/');
  const bool core = slash == std::string::npos;
  std::vector<ApiResource> out;
  for (const Json& resource : list(json, "resources"))
    BERTH_TRY(add(out, {.resource = {.group = core ? "" : version.substr(0, slash),
                                     .version = core ? version : version.substr(slash + 1),
                                     .plural = text(resource, "name")},
                        .kind = text(resource, "kind"),
                        .namespaced = at(resource, "namespaced") == Json(true),
                        .verbs = texts(resource, "verbs")}));
  return out;
}

}  // namespace berth::kubernetes

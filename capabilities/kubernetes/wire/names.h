// Names: what a guest may name in an API, checked, and the paths that are made of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace berth::kubernetes {

// {"apps", "v1", "deployments"}; the core group is "". Plain value.
struct ResourceType {
  std::string group, version, plural;
  bool operator==(const ResourceType&) const = default;
  // "deployments.apps", as rules say it.
  [[nodiscard]] std::string shown() const { return group.empty() ? plural : plural + "." + group; }
};

// Plain value.
struct ObjectName {
  ResourceType resource;
  std::optional<std::string> ns;  // none: a cluster-scoped object
  std::string name;
  std::optional<std::string> subresource;
};

// Selectors as the API has them; empty: all. Plain value.
struct Selection {
  std::string labels, fields;
  bool operator==(const Selection&) const = default;
};

[[nodiscard]] bool is_label(std::string_view text);  // a DNS label
[[nodiscard]] bool is_group(std::string_view text);  // "" or a DNS subdomain
// An object's name as a part of a path: printable ASCII without / % ? # \ that is not "." or "..".
[[nodiscard]] bool is_object_name(std::string_view text);

// Each fails with kInvalidArgument and a text for whoever wrote the guest.
[[nodiscard]] Result<void> check(const ResourceType& resource);
[[nodiscard]] Result<void> check_namespace(const std::optional<std::string>& ns);
[[nodiscard]] Result<void> check(const Selection& selection);
enum class Named : std::uint8_t { kYes, kCreate };  // a create has no name, unless of a subresource
[[nodiscard]] Result<void> check(const ObjectName& what, Named named = Named::kYes);

// What was checked, as a path: "/apis/apps/v1/namespaces/shop/deployments/web/status".
[[nodiscard]] std::string path_of(const ResourceType& resource, const std::optional<std::string>& ns);
[[nodiscard]] std::string path_of(const ObjectName& what);

// A query, percent-encoded. One thread at a time.
class Query {
 public:
  Query& add(std::string_view key, std::string_view value);
  // Only when there is something.
  Query& add_some(std::string_view key, std::string_view value) {
    return value.empty() ? *this : add(key, value);
  }
  Query& add(const Selection& selection) {
    return add_some("labelSelector", selection.labels).add_some("fieldSelector", selection.fields);
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace berth::kubernetes

// config_maps, service_accounts, server_version.
#include <map>

#include "core/core.h"

namespace gather {
namespace {

// RFC 4648; what is no base64 ends it.
std::string from_base64(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0, have = 0;
  for (const char c : text) {
    const int value = c >= 'A' && c <= 'Z'   ? c - 'A'
                      : c >= 'a' && c <= 'z' ? c - 'a' + 26
                      : c >= '0' && c <= '9' ? c - '0' + 52
                      : c == '+'             ? 62
                      : c == '/'             ? 63
                                             : -1;
    if (value < 0) break;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    if ((have += 6) >= 8) out += static_cast<char>(bits >> (have -= 8) & 0xFF);
  }
  return out;
}

}  // namespace

Outcome config_maps(Run& run, const Gatherer&) {
  auto maps = kube::Kind<kube::Object>("", "v1", "configmaps").list();
  for (auto& map : maps) {
    const std::string folder =
        "config/configmaps/" + map.metadata().namespace_() + "/" + map.metadata().name() + "/";
    for (const auto& [key, value] : kube::Map<std::string>(map.at("data")))
      if (!run.put(folder + key, value)) return {};
    for (const auto& [key, value] : kube::Map<std::string>(map.at("binaryData")))
      if (!run.put(folder + key, from_base64(value))) return {};
  }
  if (maps.error()) return failed("config maps", *maps.error());
  return {};
}

Outcome service_accounts(Run& run, const Gatherer&) {
  constexpr std::size_t kNamed = 1000;
  auto accounts = kube::Kind<kube::Object>("", "v1", "serviceaccounts").list();
  std::size_t count = 0;
  std::string namespaces, last;
  for (auto& account : accounts) {
    if (count++ >= kNamed) continue;
    const std::string in = account.metadata().namespace_();
    // A list is sorted by namespace.
    if (in != last) {
      if (!last.empty()) namespaces += "},";
      kube::json::append_quoted(namespaces, in);
      namespaces += ":{";
      last = in;
    } else {
      namespaces += ',';
    }
    kube::json::append_quoted(namespaces, account.metadata().name());
    namespaces +=
        ":{\"secrets\":" + std::to_string(kube::List<kube::View>(account.at("secrets")).size()) + "}";
  }
  if (accounts.error()) return failed("service accounts", *accounts.error());
  if (!last.empty()) namespaces += '}';
  (void)run.put("config/serviceaccounts.json",
                "{\"serviceAccounts\":{\"TOTAL_COUNT\":" + std::to_string(count) + ",\"namespaces\":{" +
                    namespaces + "}}}");
  return {};
}

Outcome server_version(Run& run, const Gatherer&) {
  auto version = kube::api::ServerVersion();
  if (!version) return failed("the version", version.error());
  (void)run.put("config/kubernetes_version.json", std::move(*version));
  return {};
}

}  // namespace gather

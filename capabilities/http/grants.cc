// http: reading the rules, deciding, and saying which line would have allowed it.
#include "capabilities/http/grants.h"

#include <fmt/format.h>

#include <algorithm>

#include "abi/state.h"
#include "capabilities/grants/denials.h"
#include "capabilities/grants/endpoint.h"
#include "capabilities/grants/section.h"
#include "capabilities/grants/wasi_grant.h"
#include "capabilities/http/limits.h"
#include "manifest/reader.h"

namespace berth::http {
namespace {

// Outgoing requests only: an incoming handler is an export of the guest, and its types are in `types`.
constexpr std::string_view kNames[] = {"outgoing-handler", "types"};
constexpr grants::InterfaceSet kSet{"wasi:http", grants::kWasiVersion, kNames};
constexpr std::string_view kExample = "http: [{ hosts: [api.example.com], methods: [GET] }]";
constexpr manifest::Key kKeys[] = {
    {"hosts", "list of hosts", "required", "[api.example.com, \"*.example.org\", \"http://10.0.0.7:8080\"]",
     "Where requests may go: https and port 443 unless it says otherwise."},
    {"methods", "list of methods", "required", "[GET, POST]", "What may be done there."},
    {"addresses", "list of address rules", "[]", "[10.0.0.0/8]",
     "Addresses that are not public which the hosts may lead to. A host written as an address needs none."},
};
constexpr manifest::Section kSection{
    .path = "grants.http",
    .text =
        "A list of rules about outgoing requests; one of them must allow a request. The address that is "
        "really dialled must be public or named.",
    .keys = kKeys};

bool is_method(std::string_view text) {
  return !text.empty() && text.size() <= kMaxMethodBytes &&
         std::ranges::all_of(text, [](char c) { return (c >= 'A' && c <= 'Z') || c == '-' || c == '_'; });
}

std::uint16_t default_port(bool tls) { return tls ? 443 : 80; }

// "https://host:port" with the default port left out, as a rule would say it.
std::string origin_text(bool tls, const grants::Authority& authority) {
  const std::string host = authority.host.address && !authority.host.address->is_v4()
                               ? fmt::format("[{}]", authority.host.text)
                               : authority.host.text;
  const std::uint16_t port = authority.port.value_or(default_port(tls));
  return fmt::format("{}{}{}", tls ? "" : "http://", host,
                     port == default_port(tls) ? "" : fmt::format(":{}", port));
}

class HttpGrant final : public grants::WasiGrant {
 public:
  HttpGrant(Rules rules, grants::Services services)
      : WasiGrant("http", kSet),
        rules_(std::make_shared<Rules>(std::move(rules))),
        services_(std::move(services)) {}

  void configure(host::WasiSettings& settings) const override {
    auto denials = std::make_shared<grants::Denials>(services_, "http", settings.version);
    settings.http.push_back([rules = rules_, denials](std::string_view method, std::string_view scheme,
                                                      std::string_view authority, std::string_view) {
      if (rules->allows_request(method, scheme, authority)) return true;
      report_request(*denials, method, scheme, authority);
      return false;
    });
    settings.connect.push_back([rules = rules_, denials](abi::SocketUse use, const abi::SocketAddress& to) {
      if (use != abi::SocketUse::kHttpConnect) return false;
      const net::IpAddress address = grants::address_of(to);
      if (rules->allows_address(address, to.port)) return true;
      const std::string place = grants::endpoint(address, to.port);
      denials->report(
          fmt::format("an HTTP connection to {} ({})", place, net::address_class_name(address.classify())),
          fmt::format("http: in the rule of that host: addresses: [\"{}\"]", place));
      return false;
    });
  }

 private:
  static void report_request(grants::Denials& denials, std::string_view method, std::string_view scheme,
                             std::string_view authority) {
    const std::string what = fmt::format("HTTP {} to {}://{}", grants::shown(method), grants::shown(scheme),
                                         grants::shown(authority));
    // Only what a rule can say is offered as a line to copy: the guest chose these texts.
    const auto host = grants::parse_authority(authority);
    const bool tls = scheme == "https";
    if (!host || !is_method(method) || method == "CONNECT" || (!tls && scheme != "http"))
      return denials.report(what, "nothing; no rule can allow this request");
    denials.report(
        what, fmt::format("http: [{{ hosts: [\"{}\"], methods: [{}] }}]", origin_text(tls, *host), method));
  }

  std::shared_ptr<const Rules> rules_;
  grants::Services services_;
};

Result<Origin> parse_origin(std::string_view text) {
  Origin origin;
  std::string_view rest = text;
  if (rest.starts_with("http://")) {
    origin.tls = false;
    rest.remove_prefix(7);
  } else if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else if (rest.contains("://")) {
    return fail(Code::kInvalidArgument,
                fmt::format("\"{}\": only http:// and https:// exist here", grants::shown(text)));
  }
  if (rest.contains('/'))
    return fail(Code::kInvalidArgument,
                fmt::format("\"{}\": a rule names a host, not a path; write it without what follows the host",
                            grants::shown(text)));
  if (rest.contains('@'))
    return fail(Code::kInvalidArgument,
                fmt::format("\"{}\": a rule holds no user name", grants::shown(text)));
  const auto [host, port] = grants::split_port(rest);
  origin.host = BERTH_TRY(grants::HostPattern::parse(host));
  origin.port = host.size() == rest.size() ? default_port(origin.tls) : BERTH_TRY(grants::parse_port(port));
  return origin;
}

// One `{ hosts, methods, addresses }`; what it adds to the address policy goes to `addresses`.
Rule read_rule(const manifest::Value& value, const std::string& path, std::vector<std::string>& addresses,
               manifest::Problems& problems) {
  Rule rule;
  manifest::MapReader reader(value, kSection, path, problems);
  for (const std::string_view key : {"hosts", "methods"})
    if (const manifest::Value* list = reader.require(key);
        list != nullptr && list->is_list() && list->items().empty())
      reader.problem(list->mark(), key, "names none, so the rule allows nothing; leave the rule out");
  for (const grants::Text& item : grants::read_texts(value, "hosts", reader.path_of("hosts"), problems)) {
    auto origin = parse_origin(item.text);
    if (!origin) {
      reader.problem(item.mark, "hosts", origin.error().message());
      continue;
    }
    if (const auto& address = origin->host.address())
      addresses.push_back(grants::endpoint(*address, origin->port));
    rule.origins.push_back(std::move(*origin));
  }
  for (const grants::Text& item : grants::read_texts(value, "methods", reader.path_of("methods"), problems)) {
    if (item.text == "CONNECT")
      reader.problem(item.mark, "methods",
                     "CONNECT opens a tunnel and cannot be granted; use the sockets grant");
    else if (!is_method(item.text))
      reader.problem(
          item.mark, "methods",
          fmt::format("{} is no method; write it in capitals: GET, POST", manifest::shown(item.text)));
    else
      rule.methods.push_back(item.text);
  }
  for (std::string& rule :
       grants::read_address_rules(value, "addresses", reader.path_of("addresses"), problems))
    addresses.push_back(std::move(rule));
  return rule;
}

}  // namespace

bool Rules::allows_request(std::string_view method, std::string_view scheme,
                           std::string_view authority) const {
  const bool tls = scheme == "https";
  if (!tls && scheme != "http") return false;
  const auto to = grants::parse_authority(authority);
  if (!to) return false;
  const std::uint16_t port = to->port.value_or(default_port(tls));
  return std::ranges::any_of(rules, [&](const Rule& rule) {
    return std::ranges::find(rule.methods, method) != rule.methods.end() &&
           std::ranges::any_of(rule.origins, [&](const Origin& origin) {
             return origin.tls == tls && origin.port == port && origin.host.matches(to->host);
           });
  });
}

std::optional<Rules> read(const manifest::Value& value, const std::string& path,
                          manifest::Problems& problems) {
  const std::size_t before = grants::count(problems);
  const auto items = grants::read_list(value, path, kMaxRules, kExample, problems);
  Rules rules;
  std::vector<std::string> addresses;
  if (!items.empty()) addresses.emplace_back("public");
  for (std::size_t i = 0; i < items.size(); ++i)
    rules.rules.push_back(read_rule(items[i], fmt::format("{}[{}]", path, i), addresses, problems));
  if (grants::count(problems) > before) return std::nullopt;
  auto policy = net::AddressPolicy::parse(addresses);
  if (!policy) {
    problems.add(value.mark(), fmt::format("{}: {}", path, policy.error().message()));
    return std::nullopt;
  }
  rules.addresses = std::move(*policy);
  return rules;
}

grants::Capability capability() {
  return grants::wasi_capability(
      "http", "[]", kSet, kSection, read,
      [](const Rules& rules, const grants::Services& services) -> Result<std::shared_ptr<const host::Grant>> {
        return std::make_shared<HttpGrant>(rules, services);
      });
}

}  // namespace berth::http

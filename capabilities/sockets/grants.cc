// sockets: reading the rules, deciding, and saying which line would have allowed it.
#include "capabilities/sockets/grants.h"

#include <fmt/format.h>

#include <algorithm>

#include "capabilities/grants/denials.h"
#include "capabilities/grants/endpoint.h"
#include "capabilities/grants/section.h"
#include "capabilities/grants/wasi_grant.h"
#include "manifest/reader.h"

namespace berth::sockets {
namespace {

constexpr std::string_view kNames[] = {
    "instance-network", "ip-name-lookup", "network", "tcp", "tcp-create-socket", "udp", "udp-create-socket"};
constexpr grants::InterfaceSet kSet{"wasi:sockets", grants::kWasiVersion, kNames};
constexpr manifest::Key kKeys[] = {
    {"tcp", "list of address rules", "[]", "[\"10.0.0.0/8:5432\"]", "Where TCP connections may go."},
    {"udp", "list of address rules", "[]", "[\"10.0.0.53:53\"]",
     "Where UDP datagrams may go to and come from."},
    {"listen", "list of address rules", "[]", "[\"127.0.0.1:8080\"]",
     "Local addresses that sockets may be bound to."},
    {"resolve", "list of host names", "[]", "[db.example.com, \"*.example.org\"]",
     "Names that may be looked up."},
};
constexpr manifest::Section kSection{.path = "grants.sockets",
                                     .text =
                                         "What sockets may reach. An address rule is a range or `public`, "
                                         "with or without ports. Addresses that "
                                         "are not public are allowed only by a range that names them.",
                                     .keys = kKeys};

struct UseText {
  std::string_view what, key;
};
UseText text_of(abi::SocketUse use) {
  switch (use) {
    case abi::SocketUse::kTcpConnect: return {"a TCP connection to", "tcp"};
    case abi::SocketUse::kUdpConnect:
    case abi::SocketUse::kUdpSend: return {"UDP with", "udp"};
    case abi::SocketUse::kTcpBind: return {"a TCP socket at", "listen"};
    case abi::SocketUse::kUdpBind: return {"a UDP socket at", "listen"};
    case abi::SocketUse::kHttpConnect: break;
  }
  return {};
}

class SocketsGrant final : public grants::WasiGrant {
 public:
  SocketsGrant(Rules rules, grants::Services services)
      : WasiGrant("sockets", kSet),
        rules_(std::make_shared<Rules>(std::move(rules))),
        services_(std::move(services)) {}

  void configure(host::WasiSettings& settings) const override {
    auto denials = std::make_shared<grants::Denials>(services_, "sockets", settings.version);
    settings.connect.push_back([rules = rules_, denials](abi::SocketUse use, const abi::SocketAddress& to) {
      if (use == abi::SocketUse::kHttpConnect) return false;
      const net::IpAddress address = grants::address_of(to);
      if (rules->allows(use, address, to.port)) return true;
      const UseText text = text_of(use);
      const std::string place = grants::endpoint(address, to.port);
      denials->report(
          fmt::format("{} {} ({})", text.what, place, net::address_class_name(address.classify())),
          fmt::format("sockets: {{ {}: [\"{}\"] }}", text.key, place));
      return false;
    });
    settings.resolve.push_back([rules = rules_, denials](std::string_view name) {
      if (rules->allows_lookup(name)) return true;
      // Only a real name is offered as a line to copy: the guest chose this text.
      const auto host = grants::parse_host(name);
      denials->report(fmt::format("a look-up of \"{}\"", grants::shown(name)),
                      host ? fmt::format("sockets: {{ resolve: [\"{}\"] }}", host->text)
                           : std::string("nothing; it is no host name that can be granted"));
      return false;
    });
  }

 private:
  std::shared_ptr<const Rules> rules_;
  grants::Services services_;
};

void read_addresses(const manifest::Value& section, std::string_view key, const std::string& path,
                    net::AddressPolicy& policy, manifest::Problems& problems) {
  const auto rules = grants::read_address_rules(section, key, fmt::format("{}.{}", path, key), problems);
  // Cannot fail: each rule was accepted alone.
  if (auto all = net::AddressPolicy::parse(rules)) policy = std::move(*all);
}

}  // namespace

bool Rules::allows(abi::SocketUse use, const net::IpAddress& address, std::uint16_t port) const {
  switch (use) {
    case abi::SocketUse::kTcpConnect: return tcp.allows(address, port);
    case abi::SocketUse::kUdpConnect:
    case abi::SocketUse::kUdpSend: return udp.allows(address, port);
    case abi::SocketUse::kUdpBind:
    case abi::SocketUse::kTcpBind: return listen.allows(address, port);
    case abi::SocketUse::kHttpConnect: return false;
  }
  return false;
}

bool Rules::allows_lookup(std::string_view name) const {
  const auto host = grants::parse_host(name);
  return host && std::ranges::any_of(
                     resolve, [&](const grants::HostPattern& pattern) { return pattern.matches(*host); });
}

std::optional<Rules> read(const manifest::Value& value, const std::string& path,
                          manifest::Problems& problems) {
  const std::size_t before = grants::count(problems);
  (void)manifest::MapReader(value, kSection, path, problems);
  Rules rules;
  read_addresses(value, "tcp", path, rules.tcp, problems);
  read_addresses(value, "udp", path, rules.udp, problems);
  read_addresses(value, "listen", path, rules.listen, problems);
  const std::string resolve = path + ".resolve";
  for (const grants::Text& item : grants::read_texts(value, "resolve", resolve, problems)) {
    if (auto pattern = grants::HostPattern::parse(item.text))
      rules.resolve.push_back(std::move(*pattern));
    else
      problems.add(item.mark, fmt::format("{}: {}", resolve, pattern.error().message()));
  }
  if (grants::count(problems) > before) return std::nullopt;
  return rules;
}

grants::Capability capability() {
  return grants::wasi_capability(
      "sockets", "{}", kSet, kSection, read,
      [](const Rules& rules, const grants::Services& services) -> Result<std::shared_ptr<const host::Grant>> {
        return std::make_shared<SocketsGrant>(rules, services);
      });
}

}  // namespace berth::sockets

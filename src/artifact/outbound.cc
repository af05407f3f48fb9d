// Outbound: the rules of the two kinds of hosts.
#include "artifact/outbound.h"

#include <vector>

namespace berth::artifact {

Result<Outbound> Outbound::create(std::string_view host, std::span<const std::string> addresses) {
  const auto policy =
      [](const std::vector<std::string>& rules) -> Result<std::shared_ptr<const net::AddressPolicy>> {
    return std::make_shared<const net::AddressPolicy>(BERTH_TRY(net::AddressPolicy::parse(rules)));
  };
  std::vector<std::string> rules(addresses.begin(), addresses.end());
  rules.emplace_back("public");
  Outbound out;
  out.host_ = host;
  out.others_ = BERTH_TRY(policy(rules));
  for (const char* near :
       {"127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"}) {
    rules.emplace_back(near);
  }
  // Written out, also a link-local or metadata address is meant.
  if (const auto address = net::IpAddress::parse(host)) rules.push_back(address->to_string());
  out.named_ = BERTH_TRY(policy(rules));
  return out;
}

}  // namespace berth::artifact

// Outbound: the rules of the two kinds of hosts.
#include "artifact/outbound.h"

#include <vector>

namespace berth::artifact {

Result<Outbound> Outbound::create(std::string_view host, std::span<const std::string> addresses) {
  std::vector<std::string> rules(addresses.begin(), addresses.end());
  rules.emplace_back("public");
  Outbound out;
  out.host_ = host;
  out.others_ = std::make_shared<const net::AddressPolicy>(BERTH_TRY(net::AddressPolicy::parse(rules)));
  out.named_ =
      std::make_shared<const net::AddressPolicy>(BERTH_TRY(net::AddressPolicy::of_host(host, addresses)));
  return out;
}

}  // namespace berth::artifact

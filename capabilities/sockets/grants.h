// sockets: the manifest section and the decision about each address.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "abi/state.h"
#include "capabilities/grants/capability.h"
#include "capabilities/grants/host_pattern.h"
#include "net/address.h"

namespace berth::sockets {

// What the section allows. Immutable, Thread-safe.
struct Rules {
  net::AddressPolicy tcp;     // addresses to connect to
  net::AddressPolicy udp;     // addresses to send to and to receive from
  net::AddressPolicy listen;  // local addresses to bind
  std::vector<grants::HostPattern> resolve;

  // About the address being dialled or bound, whatever name it came from. False for HTTP.
  [[nodiscard]] bool allows(abi::SocketUse use, const net::IpAddress& address, std::uint16_t port) const;
  [[nodiscard]] bool allows_lookup(std::string_view name) const;
};

// The map under `sockets:`; nothing when there are problems.
[[nodiscard]] std::optional<Rules> read(const manifest::Value& value, const std::string& path,
                                        manifest::Problems& problems);

[[nodiscard]] grants::Capability capability();

}  // namespace berth::sockets

// Endpoint: the engine's socket addresses in the words of the net room.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <span>
#include <string>

#include "abi/state.h"
#include "net/address.h"

namespace berth::grants {

[[nodiscard]] inline net::IpAddress address_of(const abi::SocketAddress& address) {
  return address.family == 6 ? net::IpAddress::v6(std::span(address.bytes))
                             : net::IpAddress::v4(std::span(address.bytes).first<4>());
}

// As an address rule says it: "10.0.0.1:80", "[fd00::1]:80".
[[nodiscard]] inline std::string endpoint(const net::IpAddress& address, std::uint16_t port) {
  return address.is_v4() ? fmt::format("{}:{}", address.to_string(), port)
                         : fmt::format("[{}]:{}", address.to_string(), port);
}

}  // namespace berth::grants

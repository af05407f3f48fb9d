// http: the manifest section and the decision about each request and each connection.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capabilities/grants/capability.h"
#include "capabilities/grants/host_pattern.h"
#include "net/address.h"

namespace berth::http {

// "api.example.com" (https, port 443), "http://127.0.0.1:8080". Plain value.
struct Origin {
  bool tls = true;
  std::uint16_t port = 443;
  grants::HostPattern host;
};

// Some hosts with what may be done there. Plain value.
struct Rule {
  std::vector<Origin> origins;
  std::vector<std::string> methods;
};

// What the section allows. Immutable, Thread-safe.
struct Rules {
  std::vector<Rule> rules;
  // Where connections may go: public addresses, those that stand in a rule as a host with its port, and
  // those in the rules' `addresses`.
  net::AddressPolicy addresses;

  [[nodiscard]] bool allows_request(std::string_view method, std::string_view scheme,
                                    std::string_view authority) const;
  // About the address being dialled, whatever name it came from.
  [[nodiscard]] bool allows_address(const net::IpAddress& address, std::uint16_t port) const {
    return addresses.allows(address, port);
  }
};

// The list under `http:`; nothing when there are problems.
[[nodiscard]] std::optional<Rules> read(const manifest::Value& value, const std::string& path,
                                        manifest::Problems& problems);

[[nodiscard]] grants::Capability capability();

}  // namespace berth::http

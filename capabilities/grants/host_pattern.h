// HostPattern: which host names a rule means.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "net/address.h"

namespace berth::grants {

// A host as it stands in a URL: a name or an address. Plain value.
struct HostName {
  std::string text;                       // lower case, without the root's dot
  std::optional<net::IpAddress> address;  // when it is one
};
// Refuses what is no DNS name or address, and names that some resolvers take for an address (octal,
// decimal, hexadecimal forms). IPv6 comes with or without brackets. kInvalidArgument.
[[nodiscard]] Result<HostName> parse_host(std::string_view text);

// "api.example.com", "*.example.com" (below it, at any depth), "*" (every host), "10.1.2.3", "[::1]".
// Immutable.
class HostPattern {
 public:
  // kInvalidArgument, with what to write instead.
  [[nodiscard]] static Result<HostPattern> parse(std::string_view text);
  [[nodiscard]] bool matches(const HostName& host) const;
  // The address, when the pattern is one.
  [[nodiscard]] const std::optional<net::IpAddress>& address() const { return host_.address; }

 private:
  enum class Kind : std::uint8_t { kExact, kBelow, kAny };
  Kind kind_ = Kind::kExact;
  HostName host_;
};

// "host", "host:port", "[::1]:port". Plain value.
struct Authority {
  HostName host;
  std::optional<std::uint16_t> port;
};
// Refuses user information and everything that is no plain host and port. kInvalidArgument.
[[nodiscard]] Result<Authority> parse_authority(std::string_view text);
// Cuts a port off: {"host", "8080"}; the second is empty without one. Nothing is checked.
[[nodiscard]] std::pair<std::string_view, std::string_view> split_port(std::string_view text);
[[nodiscard]] Result<std::uint16_t> parse_port(std::string_view text);

}  // namespace berth::grants

// IP addresses, what kind of place they lead to, and the rules for which may be dialled.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace berth::net {

// Where an address leads, most dangerous meaning first where several fit.
enum class AddressClass : std::uint8_t {
  kPublic,   // global unicast
  kPrivate,  // RFC 1918, carrier-grade NAT, unique local, site local, local NAT64
  kLoopback,
  kLinkLocal,
  kMetadata,  // a cloud's instance metadata or credential service
  kMulticast,
  kUnspecified,  // 0.0.0.0/8 and ::, which many systems take for this machine
  kReserved,     // documentation, benchmarking, broadcast, unassigned
};

[[nodiscard]] std::string_view address_class_name(AddressClass c);

// An IPv4 or IPv6 address, without a port. Immutable.
class IpAddress {
 public:
  // Exactly the forms of RFC 4291 and dotted decimal: "127.1", "0177.0.0.1", "0x7f000001" and
  // "2130706433", which other parsers take for 127.0.0.1, are refused. "fe80::1%eth0" has a zone.
  // Fails with kInvalidArgument.
  [[nodiscard]] static Result<IpAddress> parse(std::string_view text);
  // 4 or 16 bytes in network order.
  [[nodiscard]] static IpAddress v4(std::span<const std::uint8_t, 4> bytes);
  [[nodiscard]] static IpAddress v6(std::span<const std::uint8_t, 16> bytes);

  [[nodiscard]] bool is_v4() const { return v4_; }
  // 4 or 16 bytes in network order; lives as long as this.
  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return {bytes_.data(), v4_ ? 4U : 16U}; }
  // The interface of a link-local address; empty without one. Ignored by ==, classify() and rules.
  [[nodiscard]] const std::string& zone() const { return zone_; }
  [[nodiscard]] std::string to_string() const;

  // The IPv4 address this leads to, when it is one in IPv6 clothes: v4-mapped and v4-compatible,
  // NAT64 (64:ff9b::/96) or 6to4. Otherwise itself, without its zone.
  [[nodiscard]] IpAddress unwrapped() const;
  // Of the unwrapped address.
  [[nodiscard]] AddressClass classify() const;
  [[nodiscard]] bool is_public() const { return classify() == AddressClass::kPublic; }
  [[nodiscard]] bool is_private() const { return classify() == AddressClass::kPrivate; }
  [[nodiscard]] bool is_loopback() const { return classify() == AddressClass::kLoopback; }
  [[nodiscard]] bool is_metadata() const { return classify() == AddressClass::kMetadata; }

  friend bool operator==(const IpAddress& a, const IpAddress& b) {
    return a.v4_ == b.v4_ && a.bytes_ == b.bytes_;
  }

 private:
  bool v4_ = true;
  std::array<std::uint8_t, 16> bytes_{};  // beyond the fourth: zero for IPv4
  std::string zone_;
};

// A range of addresses, "10.0.0.0/8". Immutable.
class Cidr {
 public:
  // A single address is a range of one. Fails with kInvalidArgument, also for bits behind the prefix
  // ("10.0.0.1/8"), which are mostly a mistake.
  [[nodiscard]] static Result<Cidr> parse(std::string_view text);

  // Compares bits as they are: unwrap first where an IPv4 range should cover IPv6 clothes.
  [[nodiscard]] bool contains(const IpAddress& address) const;
  [[nodiscard]] bool contains(const Cidr& other) const;
  [[nodiscard]] bool is_single_address() const { return prefix_ == (network_.is_v4() ? 32 : 128); }
  [[nodiscard]] std::string to_string() const;

 private:
  IpAddress network_;
  int prefix_ = 0;
};

// True for a host name that some resolver takes for an address though IpAddress::parse refuses it:
// its last label is a number, or it is an address with a trailing dot. Such names are to be refused.
[[nodiscard]] bool is_disguised_address(std::string_view host);

// Which addresses may be dialled. A rule is a range or `public`, with an optional port or port range:
//   10.0.0.0/8   10.1.2.3:5432   [fd00::]/8:80-90   public:443
// A range allows addresses that are not public only where it lies within one non-public block, so
// 0.0.0.0/0 does not open the local network; a metadata address must be named exactly.
// Decides about the address being dialled, so it also holds after DNS rebinding.
// Immutable, Thread-safe.
class AddressPolicy {
 public:
  // Nothing is allowed.
  AddressPolicy() = default;
  // Fails with kInvalidArgument, naming the rule and what to write instead.
  [[nodiscard]] static Result<AddressPolicy> parse(std::span<const std::string> rules);
  // For a host that an operator wrote: it may be in the local network or on this machine, but not where a
  // name must not lead: link-local and metadata services, multicast, reserved ranges; unless that very
  // address is the host. `more` are further rules. kInvalidArgument, as parse.
  [[nodiscard]] static Result<AddressPolicy> of_host(std::string_view host,
                                                     std::span<const std::string> more);

  [[nodiscard]] bool allows(const IpAddress& address, std::uint16_t port) const;

 private:
  struct Rule {
    std::optional<Cidr> range;  // nothing: every public address
    bool within_special_block = false;
    std::uint16_t first_port = 0;
    std::uint16_t last_port = 65535;
  };
  [[nodiscard]] static Result<Rule> parse_rule(std::string_view text);
  std::vector<Rule> rules_;
};

}  // namespace berth::net

// IP address parsing, the table of special blocks, and the address rules.
#include "net/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "net/limits.h"

namespace berth::net {

namespace {

struct Block {
  Cidr range;
  AddressClass leads_to;
};

// The first match counts. IANA's special-purpose address registries, and the services that the big
// clouds answer on.
const std::vector<Block>& special_blocks() {
  static const std::vector<Block> kBlocks = [] {
    using enum AddressClass;
    static constexpr std::pair<std::string_view, AddressClass> kTable[] = {
        {"169.254.169.254", kMetadata},  // AWS, Azure, Google, OpenStack
        {"169.254.170.2", kMetadata},    // AWS container credentials
        {"169.254.170.23", kMetadata},   // AWS EKS pod identity
        {"100.100.100.200", kMetadata},  // Alibaba
        {"168.63.129.16", kMetadata},    // Azure's host, a public number
        {"192.0.0.192", kMetadata},      // Oracle
        {"fd00:ec2::254", kMetadata},    // AWS
        {"fd00:ec2::23", kMetadata},     // AWS EKS pod identity
        {"fd20:ce::254", kMetadata},     // Google
        {"0.0.0.0/8", kUnspecified},
        {"10.0.0.0/8", kPrivate},
        {"100.64.0.0/10", kPrivate},
        {"127.0.0.0/8", kLoopback},
        {"169.254.0.0/16", kLinkLocal},
        {"172.16.0.0/12", kPrivate},
        {"192.0.0.0/24", kReserved},
        {"192.0.2.0/24", kReserved},
        {"192.88.99.0/24", kReserved},
        {"192.168.0.0/16", kPrivate},
        {"198.18.0.0/15", kReserved},
        {"198.51.100.0/24", kReserved},
        {"203.0.113.0/24", kReserved},
        {"224.0.0.0/4", kMulticast},
        {"240.0.0.0/4", kReserved},
        {"::", kUnspecified},
        {"::1", kLoopback},
        {"64:ff9b:1::/48", kPrivate},  // NAT64 of the local network
        {"2001::/23", kReserved},      // Teredo and other protocol assignments
        {"2001:db8::/32", kReserved},
        {"2000::/3", kPublic},
        {"fc00::/7", kPrivate},
        {"fe80::/10", kLinkLocal},
        {"fec0::/10", kPrivate},  // site local: deprecated, still routed somewhere
        {"ff00::/8", kMulticast},
        {"::/0", kReserved},  // not assigned as global unicast
    };
    std::vector<Block> blocks;
    for (const auto& [text, c] : kTable) blocks.push_back({Cidr::parse(text).value(), c});
    return blocks;
  }();
  return kBlocks;
}

bool starts_with(std::span<const std::uint8_t> bytes, std::initializer_list<std::uint8_t> prefix) {
  return std::equal(prefix.begin(), prefix.end(), bytes.begin());
}

template <class N>
std::optional<N> parse_number(std::string_view text) {
  N n{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return n;
}

std::string quoted(std::string_view text) { return "\"" + std::string(text.substr(0, 100)) + "\""; }

}  // namespace

std::string_view address_class_name(AddressClass c) {
  switch (c) {
    case AddressClass::kPublic: return "public";
    case AddressClass::kPrivate: return "private";
    case AddressClass::kLoopback: return "loopback";
    case AddressClass::kLinkLocal: return "link-local";
    case AddressClass::kMetadata: return "cloud metadata";
    case AddressClass::kMulticast: return "multicast";
    case AddressClass::kUnspecified: return "unspecified";
    case AddressClass::kReserved: return "reserved";
  }
  return "unknown";
}

// ---- IpAddress --------------------------------------------------------------------------------

Result<IpAddress> IpAddress::parse(std::string_view text) {
  IpAddress address;
  const auto percent = text.find('%');
  const std::string number(text.substr(0, percent));
  if (number.size() < INET6_ADDRSTRLEN && number.find('\0') == std::string::npos) {
    // inet_pton, unlike inet_aton, takes only four decimal parts without leading zeros.
    if (percent == std::string_view::npos &&
        ::inet_pton(AF_INET, number.c_str(), address.bytes_.data()) == 1) {
      return address;
    }
    if (::inet_pton(AF_INET6, number.c_str(), address.bytes_.data()) == 1) {
      address.v4_ = false;
      if (percent == std::string_view::npos) return address;
      address.zone_ = text.substr(percent + 1);
      const bool plain =
          std::ranges::all_of(address.zone_, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
      if (!address.zone_.empty() && plain) return address;
    }
  }
  return fail(Code::kInvalidArgument,
              quoted(text) +
                  " is not an IP address: write four decimal numbers without leading zeros, such as "
                  "10.0.0.1, or an IPv6 address such as fd00::1");
}

IpAddress IpAddress::v4(std::span<const std::uint8_t, 4> bytes) {
  IpAddress address;
  std::ranges::copy(bytes, address.bytes_.begin());
  return address;
}

IpAddress IpAddress::v6(std::span<const std::uint8_t, 16> bytes) {
  IpAddress address;
  address.v4_ = false;
  std::ranges::copy(bytes, address.bytes_.begin());
  return address;
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(v4_ ? AF_INET : AF_INET6, bytes_.data(), text, sizeof text);
  return zone_.empty() ? text : text + ("%" + zone_);
}

IpAddress IpAddress::unwrapped() const {
  IpAddress plain = *this;
  plain.zone_.clear();
  if (v4_) return plain;
  const auto from = [&](std::size_t at) {
    return v4(std::span<const std::uint8_t, 4>(bytes_.data() + at, 4));
  };
  const std::span<const std::uint8_t> b(bytes_);
  if (starts_with(b, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff})) return from(12);
  if (starts_with(b, {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})) return from(12);
  if (starts_with(b, {0x20, 0x02})) return from(2);
  // v4-compatible, except :: and ::1.
  const bool compatible = starts_with(b, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  if (compatible && (b[12] != 0 || b[13] != 0 || b[14] != 0 || b[15] > 1)) return from(12);
  return plain;
}

AddressClass IpAddress::classify() const {
  const IpAddress plain = unwrapped();
  for (const Block& block : special_blocks()) {
    if (block.range.contains(plain)) return block.leads_to;
  }
  return AddressClass::kPublic;
}

// ---- Cidr -------------------------------------------------------------------------------------

Result<Cidr> Cidr::parse(std::string_view text) {
  Cidr cidr;
  const auto slash = text.find('/');
  cidr.network_ = BERTH_TRY(IpAddress::parse(text.substr(0, slash)));
  if (!cidr.network_.zone().empty()) {
    return fail(Code::kInvalidArgument, quoted(text) + ": a range has no zone: leave out what follows %");
  }
  const int bits = cidr.network_.is_v4() ? 32 : 128;
  cidr.prefix_ = bits;
  if (slash != std::string_view::npos) {
    const auto prefix = parse_number<int>(text.substr(slash + 1));
    if (!prefix || *prefix < 0 || *prefix > bits || text[slash + 1] == '-') {
      return fail(Code::kInvalidArgument,
                  quoted(text) + ": the part after / must be a number from 0 to " + std::to_string(bits));
    }
    cidr.prefix_ = *prefix;
  }
  std::array<std::uint8_t, 16> masked{};
  const auto bytes = cidr.network_.bytes();
  for (int i = 0; i < bits; ++i) {
    if (i < cidr.prefix_) masked[i / 8] |= bytes[i / 8] & (0x80 >> (i % 8));
  }
  const IpAddress network =
      bits == 32 ? IpAddress::v4(std::span<const std::uint8_t, 4>(masked.data(), 4)) : IpAddress::v6(masked);
  if (network != cidr.network_) {
    return fail(Code::kInvalidArgument, quoted(text) + ": the address has bits after the prefix; write " +
                                            network.to_string() + "/" + std::to_string(cidr.prefix_));
  }
  // An IPv4 range in v4-mapped clothes means the IPv4 range.
  if (bits == 128 && cidr.prefix_ >= 96 && network.unwrapped().is_v4() &&
      starts_with(network.bytes(), {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff})) {
    cidr.network_ = network.unwrapped();
    cidr.prefix_ -= 96;
  }
  return cidr;
}

bool Cidr::contains(const IpAddress& address) const {
  if (address.is_v4() != network_.is_v4()) return false;
  const auto a = address.bytes();
  const auto n = network_.bytes();
  const int whole = prefix_ / 8;
  if (!std::equal(n.begin(), n.begin() + whole, a.begin())) return false;
  const int rest = prefix_ % 8;
  return rest == 0 || ((a[whole] ^ n[whole]) & (0xff << (8 - rest)) & 0xff) == 0;
}

bool Cidr::contains(const Cidr& other) const { return other.prefix_ >= prefix_ && contains(other.network_); }

std::string Cidr::to_string() const {
  return is_single_address() ? network_.to_string() : network_.to_string() + "/" + std::to_string(prefix_);
}

bool is_disguised_address(std::string_view host) {
  if (IpAddress::parse(host)) return false;
  if (host.ends_with('.')) host.remove_suffix(1);
  const auto dot = host.rfind('.');
  std::string_view last = dot == std::string_view::npos ? host : host.substr(dot + 1);
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (last.empty() || !digit(last[0])) return false;
  if (std::ranges::all_of(last, digit)) return true;
  if (!last.starts_with("0x") && !last.starts_with("0X")) return false;
  return std::ranges::all_of(
      last.substr(2), [&](char c) { return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); });
}

// ---- AddressPolicy ----------------------------------------------------------------------------

Result<AddressPolicy> AddressPolicy::of_host(std::string_view host, std::span<const std::string> more) {
  std::vector<std::string> rules(more.begin(), more.end());
  for (const char* near : {"public", "127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                           "100.64.0.0/10", "fc00::/7"})
    rules.emplace_back(near);
  // Written out, also a link-local or metadata address is meant.
  if (const auto address = IpAddress::parse(host)) rules.push_back(address->to_string());
  return parse(rules);
}

Result<AddressPolicy> AddressPolicy::parse(std::span<const std::string> rules) {
  if (rules.size() > kMaxAddressRules) {
    return fail(Code::kResourceExhausted,
                "an address policy has at most " + std::to_string(kMaxAddressRules) + " rules; join ranges");
  }
  AddressPolicy policy;
  for (const std::string& text : rules) policy.rules_.push_back(BERTH_TRY(parse_rule(text)));
  return policy;
}

Result<AddressPolicy::Rule> AddressPolicy::parse_rule(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return fail(Code::kInvalidArgument, "the address rule " + quoted(text) + " " + std::string(why) +
                                            ": write a range with or without ports, such as 10.0.0.0/8, "
                                            "10.1.2.3:5432, [fd00::]/8:80-90, or public:443");
  };
  if (text.starts_with('*')) return bad("is too wide (write public for every public address)");
  Rule rule;
  std::string range;
  std::string_view ports;
  bool has_ports = false;
  const auto split_ports = [&](std::string_view rest) {
    const auto colon = rest.find(':');
    has_ports = colon != std::string_view::npos;
    if (has_ports) ports = rest.substr(colon + 1);
    return rest.substr(0, colon);
  };
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return bad("has no closing ]");
    range = text.substr(1, close - 1);
    if (range.find(':') == std::string::npos) return bad("has brackets around what is not IPv6");
    const std::string_view prefix = split_ports(text.substr(close + 1));
    if (!prefix.empty() && !prefix.starts_with('/')) return bad("has something else than / or : after ]");
    range += prefix;
  } else if (std::ranges::count(text, ':') > 1) {
    range = text;  // IPv6 without brackets has no ports
  } else {
    range = split_ports(text);
  }
  if (has_ports) {
    const auto dash = ports.find('-');
    const auto first = parse_number<std::uint16_t>(ports.substr(0, dash));
    const auto last =
        dash == std::string_view::npos ? first : parse_number<std::uint16_t>(ports.substr(dash + 1));
    if (!first || !last || *first == 0 || *first > *last)
      return bad("has no ports from 1 to 65535 after its :");
    rule.first_port = *first;
    rule.last_port = *last;
  }
  if (range == "public") return rule;
  auto parsed = Cidr::parse(range);
  if (!parsed) return fail(std::move(parsed).error().context("the address rule " + quoted(text)));
  rule.range = *std::move(parsed);
  rule.within_special_block = std::ranges::any_of(special_blocks(), [&](const Block& block) {
    return block.leads_to != AddressClass::kPublic && block.range.to_string() != "::/0" &&
           block.range.contains(*rule.range);
  });
  return rule;
}

bool AddressPolicy::allows(const IpAddress& address, std::uint16_t port) const {
  const IpAddress plain = address.unwrapped();
  const AddressClass leads_to = plain.classify();
  return std::ranges::any_of(rules_, [&](const Rule& rule) {
    if (port < rule.first_port || port > rule.last_port) return false;
    if (!rule.range) return leads_to == AddressClass::kPublic;
    if (!rule.range->contains(plain) && !rule.range->contains(address)) return false;
    if (leads_to == AddressClass::kPublic) return true;
    if (leads_to == AddressClass::kMetadata) return rule.range->is_single_address();
    return rule.within_special_block;
  });
}

}  // namespace berth::net

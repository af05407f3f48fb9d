// HostPattern: parsing and matching of host names.
#include "capabilities/grants/host_pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "capabilities/grants/denials.h"

namespace berth::grants {
namespace {

constexpr std::size_t kMaxDnsName = 253;
constexpr std::size_t kMaxDnsLabel = 63;

bool valid_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxDnsName) return false;
  std::size_t label = 0;
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
      continue;
    }
    // Underscores are not host names by the book, but service names in use have them.
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')) return false;
    if (++label > kMaxDnsLabel) return false;
  }
  return label > 0;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

}  // namespace

Result<HostName> parse_host(std::string_view text) {
  const bool bracketed = text.size() > 2 && text.front() == '[' && text.back() == ']';
  const std::string_view bare = bracketed ? text.substr(1, text.size() - 2) : text;
  if (auto address = net::IpAddress::parse(bare)) {
    if (!address->zone().empty() || (bracketed && address->is_v4()))
      return fail(Code::kInvalidArgument, fmt::format("{} is no address a rule can name", shown(text)));
    return HostName{address->to_string(), *address};
  }
  if (net::is_disguised_address(bare))
    return fail(Code::kInvalidArgument,
                fmt::format("{} is an address in disguise; write it as four decimal numbers", shown(text)));
  std::string name = lower(bare);
  if (name.ends_with('.')) name.pop_back();
  if (bracketed || !valid_name(name))
    return fail(Code::kInvalidArgument, fmt::format("\"{}\" is no host name or address", shown(text)));
  return HostName{std::move(name), std::nullopt};
}

Result<HostPattern> HostPattern::parse(std::string_view text) {
  HostPattern pattern;
  if (text == "*") {
    pattern.kind_ = Kind::kAny;
    return pattern;
  }
  std::string_view rest = text;
  if (rest.starts_with("*.")) {
    pattern.kind_ = Kind::kBelow;
    rest.remove_prefix(2);
  }
  if (rest.contains('*'))
    return fail(Code::kInvalidArgument,
                fmt::format("\"{}\": a star stands only first: `*.example.com`, or alone for every host",
                            shown(text)));
  pattern.host_ = BERTH_TRY(parse_host(rest));
  if (pattern.kind_ == Kind::kBelow && pattern.host_.address)
    return fail(Code::kInvalidArgument,
                fmt::format("\"{}\": nothing is below an address; write the address", shown(text)));
  return pattern;
}

bool HostPattern::matches(const HostName& host) const {
  switch (kind_) {
    case Kind::kAny: return true;
    case Kind::kBelow:
      return !host.address && host.text.size() > host_.text.size() + 1 && host.text.ends_with(host_.text) &&
             host.text[host.text.size() - host_.text.size() - 1] == '.';
    case Kind::kExact:
      if (host.address && host_.address) return *host.address == *host_.address;
      return !host.address && !host_.address && host.text == host_.text;
  }
  return false;
}

std::pair<std::string_view, std::string_view> split_port(std::string_view text) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end != std::string_view::npos && end + 1 < text.size() && text[end + 1] == ':')
      return {text.substr(0, end + 1), text.substr(end + 2)};
    return {text, {}};
  }
  const std::size_t colon = text.find(':');
  // More than one: an IPv6 address without brackets, which has no port.
  if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos)
    return {text, {}};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0)
    return fail(Code::kInvalidArgument,
                fmt::format("\"{}\" is no port; write a number from 1 to 65535", shown(text)));
  return port;
}

Result<Authority> parse_authority(std::string_view text) {
  const auto [host, port] = split_port(text);
  Authority authority{.host = BERTH_TRY(parse_host(host)), .port = {}};
  if (host.size() != text.size()) authority.port = BERTH_TRY(parse_port(port));
  return authority;
}

}  // namespace berth::grants

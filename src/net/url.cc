// Url: strict parsing (RFC 3986, less what is ambiguous) and resolution of references.
#include "net/url.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "net/address.h"
#include "net/limits.h"

namespace berth::net {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::unexpected<Error> bad(std::string_view why) {
  return fail(Code::kInvalidArgument, "the URL " + std::string(why));
}

// One label after the other, as host names are written (RFC 1123), and "_", which some networks use.
bool is_name(std::string_view host) {
  constexpr std::size_t kMaxName = 253;
  constexpr std::size_t kMaxLabel = 63;
  if (host.size() > kMaxName) return false;
  std::size_t label = 0;
  char before = '.';
  for (const char c : host) {
    if (c == '.') {
      if (label == 0 || before == '-') return false;
      label = 0;
    } else {
      if (!is_digit(c) && !is_letter(c) && c != '-' && c != '_') return false;
      if (c == '-' && label == 0) return false;
      if (++label > kMaxLabel) return false;
    }
    before = c;
  }
  return label > 0 && before != '-';
}

// Of a path or query.
Result<> check_characters(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c <= 0x20 || c == 0x7f) return bad("has a space or control character; write it as %20 or the like");
    if (c > 0x7f) return bad("has a character outside ASCII; write its UTF-8 bytes as %C3%A9 or the like");
    if (c == '\\') return bad("has a backslash, which some read as a slash");
    if (c == '%' && (i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2]))) {
      return bad("has a % without two hexadecimal digits after it");
    }
  }
  return {};
}

// RFC 3986, 5.2.4.
std::string without_dot_segments(std::string_view path) {
  std::vector<std::string_view> kept;
  bool folder = false;  // the last segment was "." or "..", so the path ends with a slash
  for (std::size_t at = 1; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view segment = path.substr(at, end - at);
    folder = segment == "." || segment == "..";
    if (!folder) kept.push_back(segment);
    if (segment == ".." && !kept.empty()) kept.pop_back();
    at = end + 1;
  }
  std::string out;
  for (const std::string_view segment : kept) out.append("/").append(segment);
  if (folder || out.empty()) out += '/';
  return out;
}

bool has_scheme(std::string_view reference) {
  const std::size_t colon = reference.find(':');
  if (colon == std::string_view::npos || colon == 0 || !is_letter(reference[0])) return false;
  return std::ranges::all_of(reference.substr(0, colon), [](char c) {
    return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
  });
}

}  // namespace

Result<Url> Url::parse(std::string_view text) {
  if (text.size() > kMaxUrlBytes) {
    return bad("has more than " + std::to_string(kMaxUrlBytes) + " bytes");
  }
  Url url;
  const std::size_t colon = text.find("://");
  const std::string scheme = lower(text.substr(0, std::min(colon, std::size_t{8})));
  if (colon == std::string_view::npos || (scheme != "http" && scheme != "https")) {
    return bad("must begin with http:// or https://");
  }
  url.origin_.https = scheme == "https";
  text.remove_prefix(colon + 3);
  if (text.find('#') != std::string_view::npos)
    return bad("has a fragment (#), which is never sent; leave it out");
  const std::size_t authority_end = std::min(text.find_first_of("/?"), text.size());
  BERTH_TRY(url.set_authority(text.substr(0, authority_end)));
  const std::string_view target = text.substr(authority_end);
  const std::size_t mark = target.find('?');
  const std::string_view path = target.substr(0, mark);
  BERTH_TRY(url.set_target(path.empty() ? "/" : path,
                           mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1)));
  return url;
}

Result<> Url::set_authority(std::string_view text) {
  if (text.find('@') != std::string_view::npos) {
    return bad("has a user name or password before @; credentials are given apart from the URL");
  }
  std::string_view host = text;
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return bad("has no ] after its IPv6 address");
    host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (!rest.empty() && rest[0] != ':') return bad("has something else than a port after ]");
    has_port = !rest.empty();
    if (has_port) port = rest.substr(1);
    const auto address = IpAddress::parse(host);
    if (!address || address->is_v4() || !address->zone().empty()) {
      return bad("has brackets around what is not an IPv6 address without zone");
    }
    origin_.host = address->to_string();
  } else {
    const std::size_t colon = text.find(':');
    host = text.substr(0, colon);
    has_port = colon != std::string_view::npos;
    if (has_port) port = text.substr(colon + 1);
    if (host.empty()) return bad("has no host");
    if (is_disguised_address(host)) {
      return bad("has an address that is not written as four decimal numbers, such as 10.0.0.1");
    }
    if (!is_name(host)) {
      return bad("has a host that is neither a name of letters, digits and -, nor an address (IPv6 in [])");
    }
    origin_.host = lower(host);
  }
  origin_.port = origin_.https ? 443 : 80;
  if (!has_port) return {};
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), origin_.port);
  if (port.empty() || error != std::errc() || end != port.data() + port.size() || port[0] == '0') {
    return bad("has no port from 1 to 65535 after its :");
  }
  return {};
}

Result<> Url::set_target(std::string_view path, std::string_view query) {
  if (!path.starts_with('/')) return bad("has a path that does not begin with /");
  BERTH_TRY(check_characters(path));
  BERTH_TRY(check_characters(query));
  path_ = path;
  query_ = query;
  if (to_string().size() > kMaxUrlBytes)
    return bad("has more than " + std::to_string(kMaxUrlBytes) + " bytes");
  return {};
}

Result<Url> Url::with_target(std::string_view path, std::string_view query) const {
  if (path.find_first_of("?#") != std::string_view::npos || query.find('#') != std::string_view::npos) {
    return bad("has a ? or # where there is none");
  }
  Url url = *this;
  BERTH_TRY(url.set_target(path, query));
  return url;
}

Result<Url> Url::resolve(std::string_view reference) const {
  if (reference.size() > kMaxUrlBytes) {
    return bad("has more than " + std::to_string(kMaxUrlBytes) + " bytes");
  }
  reference = reference.substr(0, reference.find('#'));
  if (reference.empty()) return *this;
  if (has_scheme(reference) || reference.starts_with("//")) {
    Url url = BERTH_TRY(parse(reference[0] == '/' ? (https() ? "https:" : "http:") + std::string(reference)
                                                  : std::string(reference)));
    url.path_ = without_dot_segments(url.path_);
    return url;
  }
  const std::size_t mark = reference.find('?');
  const std::string_view written = reference.substr(0, mark);
  const std::string_view query =
      mark == std::string_view::npos ? std::string_view() : reference.substr(mark + 1);
  if (written.empty()) return with_target(path_, query);
  if (written.starts_with('/')) return with_target(without_dot_segments(written), query);
  std::string folder = path_.substr(0, path_.rfind('/') + 1);
  return with_target(without_dot_segments(folder.append(written)), query);
}

std::string Url::authority() const {
  std::string out = origin_.host.find(':') == std::string::npos ? origin_.host : "[" + origin_.host + "]";
  if (origin_.port != (origin_.https ? 443 : 80)) out += ":" + std::to_string(origin_.port);
  return out;
}

std::string Url::to_string() const {
  std::string out = (origin_.https ? "https://" : "http://") + authority() + path_;
  if (!query_.empty()) out.append("?").append(query_);
  return out;
}

std::string Url::shown() const {
  std::string out = (origin_.https ? "https://" : "http://") + authority() + path_;
  if (!query_.empty()) out += "?...";
  return out;
}

}  // namespace berth::net

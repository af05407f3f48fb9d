// Url: an absolute http or https URL, strictly read, and how references to others are resolved.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace berth::net {

// What two URLs must share for credentials of one to be sent to the other.
struct Origin {
  bool https = false;
  std::string host;  // as Url::host()
  std::uint16_t port = 0;
  bool operator==(const Origin&) const = default;
};

// An http or https URL without user name, password or fragment. Everything that parsers read in two ways is
// refused: control characters, spaces, backslashes, "%" without two digits, addresses in disguise
// (0x7f.1, 2130706433), names with a trailing dot or an empty part, a port of 0 or with leading zeros.
// Immutable.
class Url final {
 public:
  // Scheme and host are taken in any case and kept in lower case.
  // Fails with kInvalidArgument, naming what is wrong. The text is not in the message: it may hold a
  // secret.
  [[nodiscard]] static Result<Url> parse(std::string_view text);

  // What a Location or Link header at this URL leads to (RFC 3986, 5.2): absolute, "//host/p", "/p",
  // "p", "?q". A fragment is dropped. kInvalidArgument: as parse, or another scheme than http and https.
  [[nodiscard]] Result<Url> resolve(std::string_view reference) const;

  [[nodiscard]] bool https() const { return origin_.https; }
  // A name, an IPv4 address, or an IPv6 address without its brackets. Lower case.
  [[nodiscard]] const std::string& host() const { return origin_.host; }
  // 80 or 443 where none is written.
  [[nodiscard]] std::uint16_t port() const { return origin_.port; }
  // Begins with "/"; still percent-encoded.
  [[nodiscard]] const std::string& path() const { return path_; }
  // After "?", still percent-encoded; empty without one.
  [[nodiscard]] const std::string& query() const { return query_; }
  [[nodiscard]] const Origin& origin() const { return origin_; }

  // The same URL with another path and query, each checked as by parse.
  [[nodiscard]] Result<Url> with_target(std::string_view path, std::string_view query) const;

  // "host", "host:8443", "[::1]:8443": the port only where it is not the scheme's.
  [[nodiscard]] std::string authority() const;
  // The whole URL, for a request.
  [[nodiscard]] std::string to_string() const;
  // For messages and logs: a query, which may be a signature or a token, is shown as "?...".
  [[nodiscard]] std::string shown() const;

  friend bool operator==(const Url&, const Url&) = default;

 private:
  Url() = default;
  [[nodiscard]] Result<> set_authority(std::string_view text);
  [[nodiscard]] Result<> set_target(std::string_view path, std::string_view query);

  Origin origin_;
  std::string path_;
  std::string query_;
};

}  // namespace berth::net

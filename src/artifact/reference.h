// Reference: where an artifact comes from, as a person writes it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "artifact/digest.h"
#include "base/error.h"
#include "net/url.h"

namespace berth::artifact {

// "file:store.wasm", "file:/srv/store.wasm", "file:///srv/store.wasm". The text after the scheme is the path,
// byte by byte: "%" is a percent sign.
struct FileReference {
  std::filesystem::path path;  // may be relative: to what, its reader decides
  bool operator==(const FileReference&) const = default;
};

// "https://host/store.wasm", "http://host:8080/store.wasm?v=1".
struct HttpReference {
  net::Url url;
  bool operator==(const HttpReference&) const = default;
};

// "oci://host[:port]/name[:tag][@sha256:...]", by the rules of the OCI distribution specification. With
// neither tag nor digest the tag is "latest"; with both the digest decides, and the tag is for people.
struct OciReference {
  std::string host;  // lower case; a name, an IPv4 address, or an IPv6 address without brackets
  std::optional<std::uint16_t> port;  // nothing: the scheme's, which is not part of the reference
  std::string repository;             // "gather/core": [a-z0-9] parts joined by . _ __ - and /
  std::optional<std::string> tag;
  std::optional<Digest> digest;

  // "host", "host:5000", "[::1]:5000": what registries and docker's config.json call it.
  [[nodiscard]] std::string registry() const;
  // What a manifest is asked for by: the digest if there is one, else the tag.
  [[nodiscard]] std::string tag_or_digest() const;
  [[nodiscard]] std::string to_string() const;
  // True for localhost, 127.0.0.0/8 and ::1: where plain HTTP needs no permission.
  [[nodiscard]] bool is_loopback() const;
  bool operator==(const OciReference&) const = default;
};

using Reference = std::variant<FileReference, HttpReference, OciReference>;

// Strict: what two programs might read differently is refused. At most kMaxReferenceBytes.
// kInvalidArgument: the message says what is wrong and what to write, without position.
[[nodiscard]] Result<Reference> parse_reference(std::string_view text);
// The part of an oci reference after "oci://"; the scheme itself is accepted too. For commands that take
// nothing else.
[[nodiscard]] Result<OciReference> parse_oci_reference(std::string_view text);
// A tag as the specification allows it: at most 128 of [a-zA-Z0-9._-], beginning with a letter, digit or "_".
[[nodiscard]] bool is_tag(std::string_view text);
// A repository as the specification allows it, at most 255 bytes.
[[nodiscard]] bool is_repository(std::string_view text);

// Parsing it gives an equal reference. May hold a query with a token: use shown() for messages.
[[nodiscard]] std::string to_string(const Reference& reference);
// For messages, logs and status.
[[nodiscard]] std::string shown(const Reference& reference);

}  // namespace berth::artifact

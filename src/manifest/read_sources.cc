// Reading where components come from.
#include "manifest/read_sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "manifest/limits.h"
#include "manifest/reader.h"
#include "manifest/sections.h"

namespace berth::manifest {
namespace {

namespace fs = std::filesystem;

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
// What no address has: it would end it, or hide in it.
bool is_strange(char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f' || c == '\\'; }

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port > 0;
}

// "host", "host:5000", "[::1]:5000".
bool is_host_and_port(std::string_view text) {
  std::string_view host = text;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && (rest[0] != ':' || !is_port(rest.substr(1)))) return false;
    host = text.substr(1, end - 1);
    return !host.empty() && std::ranges::all_of(host, [](char c) {
      return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
    });
  }
  if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
    if (!is_port(text.substr(colon + 1))) return false;
    host = text.substr(0, colon);
  }
  return !host.empty() && host.front() != '.' && host.front() != '-' && std::ranges::all_of(host, [](char c) {
    return is_lower(c) || is_upper(c) || is_digit(c) || c == '.' || c == '-';
  });
}

// Parts of [a-z0-9] with single separators, as the distribution specification has it; the full grammar
// is the reader's.
bool is_repository(std::string_view text) {
  if (text.empty() || text.size() > kMaxRepositoryBytes || text.contains("..") || text.contains("//"))
    return false;
  const auto inside = [](char c) { return is_lower(c) || is_digit(c); };
  return inside(text.front()) && inside(text.back()) && std::ranges::all_of(text, [&](char c) {
           return inside(c) || c == '.' || c == '_' || c == '-' || c == '/';
         });
}

bool is_tag(std::string_view text) {
  const auto inside = [](char c) { return is_lower(c) || is_upper(c) || is_digit(c) || c == '_'; };
  return !text.empty() && text.size() <= kMaxTagBytes && inside(text.front()) &&
         std::ranges::all_of(text, [&](char c) { return inside(c) || c == '.' || c == '-'; });
}

bool is_digest(std::string_view text) {
  static constexpr std::string_view kSha256 = "sha256:";
  return text.starts_with(kSha256) && text.size() == kSha256.size() + 64 &&
         std::ranges::all_of(text.substr(kSha256.size()),
                             [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

// What is wrong with the text after "oci://", and what to write; or nothing.
std::optional<std::string> wrong_with_oci(std::string_view rest) {
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos || slash == 0) {
    return "names no registry and repository; write oci://registry.example.com/name:tag";
  }
  if (rest.substr(0, slash).contains('@')) {
    return "holds a user name; write credentials under registries";
  }
  if (!is_host_and_port(rest.substr(0, slash))) {
    return "has a registry that is no host and port; write oci://registry.example.com:5000/name:tag";
  }
  std::string_view name = rest.substr(slash + 1);
  if (const std::size_t at = name.find('@'); at != std::string_view::npos) {
    if (!is_digest(name.substr(at + 1))) {
      return "has a digest that is not sha256: and 64 of 0-9a-f; write it in full, or a tag";
    }
    name = name.substr(0, at);
  }
  if (const std::size_t colon = name.find(':'); colon != std::string_view::npos) {
    if (!is_tag(name.substr(colon + 1))) {
      return fmt::format("has a tag that is none; write up to {} letters, digits and . _ -", kMaxTagBytes);
    }
    name = name.substr(0, colon);
  }
  if (!is_repository(name)) {
    return "has a name that no registry takes; write lower-case letters and digits, with single . _ - / "
           "between";
  }
  return std::nullopt;
}

std::optional<std::string> wrong_with_url(std::string_view rest) {
  const std::size_t end = rest.find_first_of("/?#");
  const std::string_view host = rest.substr(0, end);
  if (host.contains('@')) return "holds a user name; write credentials under registries";
  if (!is_host_and_port(host)) return "names no host; write https://example.com/store.wasm";
  if (rest.contains('#')) return "has a #, which no server sees; leave it and what follows out";
  return std::nullopt;
}

std::optional<fs::path> read_path(MapReader& reader, std::string_view key, const fs::path& folder) {
  const auto text = reader.text(key);
  if (!text) return std::nullopt;
  if (text->empty() || text->contains('\0')) {
    reader.problem(reader.get(key)->mark(), key, "names no file; write a path");
    return std::nullopt;
  }
  return (folder / *text).lexically_normal();
}

Registry read_registry(const Value& value, const Value::Entry& entry, const std::string& path,
                       const fs::path& folder, Problems& problems) {
  MapReader reader(value, kRegistrySection, path, problems);
  Registry out{.name = entry.key, .mark = entry.key_mark};
  out.plain_http = reader.boolean("plain-http").value_or(false);
  out.ca = read_path(reader, "ca", folder);
  out.cert = read_path(reader, "cert", folder);
  out.key = read_path(reader, "key", folder);
  out.user = reader.text("user");
  out.password_file = read_path(reader, "password-file", folder);
  out.token_file = read_path(reader, "token-file", folder);
  out.docker_config = read_path(reader, "docker-config", folder);
  if (reader.get("token-hosts") != nullptr) out.token_hosts = reader.text_list("token-hosts");
  if (reader.get("addresses") != nullptr) out.addresses = reader.text_list("addresses");
  out.proxy = reader.boolean("proxy").value_or(false);
  const auto needs = [&](std::string_view key, std::string_view other) {
    if (reader.get(key) != nullptr && reader.get(other) == nullptr) {
      reader.problem(reader.get(key)->mark(), key,
                     fmt::format("means nothing without {}; write both", other));
    }
  };
  needs("cert", "key");
  needs("key", "cert");
  needs("user", "password-file");
  needs("password-file", "user");
  const auto excludes = [&](std::string_view key, std::string_view other) {
    if (reader.get(key) != nullptr && reader.get(other) != nullptr) {
      reader.problem(reader.get(key)->mark(), key,
                     fmt::format("cannot stand beside {}; write one of them", other));
    }
  };
  excludes("docker-config", "user");
  excludes("token-file", "user");
  if (out.plain_http) {
    excludes("ca", "plain-http");
    excludes("cert", "plain-http");
  }
  return out;
}

}  // namespace

std::optional<Source> read_source(const Value& value, const std::string& path, const fs::path& folder,
                                  Problems& problems) {
  const auto text = read_text(value, path, problems);
  if (!text) return std::nullopt;
  const auto refuse = [&](std::string_view what) {
    problems.add(value.mark(), fmt::format("{}: {} {}", path, shown(*text), what));
    return std::nullopt;
  };
  static constexpr std::string_view kFile = "file:", kOci = "oci://";
  if (text->starts_with(kFile)) {
    std::string rest = text->substr(kFile.size());
    // file:///abs is the URL form of file:/abs.
    if (rest.starts_with("///")) rest.erase(0, 2);
    if (rest.empty() || rest.starts_with("//")) return refuse("names no file; write \"file:\" and a path");
    return Source{Source::Kind::kFile, *text, (folder / rest).lexically_normal(), value.mark()};
  }
  const bool oci = text->starts_with(kOci);
  const bool http = text->starts_with("http://") || text->starts_with("https://");
  if (!oci && !http) {
    if (text->starts_with("oci:")) return refuse("has no //; write oci://registry.example.com/name:tag");
    if (text->contains("://")) {
      return refuse("has a scheme that no source has; write file: and a path, https:// or oci://");
    }
    return refuse(fmt::format("has no scheme; write \"file:{}\"", *text));
  }
  if (text->size() > kMaxUrlBytes) return refuse(fmt::format("is longer than {} bytes", kMaxUrlBytes));
  if (std::ranges::any_of(*text, is_strange)) {
    return refuse("has a space, a backslash or a control character; remove it");
  }
  const std::string_view rest = std::string_view(*text).substr(text->find("//") + 2);
  if (const auto wrong = oci ? wrong_with_oci(rest) : wrong_with_url(rest)) return refuse(*wrong);
  return Source{oci ? Source::Kind::kOci : Source::Kind::kHttp, *text, {}, value.mark()};
}

Signature read_signature(const Value& value, const std::string& path, const fs::path& folder,
                         Problems& problems) {
  MapReader reader(value, kSignatureSection, path, problems);
  Signature out;
  out.mark = value.mark();
  const Value* any = reader.get("any-of");
  const Value* all = reader.get("all-of");
  if (!reader.is_map()) return out;
  if ((any == nullptr) == (all == nullptr)) {
    problems.add(value.mark(), path + (any == nullptr ? ": names no keys; write {any-of: [keys/release.pub]}"
                                                      : ": any-of and all-of exclude each other; write one"));
    return out;
  }
  const std::string_view key = any != nullptr ? "any-of" : "all-of";
  out.need = any != nullptr ? Signature::Need::kAnyOf : Signature::Need::kAllOf;
  const Value& list = any != nullptr ? *any : *all;
  const std::vector<std::string> texts = reader.text_list(key);
  if (list.is_list() && list.items().empty()) {
    reader.problem(list.mark(), key,
                   "the list is empty; name at least one public key, or leave signature out");
  }
  if (texts.size() > kMaxKeys) {
    reader.problem(list.mark(), key, fmt::format("{} keys; at most {} can be named", texts.size(), kMaxKeys));
  }
  for (const std::string& text : texts) {
    if (text.empty() || text.contains('\0')) {
      reader.problem(list.mark(), key, "a path is empty; write the path of a public key");
      continue;
    }
    const fs::path file = (folder / text).lexically_normal();
    if (std::ranges::find(out.keys, file) != out.keys.end()) {
      reader.problem(list.mark(), key, fmt::format("{} is named twice; remove one", shown(text)));
    }
    out.keys.push_back(file);
  }
  return out;
}

Store read_store(const Value& value, const fs::path& folder, Problems& problems) {
  MapReader reader(value, kStoreSection, "store", problems);
  Store out;
  out.path = read_path(reader, "path", folder);
  out.max_bytes = reader.bytes("max", kMinStoreBytes, kMaxStoreBytes).value_or(out.max_bytes);
  if (const auto n = reader.integer("keep", 1, kMaxKeptVersions)) out.keep = static_cast<std::uint32_t>(*n);
  return out;
}

std::vector<Registry> read_registries(const Value& value, const fs::path& folder, Problems& problems) {
  std::vector<Registry> out;
  if (value.is_null()) return out;
  if (!value.is_map()) {
    problems.add(value.mark(),
                 "registries: expected a map such as {\"registry.example.com:5000\": {ca: ca.pem}}");
    return out;
  }
  if (value.entries().size() > kMaxRegistries) {
    problems.add(value.entries()[kMaxRegistries].key_mark,
                 fmt::format("registries: {} of them; at most {} can be named", value.entries().size(),
                             kMaxRegistries));
    return out;
  }
  for (const Value::Entry& entry : value.entries()) {
    if (!is_host_and_port(entry.key)) {
      problems.add(entry.key_mark, fmt::format("registries: {} is no host and port; write it as sources do: "
                                               "registry.example.com or 10.0.0.7:5000",
                                               shown(entry.key)));
      continue;
    }
    out.push_back(read_registry(entry.value, entry, "registries." + entry.key, folder, problems));
  }
  return out;
}

}  // namespace berth::manifest

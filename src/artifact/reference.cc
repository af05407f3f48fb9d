// Reference: strict parsing of file:, http(s): and oci: references.
#include "artifact/reference.h"

#include <fmt/format.h>

#include <algorithm>

#include "artifact/limits.h"
#include "net/address.h"

namespace berth::artifact {
namespace {

constexpr std::string_view kFile = "file:";
constexpr std::string_view kOci = "oci://";

constexpr bool is_small(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
constexpr bool is_word(char c) { return is_small(c) || (c >= 'A' && c <= 'Z') || c == '_'; }

std::unexpected<Error> bad(std::string message) { return fail(Code::kInvalidArgument, std::move(message)); }

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

Result<FileReference> parse_file(std::string_view path) {
  if (path.starts_with("//")) {
    // file:///abs is the URL form of file:/abs; between the slashes would be a host.
    if (!path.starts_with("///")) {
      return bad(
          "a file reference has no host: write \"file:\" and a path, or \"file:///\" and an absolute one");
    }
    path.remove_prefix(2);
  }
  if (path.empty() || path.ends_with('/')) {
    return bad("the file reference names no file: write \"file:\" and a path, such as file:store.wasm");
  }
  return FileReference{path};
}

// One part of a repository: [a-z0-9]+ ((\.|_|__|-+) [a-z0-9]+)*
bool is_repository_part(std::string_view part) {
  if (part.empty() || !is_small(part.front()) || !is_small(part.back())) return false;
  for (std::size_t i = 0; i < part.size();) {
    if (is_small(part[i])) {
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < part.size() && part[end] == part[i]) ++end;
    const std::size_t length = end - i;
    const bool separates =
        part[i] == '-' || (part[i] == '.' && length == 1) || (part[i] == '_' && length <= 2);
    if (!separates || !is_small(part[end])) return false;
    i = end;
  }
  return true;
}

Result<OciReference> parse_oci(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) {
    return bad(
        "the oci reference has no repository: write oci://HOST/REPOSITORY:TAG, such as "
        "oci://registry.example.org/gather/core:v1");
  }
  const std::string_view registry = text.substr(0, slash);
  if (registry.find_first_of("?#") != std::string_view::npos)
    return bad("the oci reference has no valid host");
  // The rules of a host are those of a URL.
  auto url = net::Url::parse("https://" + std::string(registry) + "/");
  if (!url) return fail(std::move(url).error().context("the host of the oci reference"));
  OciReference out;
  out.host = url->host();
  if (const std::size_t bracket = registry.rfind(']');
      registry.find(':', bracket == std::string_view::npos ? 0 : bracket) != std::string_view::npos) {
    out.port = url->port();
  }

  std::string_view name = text.substr(slash + 1);
  if (const std::size_t at = name.find('@'); at != std::string_view::npos) {
    auto digest = Digest::parse(name.substr(at + 1));
    if (!digest) return fail(std::move(digest).error().context("after @ in the oci reference"));
    out.digest = *digest;
    name = name.substr(0, at);
  }
  if (const std::size_t colon = name.find(':'); colon != std::string_view::npos) {
    const std::string_view tag = name.substr(colon + 1);
    if (!is_tag(tag)) {
      return bad(fmt::format(
          "the tag of the oci reference must be 1 to {} letters, digits, \".\", \"_\" or \"-\", and "
          "begin with a letter, digit or \"_\"",
          kMaxTagBytes));
    }
    out.tag = tag;
    name = name.substr(0, colon);
  }
  if (!is_repository(name)) {
    return bad(fmt::format(
        "the repository of the oci reference must be at most {} bytes of parts like \"gather/core\": "
        "lower-case letters and digits, joined inside a part by \".\", \"_\", \"__\" or dashes",
        kMaxRepositoryBytes));
  }
  out.repository = name;
  if (!out.tag && !out.digest) out.tag = "latest";
  return out;
}

// What the writer of a text without a known scheme may have meant.
std::unexpected<Error> no_scheme(std::string_view text) {
  const std::size_t colon = text.find("://");
  if (colon != std::string_view::npos) {
    return bad(
        "the reference has an unknown scheme: it is file:, https://, http:// or oci://, in lower case");
  }
  return bad("the reference has no scheme: write file:PATH, https://HOST/PATH or oci://HOST/REPOSITORY:TAG");
}

}  // namespace

bool is_tag(std::string_view text) {
  return !text.empty() && text.size() <= kMaxTagBytes && is_word(text.front()) &&
         std::ranges::all_of(text, [](char c) { return is_word(c) || c == '.' || c == '-'; });
}

bool is_repository(std::string_view text) {
  if (text.size() > kMaxRepositoryBytes) return false;
  for (;;) {
    const std::size_t slash = text.find('/');
    if (!is_repository_part(text.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    text.remove_prefix(slash + 1);
  }
}

Result<Reference> parse_reference(std::string_view text) {
  if (text.size() > kMaxReferenceBytes) {
    return bad(fmt::format("the reference has more than {} bytes", kMaxReferenceBytes));
  }
  if (has_control(text)) return bad("the reference has a control character");
  if (text.starts_with(kFile)) return BERTH_TRY(parse_file(text.substr(kFile.size())));
  if (text.starts_with(kOci)) return BERTH_TRY(parse_oci(text.substr(kOci.size())));
  if (text.starts_with("http://") || text.starts_with("https://")) {
    return HttpReference{BERTH_TRY(net::Url::parse(text))};
  }
  return no_scheme(text);
}

Result<OciReference> parse_oci_reference(std::string_view text) {
  if (text.size() > kMaxReferenceBytes) {
    return bad(fmt::format("the reference has more than {} bytes", kMaxReferenceBytes));
  }
  if (has_control(text)) return bad("the reference has a control character");
  if (text.starts_with(kOci)) text.remove_prefix(kOci.size());
  return parse_oci(text);
}

std::string OciReference::registry() const {
  std::string out = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port) out += fmt::format(":{}", *port);
  return out;
}

std::string OciReference::tag_or_digest() const {
  return digest ? digest->to_string() : tag.value_or("latest");
}

std::string OciReference::to_string() const {
  std::string out = fmt::format("{}{}/{}", kOci, registry(), repository);
  if (tag) out += ":" + *tag;
  if (digest) out += "@" + digest->to_string();
  return out;
}

bool OciReference::is_loopback() const {
  if (host == "localhost") return true;
  const auto address = net::IpAddress::parse(host);
  return address && address->is_loopback();
}

std::string to_string(const Reference& reference) {
  if (const auto* file = std::get_if<FileReference>(&reference)) {
    // Two slashes at the front would be read as the URL form.
    const std::string& path = file->path.native();
    return std::string(kFile) + (path.starts_with("//") ? "//" : "") + path;
  }
  if (const auto* http = std::get_if<HttpReference>(&reference)) return http->url.to_string();
  return std::get<OciReference>(reference).to_string();
}

std::string shown(const Reference& reference) {
  if (const auto* http = std::get_if<HttpReference>(&reference)) return http->url.shown();
  return to_string(reference);
}

}  // namespace berth::artifact

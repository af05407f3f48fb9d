// Whatever a registry, a token server or docker's config.json says is read within bounds or refused; what was
// read keeps the rules that the client stands on.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "artifact/oci/challenge.h"
#include "artifact/oci/credentials.h"
#include "artifact/oci/limits.h"
#include "artifact/oci/manifest.h"
#include "artifact/oci/media_type.h"
#include "artifact/oci/scope.h"
#include "artifact/oci/token.h"
#include "artifact/oci/wasm_layout.h"

namespace {

using namespace berth::artifact;
using namespace berth::artifact::oci;

void require(bool holds) {
  if (!holds) std::abort();
}

// Equal values are written as equal bytes that are read as equal values.
template <class T>
void check_round(const T& value, std::string_view type) {
  const std::string text = to_text(value);
  // Escapes may make the text longer than what was read.
  if (text.size() > kMaxManifestBytes) return;
  const auto again = parse_content(text, type);
  require(again.has_value());
  // That something lies elsewhere is read, never written.
  const std::string second = to_text(std::get<T>(*again));
  require(second == text);
}

void check_content(std::string_view text) {
  if (const auto content = parse_content(text, kManifestType)) {
    const auto& manifest = std::get<Manifest>(*content);
    require(manifest.layers.size() <= kMaxLayers);
    check_round(manifest, kManifestType);
    if (const auto parts = wasm_parts(manifest)) {
      require(manifest.layers.size() == 1 && !parts->layer.elsewhere && parts->layer.size > 0);
    }
    require(!parse_content(text, kIndexType));
  }
  if (const auto content = parse_content(text, kIndexType)) {
    const auto& index = std::get<Index>(*content);
    require(index.manifests.size() <= kMaxIndexEntries);
    check_round(index, kIndexType);
    if (const auto entry = wasm_entry(index)) {
      require(entry->media_type == kManifestType || entry->media_type == kIndexType);
      require(!entry->platform || entry->platform->architecture == "wasm");
    }
  }
}

void check_config(std::string_view text) {
  const Descriptor layer{.media_type = std::string(kWasmLayerType), .size = 1};
  const WasmParts parts{{.media_type = std::string(kWasmConfigType)}, layer};
  const auto config = parse_wasm_config(text, parts);
  if (!config) return;
  require(config->os == "wasip1" || config->os == "wasip2");
  const std::string again = to_text(*config, layer.digest);
  if (again.size() <= kMaxConfigBytes) require(*parse_wasm_config(again, parts) == *config);
}

void check_challenges(std::string_view text) {
  const berth::net::Origin registry{.https = true, .host = "registry.test", .port = 443};
  const std::array needed = {Scope{"a/b", Action::kPull}};
  const auto challenges = parse_challenges(text);
  if (!challenges) return;
  require(challenges->size() <= kMaxChallenges);
  for (const Challenge& challenge : *challenges) {
    require(!challenge.scheme.empty());
    const auto request = token_request(challenge, registry, {}, needed);
    if (!request) continue;
    require(request->url.https() && request->url.host() == registry.host);
    require(request->scopes.size() == 1 && request->scopes[0].starts_with("repository:a/b:pull"));
    require(!request->scopes[0].contains("push") && !request->scopes[0].contains("write"));
    // Nothing that the challenge said ends its own parameter: service, if any, and our one scope.
    std::size_t parameters = 0;
    for (const char c : request->url.query()) parameters += c == '&' ? 1 : 0;
    require(parameters == (request->service.empty() ? 0 : 1));
  }
}

void check_token(std::string_view text) {
  const std::array<std::string, 1> asked = {"repository:a/b:pull"};
  const auto token = parse_token(text, asked);
  if (!token) return;
  require(!token->text.empty() && token->text.reveal().size() <= kMaxTokenBytes);
  require(token->text.reveal().find_first_of(" \r\n\t\",") == std::string::npos);
  require(token->life <= kMaxTokenLife);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'm': check_content(text); break;
    case 'c': check_config(text); break;
    case 'w': check_challenges(text); break;
    case 'l':
      if (const auto next = parse_next_link(text); next && *next) require(!(*next)->contains('>'));
      break;
    case 't': check_token(text); break;
    // A program that it names would be run: it is only read.
    case 'd': (void)DockerConfig::parse(text, "config.json"); break;
    case 's': (void)within(text, scopes_to_ask(std::array{Scope{"a/b", Action::kPush}}, text)); break;
    default: (void)media_type(text); break;
  }
  return 0;
}

// Wasm artifacts over a repository.
#include "artifact/oci/wasm_artifact.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "artifact/oci/media_type.h"

namespace berth::artifact::oci {
namespace {

// The manifest of the one wasm artifact that `document` leads to.
Result<Document> follow(const Repository& repository, Document document, const std::stop_token& stop) {
  std::set<Digest> seen{document.descriptor.digest};
  for (int depth = 0; std::holds_alternative<Index>(document.content); ++depth) {
    const auto named = [&](Error error) {
      return fail(std::move(error).context(
          fmt::format("{}: index {}", repository.shown(), document.descriptor.digest.to_string())));
    };
    if (depth == kMaxIndexDepth) {
      return named(
          Error(Code::kResourceExhausted, fmt::format("indexes nest deeper than {}", kMaxIndexDepth)));
    }
    const auto entry = wasm_entry(std::get<Index>(document.content));
    if (!entry) return named(entry.error());
    if (!seen.insert(entry->digest).second)
      return named(Error(Code::kInvalidArgument, "it leads back to itself"));
    document = BERTH_TRY(repository.manifest(*entry, stop));
  }
  return document;
}

std::unexpected<Error> named(const Repository& repository, const Descriptor& manifest, Error error) {
  return fail(
      std::move(error).context(fmt::format("{}@{}", repository.shown(), manifest.digest.to_string())));
}

}  // namespace

Result<WasmArtifact> inspect(const Repository& repository, std::string_view reference,
                             const std::stop_token& stop) {
  Document document = BERTH_TRY(repository.manifest(reference, stop));
  const Digest named_digest = document.descriptor.digest;
  document = BERTH_TRY(follow(repository, std::move(document), stop));
  auto& manifest = std::get<Manifest>(document.content);
  auto parts = wasm_parts(manifest);
  if (!parts) return named(repository, document.descriptor, std::move(parts).error());
  WasmArtifact out{.named = named_digest,
                   .manifest = std::move(document.descriptor),
                   .parts = std::move(*parts),
                   .annotations = std::move(manifest.annotations)};
  const std::string text = BERTH_TRY(repository.blob_text(out.parts.config, kMaxConfigBytes, stop));
  auto config = parse_wasm_config(text, out.parts);
  if (!config) return named(repository, out.manifest, std::move(config).error());
  out.config = std::move(*config);
  return out;
}

Result<> pull(const Repository& repository, const WasmArtifact& artifact, std::uint64_t max_bytes,
              ByteSink& sink, const Progress& progress, const std::stop_token& stop) {
  return repository.blob(artifact.parts.layer, max_bytes, sink, progress, stop);
}

Descriptor wasm_layer(const Digest& digest, std::uint64_t size) {
  return {.media_type = std::string(kWasmLayerType), .digest = digest, .size = size};
}

Result<Descriptor> push(const Repository& repository, const std::optional<std::string>& tag,
                        const net::HttpUpload& bytes, const Descriptor& layer, const WasmConfig& config,
                        const Progress& progress, const std::stop_token& stop) {
  if (layer.size == 0) return fail(Code::kInvalidArgument, "it is empty, which is no WebAssembly");
  const std::string text = to_text(config, layer.digest);
  const std::span about(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  const Descriptor config_layer{.media_type = std::string(kWasmConfigType),
                                .digest = BERTH_TRY(Digest::of(about)),
                                .size = text.size()};
  BERTH_TRY(repository.push_blob(layer, held(bytes), {}, progress, stop));
  BERTH_TRY(repository.push_blob(config_layer, held(about), {}, {}, stop));
  return repository.push_manifest(to_text(wasm_manifest(config_layer, layer)), kManifestType, tag, stop);
}

}  // namespace berth::artifact::oci

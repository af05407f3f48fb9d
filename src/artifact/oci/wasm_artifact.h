// A WebAssembly component or module in a registry: published, inspected without its bytes, fetched, copied.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "artifact/oci/repository.h"
#include "artifact/oci/wasm_layout.h"
#include "base/byte_sink.h"
#include "base/error.h"

namespace berth::artifact::oci {

// What a reference names, without the component itself. Plain value.
struct WasmArtifact {
  Digest named;         // what the reference names: the manifest, or an index that leads to it
  Descriptor manifest;  // its digest is the artifact's name
  WasmParts parts;      // parts.layer: digest and size of the component
  WasmConfig config;
  Annotations annotations;
};

// By tag or digest; an index is followed to its one wasm entry. Fetches manifest and config. Blocks; errors
// as Repository's and wasm_layout.h's.
[[nodiscard]] Result<WasmArtifact> inspect(const Repository& repository, std::string_view reference,
                                           const std::stop_token& stop);

// The component itself, by what inspect() gave.
[[nodiscard]] Result<> pull(const Repository& repository, const WasmArtifact& artifact,
                            std::uint64_t max_bytes, ByteSink& sink, const Progress& progress,
                            const std::stop_token& stop);

// Publishes `bytes` (all of a component or module, not empty) under a tag, or without one under its digest
// alone. Gives the manifest's descriptor.
[[nodiscard]] Result<Descriptor> push(const Repository& repository, const std::optional<std::string>& tag,
                                      const net::HttpUpload& bytes, const Descriptor& layer,
                                      const WasmConfig& config, const Progress& progress,
                                      const std::stop_token& stop);
// The descriptor of a layer with these bytes.
[[nodiscard]] Descriptor wasm_layer(const Digest& digest, std::uint64_t size);

enum class Referrers : std::uint8_t { kLeave, kCopy };

// Plain value.
struct CopyOptions {
  std::uint64_t max_bytes = kMaxLayerBytes;  // of each blob
  Referrers referrers = Referrers::kLeave;   // kCopy: with the signatures and the like that refer to it
  Progress progress;                         // of each blob in turn
};

// Puts what `reference` names in `from` into `to`, the same bytes under the same digests; with a tag, also
// under it. A blob goes through an unnamed temporary file, and nothing is published before its digest was
// found right. An index is followed to its one wasm entry, which is what is copied.
[[nodiscard]] Result<Descriptor> copy(const Repository& from, std::string_view reference,
                                      const Repository& to, const std::optional<std::string>& tag,
                                      const CopyOptions& options, const std::stop_token& stop);

}  // namespace berth::artifact::oci

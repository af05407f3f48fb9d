// How a WebAssembly component or module lies in a registry: the CNCF wasm artifact layout, and older ones.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "artifact/oci/manifest.h"
#include "base/error.h"

namespace berth::artifact::oci {

// What a component asks of a host and gives it, so that a host can refuse before it fetches the component.
// The publisher's claim: the component itself is checked again.
struct WasmInterface {
  std::vector<std::string> imports;
  std::vector<std::string> exports;
  std::optional<std::string> target;  // the world it was made for
  bool operator==(const WasmInterface&) const = default;
};

struct WasmConfig {
  std::string created;  // RFC 3339; empty where the artifact does not say
  std::optional<std::string> author;
  std::string os;  // "wasip1" for modules, "wasip2" for components; empty where it does not say
  std::optional<WasmInterface> component;  // nothing: a module, or an older layout
  bool operator==(const WasmConfig&) const = default;
};

// Where in a manifest the parts are. Plain value.
struct WasmParts {
  Descriptor config;
  Descriptor layer;
};

// Accepts the layout of the CNCF and the older ones that are known. kInvalidArgument when the manifest is
// something else: not exactly one layer, other types, an empty layer, a layer to be fetched from elsewhere.
[[nodiscard]] Result<WasmParts> wasm_parts(const Manifest& manifest);

// Of a config blob. `parts` says which layout it is of: only the config of the CNCF layout is looked into.
// kInvalidArgument, also when it names other layers than the manifest.
[[nodiscard]] Result<WasmConfig> parse_wasm_config(std::string_view bytes, const WasmParts& parts);

// The config blob of the CNCF layout.
[[nodiscard]] std::string to_text(const WasmConfig& config, const Digest& layer);
// The manifest over both blobs.
[[nodiscard]] Manifest wasm_manifest(const Descriptor& config, const Descriptor& layer);

// The one entry of an index that is a wasm artifact, or an index that may hold one. kNotFound when there is
// none, kFailedPrecondition when there are several: nothing is guessed, the message lists them.
[[nodiscard]] Result<Descriptor> wasm_entry(const Index& index);

}  // namespace berth::artifact::oci

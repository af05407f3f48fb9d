// The wasm artifact layouts, read and written.
#include "artifact/oci/wasm_layout.h"

#include <fmt/format.h>

#include <utility>

#include "artifact/oci/limits.h"
#include "artifact/oci/media_type.h"

namespace berth::artifact::oci {
namespace {

bool known_layout(const Manifest& manifest) {
  const std::string& config = manifest.config.media_type;
  const std::string& layer = manifest.layers.front().media_type;
  if (layer == kWasmLayerType) return config == kWasmConfigType;
  if (layer == kOldLayerType) return config == kOldConfigType;
  return layer == kComponentLayerType;  // its clients wrote configs of several types
}

Result<std::vector<std::string>> names(const Json& object, const char* key) {
  std::vector<std::string> out;
  const Json* list = BERTH_TRY(array_member(object, key, kMaxWorldNames));
  if (list == nullptr) return out;
  out.reserve(list->size());
  for (const Json& item : *list) {
    if (!item.is_string())
      return fail(Code::kInvalidArgument, fmt::format("\"{}\" has an entry that is no text", key));
    out.push_back(item.get_ref<const std::string&>());
  }
  return out;
}

Result<> same_layers(const Json& json, const Descriptor& layer) {
  const Json* digests = BERTH_TRY(array_member(json, "layerDigests", kMaxLayers));
  if (digests == nullptr) return {};
  if (digests->size() != 1 || !digests->front().is_string() ||
      digests->front().get_ref<const std::string&>() != layer.digest.to_string()) {
    return fail(Code::kInvalidArgument, fmt::format("its layerDigests are not the manifest's one layer, {}",
                                                    layer.digest.to_string()));
  }
  return {};
}

enum class Says : std::uint8_t { kWasm, kNothing, kOther };

// What an entry of an index says about the manifest it names.
Says says(const Descriptor& entry) {
  if (entry.media_type != kManifestType && entry.media_type != kIndexType) return Says::kOther;
  if (entry.platform) return entry.platform->architecture == "wasm" ? Says::kWasm : Says::kOther;
  if (entry.artifact_type.empty()) return Says::kNothing;
  return entry.artifact_type == kWasmConfigType ? Says::kWasm : Says::kOther;
}

}  // namespace

Result<WasmParts> wasm_parts(const Manifest& manifest) {
  if (manifest.layers.size() != 1) {
    return fail(Code::kInvalidArgument,
                fmt::format("it has {} layers; a wasm artifact has exactly one", manifest.layers.size()));
  }
  const Descriptor& layer = manifest.layers.front();
  if (!known_layout(manifest)) {
    return fail(Code::kInvalidArgument,
                fmt::format("it is no wasm artifact: its config is {} and its layer {}; publish it with "
                            "\"berth push\", or as {} "
                            "with a config of {}",
                            manifest.config.media_type, layer.media_type, kWasmLayerType, kWasmConfigType));
  }
  if (layer.elsewhere || manifest.config.elsewhere) {
    return fail(Code::kInvalidArgument,
                "it names other places (urls) to be fetched from; they are not followed");
  }
  if (layer.size == 0) return fail(Code::kInvalidArgument, "its layer is empty, which is no WebAssembly");
  return WasmParts{manifest.config, layer};
}

Result<WasmConfig> parse_wasm_config(std::string_view bytes, const WasmParts& parts) {
  WasmConfig out;
  if (parts.config.media_type != kWasmConfigType) return out;
  const Json json = BERTH_TRY(parse_object(bytes, kMaxConfigBytes, "the config"));
  if (const auto architecture = BERTH_TRY(text_member(json, "architecture")); architecture != "wasm") {
    return fail(Code::kInvalidArgument, fmt::format("the config is for the architecture \"{}\", not \"wasm\"",
                                                    architecture.value_or("")));
  }
  out.os = BERTH_TRY(text_member(json, "os")).value_or("");
  if (out.os != "wasip1" && out.os != "wasip2") {
    return fail(Code::kInvalidArgument,
                fmt::format("the config is for the os \"{}\", not \"wasip1\" or \"wasip2\"", out.os));
  }
  out.created = BERTH_TRY(text_member(json, "created")).value_or("");
  out.author = BERTH_TRY(text_member(json, "author"));
  if (auto same = same_layers(json, parts.layer); !same)
    return fail(std::move(same).error().context("the config"));
  if (const Json* component = BERTH_TRY(object_member(json, "component"))) {
    WasmInterface& about = out.component.emplace();
    about.imports = BERTH_TRY(names(*component, "imports"));
    about.exports = BERTH_TRY(names(*component, "exports"));
    about.target = BERTH_TRY(text_member(*component, "target"));
  }
  return out;
}

std::string to_text(const WasmConfig& config, const Digest& layer) {
  Json out = {{"created", config.created},
              {"architecture", "wasm"},
              {"os", config.os},
              {"layerDigests", Json::array({layer.to_string()})}};
  if (config.author) out["author"] = *config.author;
  if (config.component) {
    Json& component = out["component"];
    component = {{"imports", config.component->imports}, {"exports", config.component->exports}};
    if (config.component->target) component["target"] = *config.component->target;
  }
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Manifest wasm_manifest(const Descriptor& config, const Descriptor& layer) {
  return Manifest{.config = config, .layers = {layer}};
}

Result<Descriptor> wasm_entry(const Index& index) {
  std::vector<const Descriptor*> found;
  // The manifest of an entry that says nothing will tell, where no other says wasm.
  for (const Says wanted : {Says::kWasm, Says::kNothing}) {
    for (const Descriptor& entry : index.manifests) {
      if (says(entry) == wanted) found.push_back(&entry);
    }
    if (!found.empty()) break;
  }
  if (found.size() == 1) return *found.front();
  if (found.empty()) {
    return fail(Code::kNotFound,
                fmt::format("none of the {} entries of this index is wasm", index.manifests.size()));
  }
  std::string list;
  constexpr std::size_t kShown = 5;
  for (std::size_t i = 0; i < found.size() && i < kShown; ++i) list += "\n  @" + found[i]->digest.to_string();
  return fail(Code::kFailedPrecondition,
              fmt::format("{} entries of this index may be wasm; name one by its digest:{}{}", found.size(),
                          list, found.size() > kShown ? "\n  ..." : ""));
}

}  // namespace berth::artifact::oci

// Manifests of signatures: reading and writing.
#include "artifact/signature/manifest.h"

#include <fmt/format.h>

#include <utility>

#include "artifact/signature/limits.h"

namespace berth::artifact::signature {
namespace {

constexpr const char* kAnnotation = "dev.cosignproject.cosign/signature";
constexpr std::string_view kConfigType = "application/vnd.oci.image.config.v1+json";

}  // namespace

std::string signature_tag(const Digest& manifest) { return "sha256-" + manifest.hex() + ".sig"; }

Result<std::vector<oci::Descriptor>> signature_layers(const oci::Content& content) {
  const auto* manifest = std::get_if<oci::Manifest>(&content);
  if (manifest == nullptr)
    return fail(Code::kInvalidArgument, "an index is there instead of a manifest with signatures");
  std::vector<oci::Descriptor> layers;
  for (const oci::Descriptor& layer : manifest->layers) {
    if (layer.media_type == kPayloadType) layers.push_back(layer);
  }
  if (layers.size() > kMaxSignatures) {
    return fail(Code::kResourceExhausted,
                fmt::format("it holds {} signatures, more than the {} that are looked at", layers.size(),
                            kMaxSignatures));
  }
  return layers;
}

Result<Bytes> signature_of(const oci::Descriptor& layer) {
  if (layer.size > kMaxPayloadBytes) {
    return fail(Code::kResourceExhausted,
                fmt::format("its payload has {} bytes; at most {} are read", layer.size, kMaxPayloadBytes));
  }
  const auto text = layer.annotations.find(kAnnotation);
  if (text == layer.annotations.end()) {
    return fail(Code::kInvalidArgument, fmt::format("its layer has no annotation {}", kAnnotation));
  }
  if (text->second.size() > kMaxSignatureText) {
    return fail(Code::kResourceExhausted, fmt::format("it has {} characters; at most {} are read",
                                                      text->second.size(), kMaxSignatureText));
  }
  auto signature = from_base64(text->second);
  if (!signature || signature->empty()) return fail(Code::kInvalidArgument, "it is not base64");
  return *std::move(signature);
}

oci::Descriptor make_layer(const Digest& payload, std::uint64_t payload_bytes, BytesView signature) {
  return {.media_type = std::string(kPayloadType),
          .digest = payload,
          .size = payload_bytes,
          .annotations = {{kAnnotation, to_base64(signature)}}};
}

Result<SignatureManifest> make_manifest(std::vector<oci::Descriptor> layers,
                                        std::optional<oci::Descriptor> subject) {
  // An image without files. cosign reads the two lists back when it adds a signature of its own.
  using Json = nlohmann::ordered_json;
  Json history = Json::array();
  Json contents = Json::array();
  for (const oci::Descriptor& layer : layers) {
    history.push_back({{"created", "0001-01-01T00:00:00Z"}});
    contents.push_back(layer.digest.to_string());
  }
  SignatureManifest result;
  result.config = Json{{"architecture", ""},
                       {"created", "0001-01-01T00:00:00Z"},
                       {"history", std::move(history)},
                       {"os", ""},
                       {"rootfs", {{"type", "layers"}, {"diff_ids", std::move(contents)}}},
                       {"config", Json::object()}}
                      .dump();
  result.manifest = {.config = {.media_type = std::string(subject ? kReferrerType : kConfigType),
                                .digest = BERTH_TRY(Digest::of(bytes_of(result.config))),
                                .size = result.config.size()},
                     .layers = std::move(layers),
                     .artifact_type = std::string(subject ? kReferrerType : ""),
                     .subject = std::move(subject)};
  return result;
}

}  // namespace berth::artifact::signature

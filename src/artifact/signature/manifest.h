// Manifests of signatures, as cosign lays them out in a registry: each layer is a payload, and its annotation
// the signature of it. Values in and out; attached.h moves them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "artifact/digest.h"
#include "artifact/oci/manifest.h"
#include "artifact/signature/bytes.h"
#include "base/error.h"

namespace berth::artifact::signature {

inline constexpr std::string_view kPayloadType = "application/vnd.dev.cosign.simplesigning.v1+json";
// The artifactType of a referrer that holds signatures.
inline constexpr std::string_view kReferrerType = "application/vnd.dev.cosign.artifact.sig.v1+json";

// "sha256-….sig": the tag beside a manifest that holds its signatures.
[[nodiscard]] std::string signature_tag(const Digest& manifest);

// The signatures among the layers. kInvalidArgument: an index instead of a manifest. kResourceExhausted: more
// than kMaxSignatures.
[[nodiscard]] Result<std::vector<oci::Descriptor>> signature_layers(const oci::Content& content);

// The signature in a layer. kInvalidArgument: there is none, or it is not base64. kResourceExhausted: it or
// the payload is over its limit.
[[nodiscard]] Result<Bytes> signature_of(const oci::Descriptor& layer);

// A layer with a new signature.
[[nodiscard]] oci::Descriptor make_layer(const Digest& payload, std::uint64_t payload_bytes,
                                         BytesView signature);

// A manifest and its config, both to be pushed.
struct SignatureManifest {
  std::string config;
  oci::Manifest manifest;
};
// For the tag without a subject; for the list of referrers with one. kInternal as Digest::of.
[[nodiscard]] Result<SignatureManifest> make_manifest(std::vector<oci::Descriptor> layers,
                                                      std::optional<oci::Descriptor> subject);

}  // namespace berth::artifact::signature

// OciSource: tag to digest, then manifest, config and layer.
#include "artifact/oci/oci_source.h"

#include <fmt/format.h>

#include <utility>

namespace berth::artifact::oci {

Result<FetchOutcome> OciSource::fetch(const FetchRequest& request, ByteSink& sink, std::stop_token stop) {
  const std::string name = reference_.tag_or_digest();
  if (request.known && !request.known->validators.etag.empty()) {
    const Descriptor now = BERTH_TRY(repository_.resolve(name, stop));
    if (now.digest.to_string() == request.known->validators.etag) return Unchanged{request.known->validators};
  }
  const WasmArtifact artifact = BERTH_TRY(inspect(repository_, name, stop));
  const Descriptor& layer = artifact.parts.layer;
  Validators validators{.etag = artifact.named.to_string()};
  if (request.expected && *request.expected != layer.digest) {
    return fail(Code::kFailedPrecondition,
                fmt::format("{}: its component is {}, expected was {}", shown(), layer.digest.to_string(),
                            request.expected->to_string()));
  }
  // Also of the same bytes: who signed them may have changed.
  if (before_layer_) BERTH_TRY(before_layer_(repository_, artifact, stop));
  if (request.known && request.known->digest == layer.digest) return Unchanged{std::move(validators)};
  BERTH_TRY(pull(repository_, artifact, request.max_bytes, sink, {}, stop));
  return Fetched{.digest = layer.digest,
                 .bytes = layer.size,
                 .media_type = layer.media_type,
                 .validators = std::move(validators)};
}

}  // namespace berth::artifact::oci

// Attached signatures, over the registry client.
#include "artifact/signature/attached.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <utility>

#include "artifact/oci/media_type.h"
#include "artifact/signature/limits.h"
#include "artifact/signature/manifest.h"
#include "artifact/signature/payload.h"

namespace berth::artifact::signature {
namespace {

// True when what came is to blame, and trying again gives the same; not the way it came.
bool is_malformed(const Error& error) {
  return error.code() == Code::kInvalidArgument || error.code() == Code::kResourceExhausted ||
         error.code() == Code::kFailedPrecondition || error.code() == Code::kNotFound;
}

// Collects the signatures of one manifest. One thread at a time.
class Collector final {
 public:
  Collector(const oci::Repository& repository, const std::stop_token& stop)
      : repository_(repository), stop_(stop) {}

  Result<> add_tag(const Digest& manifest) {
    const std::string tag = signature_tag(manifest);
    auto document = repository_.manifest(tag, stop_);
    if (!document && document.error().code() == Code::kNotFound) return {};
    return add(std::move(document), "tag " + tag);
  }

  Result<> add_referrers(const Digest& manifest) {
    const auto referrers = BERTH_TRY(repository_.referrers(manifest, kReferrerType, stop_));
    if (referrers.size() > kMaxSignatures)
      return too_many(fmt::format("{} lists of signatures", referrers.size()));
    for (const oci::Descriptor& referrer : referrers) {
      BERTH_TRY(add(repository_.manifest(referrer, stop_), "referrer " + referrer.digest.to_string()));
    }
    return {};
  }

  std::vector<Signature> signatures;
  std::vector<oci::Descriptor> layers;  // of those that have no problem, in the same order

 private:
  [[nodiscard]] std::unexpected<Error> too_many(std::string_view what) const {
    return fail(Code::kResourceExhausted,
                fmt::format("{}: {}; at most {} are looked at", repository_.shown(), what, kMaxSignatures));
  }

  Result<> add_problem(const std::string& origin, const Error& error) {
    if (!is_malformed(error)) return fail(error);
    return add(Signature{.origin = origin, .problem = fmt::format("{} ({})", error.message(), origin)});
  }
  Result<> add(Signature signature) {
    if (signatures.size() == kMaxSignatures) return too_many("more signatures than anybody needs");
    signatures.push_back(std::move(signature));
    return {};
  }

  Result<> add(Result<oci::Document> document, const std::string& origin) {
    if (!document) return add_problem(origin, document.error());
    const auto found = signature_layers(document->content);
    if (!found) return add_problem(origin, found.error());
    for (const oci::Descriptor& layer : *found) BERTH_TRY(add_layer(layer, origin));
    return {};
  }

  Result<> add_layer(const oci::Descriptor& layer, const std::string& origin) {
    auto value = signature_of(layer);
    if (!value) return add_problem(origin, value.error());
    if (!seen_.emplace(layer.digest, *value).second) return {};
    // Signatures of one manifest mostly have the same payload.
    auto payload = payloads_.find(layer.digest);
    if (payload == payloads_.end()) {
      auto text = repository_.blob_text(layer, kMaxPayloadBytes, stop_);
      if (!text) return add_problem(origin, text.error());
      payload = payloads_.emplace(layer.digest, *std::move(text)).first;
    }
    BERTH_TRY(add(Signature{.payload = payload->second, .value = *std::move(value), .origin = origin}));
    layers.push_back(layer);
    return {};
  }

  const oci::Repository& repository_;
  const std::stop_token& stop_;
  std::set<std::pair<Digest, Bytes>> seen_;
  std::map<Digest, std::string> payloads_;
};

// A text that is to be pushed, with its descriptor.
Result<> push_text(const oci::Repository& repository, const oci::Descriptor& descriptor,
                   const std::string& text, const std::stop_token& stop) {
  return repository.push_blob(descriptor, oci::held(bytes_of(text)), {}, {}, stop);
}

// One signature on its way into a registry. Plain value.
struct New {
  std::string payload;
  oci::Descriptor layer;
};

Result<New> make(const oci::Repository& repository, const Digest& manifest, const PrivateKey& key) {
  New made{.payload = to_text({.repository = repository.shown(), .manifest = manifest})};
  const Bytes value = BERTH_TRY(key.sign(bytes_of(made.payload)));
  made.layer = make_layer(BERTH_TRY(Digest::of(bytes_of(made.payload))), made.payload.size(), value);
  return made;
}

bool signed_already(const std::vector<Signature>& signatures, const New& made, const PublicKey& key) {
  for (const Signature& signature : signatures) {
    if (signature.payload == made.payload && key.verifies(bytes_of(made.payload), signature.value))
      return true;
  }
  return false;
}

Result<> publish(const oci::Repository& repository, const New& made, std::vector<oci::Descriptor> layers,
                 std::optional<oci::Descriptor> subject, const std::optional<std::string>& tag,
                 const std::stop_token& stop) {
  layers.push_back(made.layer);
  const SignatureManifest all = BERTH_TRY(make_manifest(std::move(layers), std::move(subject)));
  BERTH_TRY(push_text(repository, made.layer, made.payload, stop));
  BERTH_TRY(push_text(repository, all.manifest.config, all.config, stop));
  BERTH_TRY(repository.push_manifest(oci::to_text(all.manifest), oci::kManifestType, tag, stop));
  return {};
}

Result<> room_for_one(const std::vector<oci::Descriptor>& layers) {
  if (layers.size() < kMaxSignatures) return {};
  return fail(Code::kResourceExhausted,
              fmt::format("there are {} signatures already, and no more are looked at", layers.size()));
}

Result<Signed> attach_to_tag(const oci::Repository& repository, const oci::Descriptor& subject,
                             const New& made, const PublicKey& key, const std::stop_token& stop) {
  Collector there(repository, stop);
  BERTH_TRY(there.add_tag(subject.digest));
  if (signed_already(there.signatures, made, key)) return Signed::kBefore;
  // What is there stays, whatever it is, as far as it can be read at all.
  const std::string tag = signature_tag(subject.digest);
  std::vector<oci::Descriptor> layers;
  auto document = repository.manifest(tag, stop);
  if (document) {
    const auto* manifest = std::get_if<oci::Manifest>(&document->content);
    if (manifest == nullptr) {
      return fail(Code::kFailedPrecondition,
                  fmt::format("{}: the tag {} holds an index instead of signatures; remove it first",
                              repository.shown(), tag));
    }
    layers = manifest->layers;
  } else if (document.error().code() != Code::kNotFound) {
    return fail(std::move(document).error());
  }
  BERTH_TRY(room_for_one(layers));
  BERTH_TRY(publish(repository, made, std::move(layers), std::nullopt, tag, stop));
  return Signed::kNow;
}

// cosign looks at one referrer only, so it holds all signatures that are known.
Result<Signed> attach_as_referrer(const oci::Repository& repository, const oci::Descriptor& subject,
                                  const New& made, const PublicKey& key, const std::stop_token& stop) {
  Collector there(repository, stop);
  BERTH_TRY(there.add_referrers(subject.digest));
  if (signed_already(there.signatures, made, key)) return Signed::kBefore;
  BERTH_TRY(there.add_tag(subject.digest));
  std::vector<oci::Descriptor> layers;
  for (oci::Descriptor& layer : there.layers) {
    if (layer != made.layer) layers.push_back(std::move(layer));
  }
  BERTH_TRY(room_for_one(layers));
  const oci::Descriptor plain{
      .media_type = subject.media_type, .digest = subject.digest, .size = subject.size};
  BERTH_TRY(publish(repository, made, std::move(layers), plain, std::nullopt, stop));
  return Signed::kNow;
}

}  // namespace

Result<std::vector<Signature>> find_signatures(const oci::Repository& repository, const Digest& manifest,
                                               const std::stop_token& stop) {
  Collector collector(repository, stop);
  BERTH_TRY(collector.add_tag(manifest));
  BERTH_TRY(collector.add_referrers(manifest));
  return std::move(collector.signatures);
}

Result<Signed> attach(const oci::Repository& repository, const oci::Descriptor& subject,
                      const PrivateKey& key, Places places, const std::stop_token& stop) {
  const New made = BERTH_TRY(make(repository, subject.digest, key));
  Signed done = Signed::kBefore;
  if (places != Places::kReferrers) {
    if (BERTH_TRY(attach_to_tag(repository, subject, made, key.public_key(), stop)) == Signed::kNow)
      done = Signed::kNow;
  }
  if (places != Places::kTag) {
    if (BERTH_TRY(attach_as_referrer(repository, subject, made, key.public_key(), stop)) == Signed::kNow)
      done = Signed::kNow;
  }
  return done;
}

Result<> verify(const Policy& policy, const oci::Repository& repository, const oci::WasmArtifact& artifact,
                const std::stop_token& stop) {
  BERTH_TRY(policy.validate());
  if (policy.require == Require::kNothing) return {};
  const Digest& manifest = artifact.manifest.digest;
  auto checked = check(policy, manifest, BERTH_TRY(find_signatures(repository, manifest, stop)));
  if (checked || artifact.named == manifest) return checked;
  return check(policy, artifact.named, BERTH_TRY(find_signatures(repository, artifact.named, stop)));
}

}  // namespace berth::artifact::signature

// Any bytes as a payload, a manifest of signatures, a file of signatures, a key or a signature: read or
// refused, within bounds; what is read is written as itself; and nothing that a stranger writes passes a
// policy.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "artifact/oci/media_type.h"
#include "artifact/signature/detached.h"
#include "artifact/signature/key.h"
#include "artifact/signature/limits.h"
#include "artifact/signature/manifest.h"
#include "artifact/signature/payload.h"
#include "artifact/signature/policy.h"

namespace {

using namespace berth::artifact;
using namespace berth::artifact::signature;

void require(bool holds) {
  if (!holds) std::abort();
}

void payload(std::string_view text) {
  const auto read = parse_payload(text);
  if (!read) return;
  require(text.size() <= kMaxPayloadBytes);
  const auto again = parse_payload(to_text(*read));
  require(again && again->manifest == read->manifest && again->repository == read->repository);
  require(read->repository.empty() || read->claims(read->repository));
}

void manifest(std::string_view text) {
  const auto content = oci::parse_content(text, oci::kManifestType);
  if (!content) return;
  const auto layers = signature_layers(*content);
  if (!layers) return;
  require(layers->size() <= kMaxSignatures);
  for (const oci::Descriptor& layer : *layers) {
    const auto value = signature_of(layer);
    if (!value) continue;
    require(!value->empty() && value->size() < kMaxSignatureText);
    require(signature_of(make_layer(layer.digest, layer.size, *value)) == *value);
  }
}

void detached(std::string_view text) {
  const auto read = parse_detached(text, "f.sig");
  if (!read) return;
  require(read->size() <= kMaxSignatures);
  std::vector<Bytes> values;
  for (const Signature& found : *read) {
    require(found.problem.empty() != found.value.empty());
    if (found.problem.empty()) values.push_back(found.value);
  }
  const auto again = parse_detached(to_detached(values), "f.sig");
  require(again && again->size() == values.size());
  for (std::size_t i = 0; i < values.size(); ++i) require((*again)[i].value == values[i]);
}

void key(std::string_view text) {
  if (const auto read = PublicKey::parse(text)) {
    const auto again = PublicKey::parse(read->to_pem());
    require(again && *again == *read);
  }
  // Without a password, so that no run of scrypt slows this down.
  const auto refuse = [] {
    return berth::Result<berth::Secret>(berth::fail(berth::Code::kFailedPrecondition, ""));
  };
  if (const auto read = PrivateKey::parse(text, refuse)) {
    require(read->public_key().verifies(bytes_of("x"), read->sign(bytes_of("x")).value()));
  }
}

// The first byte says how long the signature is.
void forged(std::string_view text) {
  static const Policy policy{
      .require = Require::kAnyOf,
      .keys = {{.name = "a", .key = PrivateKey::generate(Algorithm::kEcdsaP256)->public_key()},
               {.name = "b", .key = PrivateKey::generate(Algorithm::kEd25519)->public_key()}}};
  if (text.empty()) return;
  const std::string_view value = text.substr(1, static_cast<std::uint8_t>(text.front()));
  const BytesView bytes = bytes_of(value);
  const Signature signature{.payload = std::string(text.substr(1 + value.size())),
                            .value = Bytes(bytes.begin(), bytes.end())};
  require(!check(policy, Digest(), {signature}));
  require(!check_file(policy, bytes_of(signature.payload), {signature}));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'p': payload(text); break;
    case 'm': manifest(text); break;
    case 'd': detached(text); break;
    case 'k': key(text); break;
    default: forged(text);
  }
  return 0;
}

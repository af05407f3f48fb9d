// For tests: somebody with a key pair who signs.
#pragma once

#include <cstdlib>
#include <string>
#include <utility>

#include "artifact/signature/key.h"
#include "artifact/signature/payload.h"
#include "artifact/signature/policy.h"

namespace berth::artifact::signature {

struct TestSigner {
  explicit TestSigner(std::string called, Algorithm algorithm = Algorithm::kEcdsaP256)
      : name(std::move(called)), key(PrivateKey::generate(algorithm).value()) {}

  [[nodiscard]] TrustedKey trusted() const { return {.name = name + ".pub", .key = key.public_key()}; }
  // What it makes of any payload.
  [[nodiscard]] Signature sign_text(std::string payload) const {
    Bytes value = key.sign(bytes_of(payload)).value();
    return {.payload = std::move(payload), .value = std::move(value), .origin = "a test"};
  }
  [[nodiscard]] Signature sign(const Digest& manifest,
                               std::string repository = "127.0.0.1:5000/gather/core") const {
    return sign_text(to_text({.repository = std::move(repository), .manifest = manifest}));
  }

  std::string name;
  PrivateKey key;
};

[[nodiscard]] inline Digest digest_of_text(std::string_view text) {
  return Digest::of(bytes_of(text)).value();
}

}  // namespace berth::artifact::signature

// Payload: the text under a container signature ("simple signing"), as cosign writes it: which manifest, and
// under which name its signer knows it.
#pragma once

#include <string>
#include <string_view>

#include "artifact/digest.h"
#include "artifact/reference.h"
#include "base/error.h"

namespace berth::artifact::signature {

// Plain value.
struct Payload {
  std::string repository;  // the docker-reference, as claimed: "host:5000/gather/core", perhaps with a tag
  Digest manifest;

  // True when the claim names this repository, with or without a tag or digest behind it.
  [[nodiscard]] bool claims(std::string_view repository) const;
};

// "host:5000/gather/core": what the payload calls the repository of a reference.
[[nodiscard]] std::string repository_name(const OciReference& reference);

// Byte for byte what cosign writes for the same repository and digest.
[[nodiscard]] std::string to_text(const Payload& payload);

// Reads only what is decided on; what else a signer added is ignored. Whoever calls it has checked the
// signature, or trusts nothing of the result.
// kInvalidArgument, kResourceExhausted: the message says what is wrong with the payload.
[[nodiscard]] Result<Payload> parse_payload(std::string_view text);

}  // namespace berth::artifact::signature

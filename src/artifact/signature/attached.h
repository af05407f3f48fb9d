// Attached signatures: those that lie in a registry beside the manifest they sign, as cosign puts them there.
#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "artifact/oci/repository.h"
#include "artifact/oci/wasm_artifact.h"
#include "artifact/signature/key.h"
#include "artifact/signature/policy.h"
#include "base/error.h"

namespace berth::artifact::signature {

// Where signatures lie: in the tag "sha256-<hex>.sig", which cosign reads unless told otherwise, in the list
// of referrers of OCI 1.1, which registries show and clean up with the manifest, or in both.
enum class Places : std::uint8_t { kTag, kReferrers, kBoth };

// Everything here blocks; errors besides those that are named are Repository's.

// All signatures in both places, each once. What is malformed is among them with its problem, so that it
// hides none of the others. kResourceExhausted: more than kMaxSignatures of them, or as many referrers.
[[nodiscard]] Result<std::vector<Signature>> find_signatures(const oci::Repository& repository,
                                                             const Digest& manifest,
                                                             const std::stop_token& stop);

enum class Signed : std::uint8_t { kNow, kBefore };

// Signs the manifest `subject` of this repository and puts the signature beside those that are there.
// kBefore: this key had signed it already in each of the places, and nothing was changed. Who else signs the
// same manifest in the same moment can undo the entry in the tag (as with cosign), not the referrer.
[[nodiscard]] Result<Signed> attach(const oci::Repository& repository, const oci::Descriptor& subject,
                                    const PrivateKey& key, Places places, const std::stop_token& stop);

// Whether an artifact may run: its manifest, or the index that leads to it, is signed as the policy asks.
// Fetches nothing where the policy asks for nothing. Errors as check().
[[nodiscard]] Result<> verify(const Policy& policy, const oci::Repository& repository,
                              const oci::WasmArtifact& artifact, const std::stop_token& stop);

}  // namespace berth::artifact::signature

// Policy: whose signatures a workload's component needs, and the check of what was found against it. Pure: no
// file, no network, no clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "artifact/digest.h"
#include "artifact/signature/bytes.h"
#include "artifact/signature/key.h"
#include "base/error.h"

namespace berth::artifact::signature {

// A public key and what people call it: the file it came from. Plain value.
struct TrustedKey {
  std::string name;
  PublicKey key;
};

enum class Require : std::uint8_t {
  kNothing,  // unsigned components run; then no keys are named
  kAnyOf,    // one of the keys is enough
  kAllOf,    // each key must have signed
};

// Plain value.
struct Policy {
  Require require = Require::kNothing;
  std::vector<TrustedKey> keys;
  // Under which names the signer must know the component ("host:5000/gather/core"). Empty: under any, as
  // cosign does it, so that a mirror can serve what was signed elsewhere. Not used for files.
  std::vector<std::string> repositories;

  // kInvalidArgument for what can only be a mistake: keys that are not required, required keys that are not
  // named, more than kMaxKeys. check() refuses these too.
  [[nodiscard]] Result<> validate() const;
};

// A signature as it was found. Nothing in it is believed before check().
struct Signature {
  std::string payload;  // what was signed, byte for byte; for a file it stays empty: the file is it
  Bytes value;
  std::string origin;   // for messages: "tag sha256-….sig", "store.wasm.sig, line 1"
  std::string problem;  // why there is nothing to check (too large, not base64); empty otherwise
};

// What one signature turned out to be.
enum class Finding : std::uint8_t {
  kValid,
  kOtherKey,         // by none of the keys; or damaged, or of other bytes: nobody can tell
  kOtherDigest,      // by a key of the policy, of another component
  kOtherRepository,  // by a key of the policy, under a name that the policy does not have
  kUnusable,         // no signature of a component at all
};
[[nodiscard]] std::string_view finding_name(Finding finding);

struct Examined {
  Finding finding = Finding::kUnusable;
  std::optional<std::size_t> key;  // the index of the policy's key that made it; nothing where none did
  std::string detail;  // the other digest or name, or the problem; empty where there is nothing to add
};

// Plain value.
struct Examination {
  std::vector<Examined> signatures;  // as given
  std::vector<bool> signed_by;       // for each key of the policy
};

// Looks at every signature, at most kMaxSignatures: the rest is kUnusable.
[[nodiscard]] Examination examine(const Policy& policy, const Digest& manifest,
                                  const std::vector<Signature>& signatures);

// Whether the component that is named by `manifest`, the digest of its manifest in a registry, may run.
//  kPermissionDenied: refused; says which key has not signed, what was found instead and what to do.
//  kInvalidArgument: as validate.
[[nodiscard]] Result<> check(const Policy& policy, const Digest& manifest,
                             const std::vector<Signature>& signatures);

// The same for a component that is a plain file, with signatures of its bytes.
[[nodiscard]] Examination examine_file(const Policy& policy, BytesView content,
                                       const std::vector<Signature>& signatures);
[[nodiscard]] Result<> check_file(const Policy& policy, BytesView content,
                                  const std::vector<Signature>& signatures);

// What check makes of an examination. `what` names the component for a person, `sign` is the command that
// would sign it.
[[nodiscard]] Result<> judge(const Policy& policy, const Examination& examination, std::string_view what,
                             std::string_view sign);

}  // namespace berth::artifact::signature

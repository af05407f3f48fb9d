// Key pairs: ECDSA P-256 and Ed25519, in the PEM forms that cosign and openssl write.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "artifact/signature/bytes.h"
#include "base/error.h"
#include "base/secret.h"

struct evp_pkey_st;

namespace berth::artifact::signature {

enum class Algorithm : std::uint8_t {
  kEcdsaP256,  // over SHA-256, signatures in DER: what cosign makes unless asked otherwise
  kEd25519,
};
[[nodiscard]] std::string_view algorithm_name(Algorithm algorithm);

// Checks signatures. Cheap to copy. Immutable.
class PublicKey final {
 public:
  // Exactly one "PUBLIC KEY" block. Fails with kInvalidArgument.
  [[nodiscard]] static Result<PublicKey> parse(std::string_view pem);

  [[nodiscard]] Algorithm algorithm() const { return algorithm_; }
  // "sha256:" and the digest of the key's DER form: `openssl pkey -pubin -outform DER | sha256sum`.
  [[nodiscard]] const std::string& fingerprint() const { return fingerprint_; }
  [[nodiscard]] std::string to_pem() const;

  // False for a wrong signature and for one that is malformed. An Ed25519 key takes the plain form and
  // Ed25519ph, because cosign makes either.
  [[nodiscard]] bool verifies(BytesView message, BytesView signature) const;

  friend bool operator==(const PublicKey& a, const PublicKey& b) { return a.fingerprint_ == b.fingerprint_; }

 private:
  friend class PrivateKey;
  PublicKey() = default;
  // Takes what is public of `key`. kInvalidArgument for an algorithm that is not one of ours.
  [[nodiscard]] static Result<PublicKey> of(std::shared_ptr<evp_pkey_st> key);

  std::shared_ptr<evp_pkey_st> key_;
  Algorithm algorithm_ = Algorithm::kEcdsaP256;
  std::string fingerprint_;
};

// Asked for only when a key is encrypted.
using PasswordSource = std::function<Result<Secret>()>;

// Makes signatures. Cheap to copy. Immutable.
class PrivateKey final {
 public:
  // Fails with kInternal when the system has no randomness.
  [[nodiscard]] static Result<PrivateKey> generate(Algorithm algorithm);
  // Exactly one block: cosign's "ENCRYPTED SIGSTORE PRIVATE KEY" (and its older "ENCRYPTED COSIGN PRIVATE
  // KEY"), or openssl's "PRIVATE KEY", "ENCRYPTED PRIVATE KEY" and "EC PRIVATE KEY". Blocks for up to a
  // second on an encrypted one.
  //  kInvalidArgument: it is none of these. kPermissionDenied: the password does not open it.
  //  What `password` fails with.
  [[nodiscard]] static Result<PrivateKey> parse(std::string_view pem, const PasswordSource& password);

  // "ENCRYPTED SIGSTORE PRIVATE KEY", which cosign reads. Blocks for about half a second.
  [[nodiscard]] Result<std::string> to_encrypted_pem(const Secret& password) const;
  [[nodiscard]] const PublicKey& public_key() const { return public_; }
  // kInternal when the library fails.
  [[nodiscard]] Result<Bytes> sign(BytesView message) const;

 private:
  explicit PrivateKey(PublicKey key) : public_(std::move(key)) {}
  [[nodiscard]] static Result<PrivateKey> of(std::shared_ptr<evp_pkey_st> key);

  // Holds the private half too; PublicKey never gives it out.
  PublicKey public_;
};

}  // namespace berth::artifact::signature

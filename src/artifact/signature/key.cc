// Keys, by OpenSSL; Ed25519ph, which OpenSSL 3.0 has not, by libsodium.
#include "artifact/signature/key.h"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sodium.h>

#include <array>
#include <cstring>
#include <utility>

#include "artifact/signature/limits.h"
#include "artifact/signature/sealed.h"

namespace berth::artifact::signature {
namespace {

template <auto Free>
struct Freed {
  void operator()(auto* pointer) const { Free(pointer); }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;
using DigestRun = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using Pkcs8 = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Freed<PKCS8_PRIV_KEY_INFO_free>>;
using Pkey = std::shared_ptr<EVP_PKEY>;

constexpr std::string_view kSealed = "ENCRYPTED SIGSTORE PRIVATE KEY";
constexpr std::string_view kSealedBefore = "ENCRYPTED COSIGN PRIVATE KEY";

Pkey owned(EVP_PKEY* key) { return {key, EVP_PKEY_free}; }

Bio reading(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string written(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

// What the library says, for our own bugs only: its words are of no use to a person.
std::unexpected<Error> library_failed(std::string_view doing) {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  ERR_clear_error();
  return fail(Code::kInternal, fmt::format("{}: {}", doing, text.data()));
}

std::unexpected<Error> wrong(std::string message) {
  ERR_clear_error();
  return fail(Code::kInvalidArgument, std::move(message));
}

// The label of the only PEM block in `pem`.
Result<std::string_view> only_label(std::string_view pem) {
  constexpr std::string_view kBegin = "-----BEGIN ";
  if (pem.size() > kMaxKeyFileBytes) {
    return wrong(fmt::format("{} bytes are no key; at most {} are read", pem.size(), kMaxKeyFileBytes));
  }
  const std::size_t begin = pem.find(kBegin);
  if (begin == std::string_view::npos) return wrong("there is no PEM key in it (no line \"-----BEGIN …\")");
  if (pem.find(kBegin, begin + 1) != std::string_view::npos) {
    return wrong("it holds more than one PEM block; write one key to a file");
  }
  const std::string_view rest = pem.substr(begin + kBegin.size());
  return rest.substr(0, rest.find("-----"));
}

Result<Algorithm> algorithm_of(EVP_PKEY* key) {
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519) return Algorithm::kEd25519;
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC) {
    std::array<char, 64> group{};
    std::size_t size = 0;
    // A curve that is spelled out instead of named could be one of the sender's own; where it is not, the key
    // would have a second fingerprint.
    int spelled_out = 1;
    EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &spelled_out);
    if (spelled_out == 0 && EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) == 1 &&
        std::string_view(group.data(), size) == SN_X9_62_prime256v1) {
      return Algorithm::kEcdsaP256;
    }
  }
  return wrong(
      "the key is neither ECDSA on P-256 nor Ed25519; make one with `berth keygen` or `cosign "
      "generate-key-pair`");
}

// Ed25519 over SHA-512 of the message: RFC 8032, section 5.1, with phflag 1 and no context.
bool verifies_ed25519ph(EVP_PKEY* key, BytesView message, BytesView signature) {
  std::array<std::uint8_t, crypto_sign_PUBLICKEYBYTES> point{};
  std::size_t size = point.size();
  if (signature.size() != crypto_sign_BYTES || sodium_init() < 0 ||
      EVP_PKEY_get_raw_public_key(key, point.data(), &size) != 1 || size != point.size()) {
    return false;
  }
  crypto_sign_state state;
  return crypto_sign_init(&state) == 0 && crypto_sign_update(&state, message.data(), message.size()) == 0 &&
         crypto_sign_final_verify(&state, signature.data(), point.data()) == 0;
}

// Ed25519 hashes for itself.
const EVP_MD* hash_for(Algorithm algorithm) {
  return algorithm == Algorithm::kEcdsaP256 ? EVP_sha256() : nullptr;
}

// OpenSSL would ask at the terminal. -1 tells it that there is no password.
struct Asked {
  const PasswordSource& source;
  Result<Secret> answer = fail(Code::kInternal, "not asked");
  bool asked = false;
};
int give_password(char* to, int room, int /*writing*/, void* asked_pointer) {
  auto& asked = *static_cast<Asked*>(asked_pointer);
  asked.asked = true;
  asked.answer = asked.source();
  if (!asked.answer) return -1;
  const std::string& text = asked.answer->reveal();
  if (text.size() > static_cast<std::size_t>(room)) return -1;
  std::memcpy(to, text.data(), text.size());
  return static_cast<int>(text.size());
}

Result<Pkey> open_sealed(std::string_view pem, const PasswordSource& password) {
  const Bio bio = reading(pem);
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  if (PEM_read_bio(bio.get(), &name, &header, &data, &size) != 1) return wrong("its PEM block is damaged");
  const std::string json(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  OPENSSL_free(name);
  OPENSSL_free(header);
  OPENSSL_free(data);
  const Secret der = BERTH_TRY(unseal(json, BERTH_TRY(password())));
  const auto* at = reinterpret_cast<const unsigned char*>(der.reveal().data());
  const Pkcs8 pkcs8(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(der.reveal().size())));
  Pkey key = owned(pkcs8 == nullptr ? nullptr : EVP_PKCS82PKEY(pkcs8.get()));
  if (key == nullptr) return wrong("the password opens it, but there is no private key (PKCS #8) in it");
  return key;
}

Result<Pkey> open_plain(std::string_view pem, const PasswordSource& password) {
  const Bio bio = reading(pem);
  Asked asked{.source = password};
  Pkey key = owned(PEM_read_bio_PrivateKey(bio.get(), nullptr, give_password, &asked));
  if (key != nullptr) return key;
  ERR_clear_error();
  if (asked.asked && !asked.answer) return fail(std::move(asked.answer).error());
  if (asked.asked) return fail(Code::kPermissionDenied, "the password does not open this private key");
  return wrong("its PEM block is damaged");
}

}  // namespace

std::string_view algorithm_name(Algorithm algorithm) {
  return algorithm == Algorithm::kEcdsaP256 ? "ecdsa-p256" : "ed25519";
}

Result<PublicKey> PublicKey::parse(std::string_view pem) {
  const std::string_view label = BERTH_TRY(only_label(pem));
  if (label.ends_with("PRIVATE KEY"))
    return wrong("it is a private key; give the public one (.pub), and keep this one to who signs");
  if (label != "PUBLIC KEY") return wrong(fmt::format("it is a \"{}\"; a \"PUBLIC KEY\" is wanted", label));
  const Bio bio = reading(pem);
  Pkey key = owned(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
  if (key == nullptr) return wrong("its PEM block is damaged, or the key in it is no point on its curve");
  return of(std::move(key));
}

Result<PublicKey> PublicKey::of(Pkey key) {
  PublicKey result;
  result.algorithm_ = BERTH_TRY(algorithm_of(key.get()));
  result.key_ = std::move(key);
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(result.key_.get(), &der);
  if (size <= 0) return library_failed("writing a public key");
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int hash_size = 0;
  EVP_Digest(der, static_cast<std::size_t>(size), hash.data(), &hash_size, EVP_sha256(), nullptr);
  OPENSSL_free(der);
  result.fingerprint_ = "sha256:";
  for (unsigned int i = 0; i < hash_size; ++i)
    fmt::format_to(std::back_inserter(result.fingerprint_), "{:02x}", hash[i]);
  return result;
}

std::string PublicKey::to_pem() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PUBKEY(bio.get(), key_.get());
  return written(bio.get());
}

bool PublicKey::verifies(BytesView message, BytesView signature) const {
  const DigestRun run(EVP_MD_CTX_new());
  const bool plain =
      run != nullptr &&
      EVP_DigestVerifyInit(run.get(), nullptr, hash_for(algorithm_), nullptr, key_.get()) == 1 &&
      EVP_DigestVerify(run.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
  ERR_clear_error();
  return plain || (algorithm_ == Algorithm::kEd25519 && verifies_ed25519ph(key_.get(), message, signature));
}

Result<PrivateKey> PrivateKey::of(Pkey key) { return PrivateKey(BERTH_TRY(PublicKey::of(std::move(key)))); }

Result<PrivateKey> PrivateKey::generate(Algorithm algorithm) {
  Pkey key = owned(algorithm == Algorithm::kEcdsaP256 ? EVP_EC_gen("P-256")
                                                      : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (key == nullptr) return library_failed("making a key pair");
  return of(std::move(key));
}

Result<PrivateKey> PrivateKey::parse(std::string_view pem, const PasswordSource& password) {
  const std::string_view label = BERTH_TRY(only_label(pem));
  if (label == "PUBLIC KEY") return wrong("it is a public key; signing needs the private one (.key)");
  if (label == kSealed || label == kSealedBefore) return of(BERTH_TRY(open_sealed(pem, password)));
  if (label == "PRIVATE KEY" || label == "ENCRYPTED PRIVATE KEY" || label == "EC PRIVATE KEY") {
    return of(BERTH_TRY(open_plain(pem, password)));
  }
  return wrong(fmt::format("it is a \"{}\", which is no private key that berth reads", label));
}

Result<std::string> PrivateKey::to_encrypted_pem(const Secret& password) const {
  const Pkcs8 pkcs8(EVP_PKEY2PKCS8(public_.key_.get()));
  unsigned char* der = nullptr;
  const int size = pkcs8 == nullptr ? -1 : i2d_PKCS8_PRIV_KEY_INFO(pkcs8.get(), &der);
  if (size <= 0) return library_failed("writing a private key");
  const Secret content(std::string(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)));
  OPENSSL_clear_free(der, static_cast<std::size_t>(size));
  const std::string json = BERTH_TRY(seal(content, password));
  const Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio(bio.get(), kSealed.data(), "", reinterpret_cast<const unsigned char*>(json.data()),
                    static_cast<long>(json.size())) == 0) {
    return library_failed("writing a private key");
  }
  return written(bio.get());
}

Result<Bytes> PrivateKey::sign(BytesView message) const {
  const DigestRun run(EVP_MD_CTX_new());
  std::size_t size = 0;
  if (run == nullptr ||
      EVP_DigestSignInit(run.get(), nullptr, hash_for(public_.algorithm_), nullptr, public_.key_.get()) !=
          1 ||
      EVP_DigestSign(run.get(), nullptr, &size, message.data(), message.size()) != 1) {
    return library_failed("signing");
  }
  Bytes signature(size);
  if (EVP_DigestSign(run.get(), signature.data(), &size, message.data(), message.size()) != 1)
    return library_failed("signing");
  signature.resize(size);
  return signature;
}

}  // namespace berth::artifact::signature

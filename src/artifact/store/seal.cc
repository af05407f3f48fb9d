// Seal: by OpenSSL.
#include "artifact/store/seal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <string_view>
#include <vector>

namespace berth::artifact {
namespace {

// Another layout of compiled files gets another text here, and old files are compiled again.
constexpr std::string_view kPurpose = "berth compiled code 1";

std::unexpected<Error> lacking(const char* what) {
  return fail(Code::kInternal, std::string("sealing compiled code: OpenSSL fails at ") + what);
}

}  // namespace

void Seal::Free::operator()(void* context) const { EVP_MAC_CTX_free(static_cast<EVP_MAC_CTX*>(context)); }

Result<Seal> Seal::begin(const SealKey& secret, const std::array<std::uint8_t, 16>& salt,
                         const CompiledKey& key) {
  // Only the last part has no fixed length, so two keys never give one text.
  std::vector<std::uint8_t> text(kPurpose.begin(), kPurpose.end());
  text.insert(text.end(), salt.begin(), salt.end());
  text.insert(text.end(), key.component.bytes().begin(), key.component.bytes().end());
  text.insert(text.end(), key.compatibility.begin(), key.compatibility.end());
  std::array<std::uint8_t, 32> once{};
  std::size_t size = 0;
  if (EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, secret.data(), secret.size(), text.data(),
                text.size(), once.data(), once.size(), &size) == nullptr ||
      size != once.size()) {
    return lacking("HMAC-SHA-256");
  }
  Seal seal;
  seal.salt_ = salt;
  EVP_MAC* poly = EVP_MAC_fetch(nullptr, "POLY1305", nullptr);
  seal.mac_.reset(EVP_MAC_CTX_new(poly));
  EVP_MAC_free(poly);
  if (!seal.mac_ ||
      EVP_MAC_init(static_cast<EVP_MAC_CTX*>(seal.mac_.get()), once.data(), once.size(), nullptr) != 1) {
    return lacking("Poly1305");
  }
  OPENSSL_cleanse(once.data(), once.size());
  return seal;
}

void Seal::update(std::span<const std::uint8_t> bytes) {
  if (mac_ && EVP_MAC_update(static_cast<EVP_MAC_CTX*>(mac_.get()), bytes.data(), bytes.size()) != 1) {
    mac_.reset();
  }
}

Result<SealBytes> Seal::finish() {
  SealBytes out{.salt = salt_};
  std::size_t size = 0;
  const bool done = mac_ && EVP_MAC_final(static_cast<EVP_MAC_CTX*>(mac_.get()), out.tag.data(), &size,
                                          out.tag.size()) == 1;
  mac_.reset();
  if (!done || size != out.tag.size()) return lacking("Poly1305");
  return out;
}

bool same(const SealBytes& a, const SealBytes& b) { return CRYPTO_memcmp(&a, &b, sizeof a) == 0; }

Result<> fill_random(std::span<std::uint8_t> bytes) {
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return fail(Code::kInternal, "OpenSSL has no random numbers");
  }
  return {};
}

}  // namespace berth::artifact

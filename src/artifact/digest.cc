// Digest and Hasher over OpenSSL's EVP.
#include "artifact/digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <utility>

namespace berth::artifact {
namespace {

constexpr std::string_view kPrefix = "sha256:";

EVP_MD_CTX* evp(void* context) { return static_cast<EVP_MD_CTX*>(context); }

}  // namespace

Result<Digest> Digest::parse(std::string_view text) {
  const auto bad = [](std::string_view why) {
    return fail(Code::kInvalidArgument,
                "a digest is \"sha256:\" and 64 hexadecimal digits in lower case; " + std::string(why));
  };
  if (!text.starts_with(kPrefix)) {
    return bad(text.find(':') == std::string_view::npos ? "this one does not name its algorithm"
                                                        : "another algorithm is not accepted");
  }
  text.remove_prefix(kPrefix.size());
  if (text.size() != 2 * kBytes) return bad("this one has " + std::to_string(text.size()) + " digits");
  std::array<std::uint8_t, kBytes> bytes{};
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'a' || c > 'f')) return bad("this one has something else in it");
    bytes[i / 2] = static_cast<std::uint8_t>(bytes[i / 2] << 4 | (digit ? c - '0' : c - 'a' + 10));
  }
  return Digest(bytes);
}

Result<Digest> Digest::of(std::span<const std::uint8_t> bytes) {
  Hasher hasher;
  hasher.update(bytes);
  return hasher.finish();
}

std::string Digest::hex() const {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * kBytes);
  for (const std::uint8_t byte : bytes_) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

std::string Digest::to_string() const { return std::string(kPrefix) + hex(); }

Hasher::Hasher() : evp_(EVP_MD_CTX_new()) {
  if (evp_ && EVP_DigestInit_ex(evp(evp_.get()), EVP_sha256(), nullptr) != 1) evp_.reset();
}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::Free::operator()(void* context) const { EVP_MD_CTX_free(evp(context)); }

void Hasher::update(std::span<const std::uint8_t> bytes) {
  if (evp_ && EVP_DigestUpdate(evp(evp_.get()), bytes.data(), bytes.size()) != 1) evp_.reset();
}

Result<Digest> Hasher::finish() {
  std::array<std::uint8_t, Digest::kBytes> bytes{};
  const auto used = std::exchange(evp_, nullptr);
  if (!used || EVP_DigestFinal_ex(evp(used.get()), bytes.data(), nullptr) != 1) {
    return fail(Code::kInternal,
                "OpenSSL gives no SHA-256; check its configuration (openssl list -digest-algorithms)");
  }
  return Digest(bytes);
}

}  // namespace berth::artifact

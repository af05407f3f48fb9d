// Digest: the SHA-256 that names bytes, and how it is computed piece by piece.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace berth::artifact {

// 32 bytes. Other algorithms are refused: md5 and sha1 name nothing safely, and two names for the same bytes
// would be two entries in the store. Immutable.
class Digest final {
 public:
  static constexpr std::size_t kBytes = 32;

  // All zero: the digest of nothing known.
  Digest() = default;
  explicit Digest(const std::array<std::uint8_t, kBytes>& bytes) : bytes_(bytes) {}

  // Exactly "sha256:" and 64 digits in lower case. kInvalidArgument says what is wrong.
  [[nodiscard]] static Result<Digest> parse(std::string_view text);
  // Of `bytes`. kInternal when OpenSSL has no SHA-256 (a broken or restricted installation).
  [[nodiscard]] static Result<Digest> of(std::span<const std::uint8_t> bytes);

  [[nodiscard]] const std::array<std::uint8_t, kBytes>& bytes() const { return bytes_; }
  // 64 digits, for file names and tags.
  [[nodiscard]] std::string hex() const;
  // "sha256:" and hex().
  [[nodiscard]] std::string to_string() const;

  friend bool operator==(const Digest&, const Digest&) = default;
  friend auto operator<=>(const Digest&, const Digest&) = default;

 private:
  std::array<std::uint8_t, kBytes> bytes_{};
};

// Computes a digest while bytes pass. One thread at a time.
class Hasher final {
 public:
  Hasher();
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  void update(std::span<const std::uint8_t> bytes);
  // Of everything since construction; once. kInternal as Digest::of, also where an update failed.
  [[nodiscard]] Result<Digest> finish();

 private:
  struct Free {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Free> evp_;  // EVP_MD_CTX; null once something failed or it was finished
};

}  // namespace berth::artifact

template <>
struct std::hash<berth::artifact::Digest> {
  // Any eight bytes of a digest are as good as the others.
  std::size_t operator()(const berth::artifact::Digest& digest) const noexcept {
    std::size_t value = 0;
    std::memcpy(&value, digest.bytes().data(), sizeof value);
    return value;
  }
};

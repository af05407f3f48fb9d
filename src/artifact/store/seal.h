// Seal: proves that a compiled file is the one this store wrote for this key, to its last bit.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "artifact/store/store.h"
#include "base/error.h"

namespace berth::artifact {

// Secret of a store; never leaves its folder.
using SealKey = std::array<std::uint8_t, 32>;

// The last bytes of a compiled file.
struct SealBytes {
  std::array<std::uint8_t, 16> salt{};
  std::array<std::uint8_t, 16> tag{};
};
inline constexpr std::size_t kSealBytes = sizeof(SealBytes);

// Computes the tag of a file while its bytes pass. The tag is Poly1305 with a key that is used for this one
// file: HMAC-SHA-256 with the store's key over the salt, the component's digest and the compatibility text.
// So a file under another name, from another store or of another engine has another tag too. One thread at a
// time.
class Seal final {
 public:
  // kInternal: OpenSSL lacks an algorithm (a broken or restricted installation); so do the others.
  [[nodiscard]] static Result<Seal> begin(const SealKey& secret, const std::array<std::uint8_t, 16>& salt,
                                          const CompiledKey& key);
  void update(std::span<const std::uint8_t> bytes);
  // Once.
  [[nodiscard]] Result<SealBytes> finish();

 private:
  struct Free {
    void operator()(void* context) const;
  };
  Seal() = default;
  std::array<std::uint8_t, 16> salt_{};
  std::unique_ptr<void, Free> mac_;  // EVP_MAC_CTX; null once something failed or it was finished
};

// Without telling by its time where they differ.
[[nodiscard]] bool same(const SealBytes& a, const SealBytes& b);

// From the system's generator. kInternal.
[[nodiscard]] Result<> fill_random(std::span<std::uint8_t> bytes);

}  // namespace berth::artifact

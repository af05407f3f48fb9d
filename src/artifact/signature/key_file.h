// Keys in files: read with the file's name in every error, and written as a pair.
#pragma once

#include <filesystem>

#include "artifact/signature/key.h"
#include "artifact/signature/policy.h"
#include "base/error.h"

namespace berth::artifact::signature {

// Named by its path. Errors as PublicKey::parse and read_whole. Blocks.
[[nodiscard]] Result<TrustedKey> read_trusted_key(const std::filesystem::path& path);
// Errors as PrivateKey::parse and read_whole. Blocks.
[[nodiscard]] Result<PrivateKey> read_private_key(const std::filesystem::path& path,
                                                  const PasswordSource& password);

struct KeyPairFiles {
  std::filesystem::path private_key;  // "PREFIX.key", readable for its owner only
  std::filesystem::path public_key;   // "PREFIX.pub"
};
// Writes both or none; no file is overwritten. Errors as create_whole and PrivateKey::to_encrypted_pem.
[[nodiscard]] Result<KeyPairFiles> write_key_pair(const std::filesystem::path& prefix, const PrivateKey& key,
                                                  const Secret& password);

}  // namespace berth::artifact::signature

// Keys in files.
#include "artifact/signature/key_file.h"

#include <string>
#include <system_error>

#include "artifact/signature/limits.h"
#include "artifact/signature/small_file.h"

namespace berth::artifact::signature {

Result<TrustedKey> read_trusted_key(const std::filesystem::path& path) {
  const std::string pem = BERTH_TRY(read_whole(path, kMaxKeyFileBytes));
  auto key = PublicKey::parse(pem);
  if (!key) return fail(std::move(key).error().context("the key " + path.string()));
  return TrustedKey{.name = path.string(), .key = *std::move(key)};
}

Result<PrivateKey> read_private_key(const std::filesystem::path& path, const PasswordSource& password) {
  const Secret pem(BERTH_TRY(read_whole(path, kMaxKeyFileBytes)));
  auto key = PrivateKey::parse(pem.reveal(), password);
  if (!key) return fail(std::move(key).error().context("the key " + path.string()));
  return key;
}

Result<KeyPairFiles> write_key_pair(const std::filesystem::path& prefix, const PrivateKey& key,
                                    const Secret& password) {
  const KeyPairFiles files{.private_key = prefix.string() + ".key", .public_key = prefix.string() + ".pub"};
  // Before the key is sealed, which takes a moment and much memory.
  BERTH_TRY(expect_none(files.private_key));
  const std::string pem = BERTH_TRY(key.to_encrypted_pem(password));
  BERTH_TRY(create_whole(files.private_key, pem, 0600));
  auto written = create_whole(files.public_key, key.public_key().to_pem(), 0644);
  if (written) return files;
  std::error_code ignored;  // it is the first error that counts
  std::filesystem::remove(files.private_key, ignored);
  return fail(std::move(written).error());
}

}  // namespace berth::artifact::signature

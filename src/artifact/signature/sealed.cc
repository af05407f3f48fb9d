// Sealing and unsealing, by libsodium.
#include "artifact/signature/sealed.h"

#include <sodium.h>

#include <algorithm>
#include <array>

#include "artifact/oci/json.h"
#include "artifact/signature/limits.h"

namespace berth::artifact::signature {
namespace {

using oci::Json;

constexpr std::string_view kKdf = "scrypt";
constexpr std::string_view kCipher = "nacl/secretbox";

struct Cost {
  std::uint64_t n = 65536;  // what cosign writes today
  std::uint32_t r = 8;
  std::uint32_t p = 1;
};

Result<Secret> box_key(const Secret& password, BytesView salt, const Cost& cost) {
  std::array<char, crypto_secretbox_KEYBYTES> key{};
  const std::string& text = password.reveal();
  const int code = crypto_pwhash_scryptsalsa208sha256_ll(
      reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), salt.data(), salt.size(), cost.n,
      cost.r, cost.p, reinterpret_cast<std::uint8_t*>(key.data()), key.size());
  Secret result(std::string(key.data(), key.size()));
  sodium_memzero(key.data(), key.size());
  if (code != 0)
    return fail(Code::kResourceExhausted, "there is no memory to derive the key from the password");
  return result;
}

// What is in the JSON. Plain value.
struct Box {
  Cost cost;
  Bytes salt;
  Bytes nonce;
  Bytes ciphertext;
};

Result<Bytes> bytes_member(const Json& json, const char* key) {
  const auto text = BERTH_TRY(oci::text_member(json, key));
  auto bytes = from_base64(text.value_or(""));
  if (!bytes) return fail(Code::kInvalidArgument, std::string(key) + " is not base64");
  return *std::move(bytes);
}

Result<Box> read_box(std::string_view text) {
  const Json json = BERTH_TRY(oci::parse_object(text, kMaxKeyFileBytes, "it"));
  const Json* kdf = BERTH_TRY(oci::object_member(json, "kdf"));
  const Json* cipher = BERTH_TRY(oci::object_member(json, "cipher"));
  const Json* params = kdf == nullptr ? nullptr : BERTH_TRY(oci::object_member(*kdf, "params"));
  if (params == nullptr || BERTH_TRY(oci::text_member(*kdf, "name")) != kKdf) {
    return fail(Code::kInvalidArgument, "its key derivation is not scrypt");
  }
  if (cipher == nullptr || BERTH_TRY(oci::text_member(*cipher, "name")) != kCipher) {
    return fail(Code::kInvalidArgument, "its cipher is not nacl/secretbox");
  }
  const std::uint64_t n = BERTH_TRY(oci::count_member(*params, "N")).value_or(0);
  // Only costs that cosign has written: a changed file must not make us spend more.
  if ((n != kMaxScryptCost / 4 && n != kMaxScryptCost / 2 && n != kMaxScryptCost) ||
      BERTH_TRY(oci::count_member(*params, "r")) != 8U || BERTH_TRY(oci::count_member(*params, "p")) != 1U) {
    return fail(Code::kInvalidArgument, "its scrypt parameters are not ones that cosign uses");
  }
  Box box{.cost = {.n = n},
          .salt = BERTH_TRY(bytes_member(*kdf, "salt")),
          .nonce = BERTH_TRY(bytes_member(*cipher, "nonce")),
          .ciphertext = BERTH_TRY(bytes_member(json, "ciphertext"))};
  if (box.nonce.size() != crypto_secretbox_NONCEBYTES || box.ciphertext.size() < crypto_secretbox_MACBYTES) {
    return fail(Code::kInvalidArgument, "its nonce or ciphertext has a wrong length");
  }
  return box;
}

}  // namespace

Result<std::string> seal(const Secret& content, const Secret& password) {
  if (sodium_init() < 0) return fail(Code::kInternal, "libsodium does not start");
  std::array<std::uint8_t, 32> salt{};
  std::array<std::uint8_t, crypto_secretbox_NONCEBYTES> nonce{};
  randombytes_buf(salt.data(), salt.size());
  randombytes_buf(nonce.data(), nonce.size());
  const Cost cost;
  const Secret key = BERTH_TRY(box_key(password, salt, cost));
  const BytesView plain = bytes_of(content.reveal());
  Bytes box(plain.size() + crypto_secretbox_MACBYTES);
  crypto_secretbox_easy(box.data(), plain.data(), plain.size(), nonce.data(), bytes_of(key.reveal()).data());
  return nlohmann::ordered_json{{"kdf",
                                 {{"name", kKdf},
                                  {"params", {{"N", cost.n}, {"r", cost.r}, {"p", cost.p}}},
                                  {"salt", to_base64(salt)}}},
                                {"cipher", {{"name", kCipher}, {"nonce", to_base64(nonce)}}},
                                {"ciphertext", to_base64(box)}}
      .dump();
}

Result<Secret> unseal(std::string_view text, const Secret& password) {
  if (sodium_init() < 0) return fail(Code::kInternal, "libsodium does not start");
  const auto read = read_box(text);
  if (!read) {
    return fail(read.error().code(), "it is not encrypted as cosign does it: " + read.error().message());
  }
  const Box& box = *read;
  const Secret key = BERTH_TRY(box_key(password, box.salt, box.cost));
  Bytes plain(box.ciphertext.size() - crypto_secretbox_MACBYTES);
  const bool opened = crypto_secretbox_open_easy(plain.data(), box.ciphertext.data(), box.ciphertext.size(),
                                                 box.nonce.data(), bytes_of(key.reveal()).data()) == 0;
  Secret content{std::string(text_of(plain))};
  sodium_memzero(plain.data(), plain.size());
  if (!opened) return fail(Code::kPermissionDenied, "the password does not open this private key");
  return content;
}

}  // namespace berth::artifact::signature

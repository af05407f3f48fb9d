// Sealing and unsealing, by libsodium.
#include "artifact/signature/sealed.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "artifact/signature/bounded_json.h"
#include "artifact/signature/limits.h"

namespace berth::artifact::signature {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kKdf = "scrypt";
constexpr std::string_view kCipher = "nacl/secretbox";

struct Cost {
  std::uint64_t n = 65536;  // what cosign writes today
  std::uint32_t r = 8;
  std::uint32_t p = 1;
};

std::unexpected<Error> malformed(std::string_view what) {
  return fail(Code::kInvalidArgument, "not an encrypted private key as cosign writes it: " + std::string(what));
}

Result<Secret> box_key(const Secret& password, BytesView salt, const Cost& cost) {
  std::array<char, crypto_secretbox_KEYBYTES> key{};
  const std::string_view text = password.reveal();
  const int code =
      crypto_pwhash_scryptsalsa208sha256_ll(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), salt.data(),
                                            salt.size(), cost.n, cost.r, cost.p,
                                            reinterpret_cast<std::uint8_t*>(key.data()), key.size());
  Secret result(std::string_view(key.data(), key.size()));
  sodium_memzero(key.data(), key.size());
  if (code != 0) return fail(Code::kResourceExhausted, "there is no memory to derive the key from the password");
  return result;
}

std::optional<Bytes> bytes_at(const Json& json, const char* pointer) {
  const std::string* text = text_at(json, pointer);
  return text == nullptr ? std::nullopt : from_base64(*text);
}

// Only costs that cosign has written: a changed file must not make us spend more.
Result<Cost> cost_of(const Json& json) {
  const auto number = [&](const char* pointer) -> std::uint64_t {
    const Json::json_pointer at(pointer);
    return json.contains(at) && json.at(at).is_number_unsigned() ? json.at(at).get<std::uint64_t>() : 0;
  };
  const std::uint64_t n = number("/kdf/params/N");
  if ((n != kMaxScryptCost / 4 && n != kMaxScryptCost / 2 && n != kMaxScryptCost) || number("/kdf/params/r") != 8 ||
      number("/kdf/params/p") != 1) {
    return malformed("its scrypt parameters are not ones that cosign uses");
  }
  return Cost{.n = n};
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
               {{"name", kKdf}, {"params", {{"N", cost.n}, {"r", cost.r}, {"p", cost.p}}}, {"salt", to_base64(salt)}}},
              {"cipher", {{"name", kCipher}, {"nonce", to_base64(nonce)}}},
              {"ciphertext", to_base64(box)}}
      .dump();
}

Result<Secret> unseal(std::string_view text, const Secret& password) {
  if (sodium_init() < 0) return fail(Code::kInternal, "libsodium does not start");
  auto json = parse_bounded(text, kMaxKeyFileBytes);
  if (!json) return malformed(json.error().message());
  const std::string* kdf = text_at(*json, "/kdf/name");
  const std::string* cipher = text_at(*json, "/cipher/name");
  if (kdf == nullptr || *kdf != kKdf) return malformed("its key derivation is not scrypt");
  if (cipher == nullptr || *cipher != kCipher) return malformed("its cipher is not nacl/secretbox");
  const Cost cost = BERTH_TRY(cost_of(*json));
  const auto salt = bytes_at(*json, "/kdf/salt");
  const auto nonce = bytes_at(*json, "/cipher/nonce");
  const auto box = bytes_at(*json, "/ciphertext");
  if (!salt || !nonce || nonce->size() != crypto_secretbox_NONCEBYTES || !box || box->size() < crypto_secretbox_MACBYTES) {
    return malformed("salt, nonce or ciphertext is missing or not base64");
  }
  const Secret key = BERTH_TRY(box_key(password, *salt, cost));
  Bytes plain(box->size() - crypto_secretbox_MACBYTES);
  const bool opened = crypto_secretbox_open_easy(plain.data(), box->data(), box->size(), nonce->data(),
                                                 bytes_of(key.reveal()).data()) == 0;
  Secret content(text_of(plain));
  sodium_memzero(plain.data(), plain.size());
  if (!opened) return fail(Code::kPermissionDenied, "the password does not open this private key");
  return content;
}

}  // namespace berth::artifact::signature

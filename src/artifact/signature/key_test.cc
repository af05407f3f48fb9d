// Keys: what verifies and what does not, and what is refused as a key. Keys that cosign and openssl wrote are
// in tests/signatures.
#include "artifact/signature/key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/pem.h>

#include <memory>

#include "artifact/signature/limits.h"

namespace berth::artifact::signature {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const PasswordSource kNoPassword = [] {
  return Result<Secret>(fail(Code::kFailedPrecondition, "no password here"));
};
PasswordSource password(std::string text) {
  return [text = std::move(text)] { return Result<Secret>(Secret(text)); };
}

Bytes unhex(std::string_view text) {
  Bytes bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

std::string pem_of(const EVP_PKEY* key, bool with_private) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  if (with_private) {
    PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  } else {
    PEM_write_bio_PUBKEY(bio.get(), key);
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}
using OwnedKey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

const Bytes kMessage = {'h', 'e', 'l', 'l', 'o'};

class EveryAlgorithm : public ::testing::TestWithParam<Algorithm> {};
INSTANTIATE_TEST_SUITE_P(Key, EveryAlgorithm, ::testing::Values(Algorithm::kEcdsaP256, Algorithm::kEd25519),
                         [](const auto& info) {
                           return info.param == Algorithm::kEd25519 ? "Ed25519" : "EcdsaP256";
                         });

TEST_P(EveryAlgorithm, SignsAndVerifiesThroughItsFiles) {
  const PrivateKey made = PrivateKey::generate(GetParam()).value();
  EXPECT_EQ(made.public_key().algorithm(), GetParam());
  const std::string pem = made.to_encrypted_pem(Secret("pass word")).value();
  EXPECT_THAT(pem, testing::StartsWith("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n"));
  const PrivateKey read = PrivateKey::parse(pem, password("pass word")).value();
  const PublicKey key = PublicKey::parse(made.public_key().to_pem()).value();
  EXPECT_EQ(read.public_key(), key);
  EXPECT_THAT(key.fingerprint(), testing::MatchesRegex("sha256:[0-9a-f]{64}"));

  const Bytes signature = read.sign(kMessage).value();
  EXPECT_TRUE(key.verifies(kMessage, signature));
  EXPECT_FALSE(PrivateKey::generate(GetParam()).value().public_key().verifies(kMessage, signature));
  EXPECT_FALSE(key.verifies(Bytes{'h', 'e', 'l', 'l', 'O'}, signature));
  EXPECT_FALSE(key.verifies({}, signature));
}

TEST_P(EveryAlgorithm, AnEmptyMessageCanBeSigned) {
  const PrivateKey key = PrivateKey::generate(GetParam()).value();
  EXPECT_TRUE(key.public_key().verifies({}, key.sign({}).value()));
}

TEST_P(EveryAlgorithm, NoDamagedSignatureVerifies) {
  const PrivateKey key = PrivateKey::generate(GetParam()).value();
  const Bytes good = key.sign(kMessage).value();
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(key.public_key().verifies(kMessage, BytesView(good).first(size))) << size;
  }
  for (std::size_t byte = 0; byte < good.size(); ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes bad = good;
      bad[byte] ^= static_cast<std::uint8_t>(1 << bit);
      EXPECT_FALSE(key.public_key().verifies(kMessage, bad)) << byte << " " << bit;
    }
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_FALSE(key.public_key().verifies(kMessage, longer));
  EXPECT_FALSE(key.public_key().verifies(kMessage, Bytes(good.size(), 0)));
  EXPECT_FALSE(key.public_key().verifies(kMessage, Bytes(1 << 20, 0x30)));
}

// The same two numbers, spelled as DER does not allow it.
TEST(Key, OnlyOneSpellingOfAnEcdsaSignature) {
  const PrivateKey key = PrivateKey::generate(Algorithm::kEcdsaP256).value();
  const Bytes good = key.sign(kMessage).value();
  ASSERT_LT(good[1], 0x80);
  Bytes long_length = {0x30, 0x81};
  long_length.insert(long_length.end(), good.begin() + 1, good.end());
  EXPECT_FALSE(key.public_key().verifies(kMessage, long_length));
  Bytes endless = {0x30, 0x80};
  endless.insert(endless.end(), good.begin() + 2, good.end());
  endless.insert(endless.end(), {0, 0});
  EXPECT_FALSE(key.public_key().verifies(kMessage, endless));
  Bytes padded = good;  // a zero before the first number
  padded[1] += 1;
  padded[3] += 1;
  padded.insert(padded.begin() + 4, 0);
  EXPECT_FALSE(key.public_key().verifies(kMessage, padded));
}

// (r, s) and (r, n - s) are both signatures of the message; cosign takes both, and so do we. It gains nobody
// anything: a policy counts keys, not signatures (policy_test.cc).
TEST(Key, TheOtherSOfAnEcdsaSignatureIsAsGood) {
  const PrivateKey key = PrivateKey::generate(Algorithm::kEcdsaP256).value();
  const Bytes good = key.sign(kMessage).value();
  const unsigned char* at = good.data();
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> sig(
      d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(good.size())), ECDSA_SIG_free);
  const std::unique_ptr<EC_GROUP, decltype(&EC_GROUP_free)> group(
      EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1), EC_GROUP_free);
  BIGNUM* r = BN_dup(ECDSA_SIG_get0_r(sig.get()));
  BIGNUM* s = BN_new();
  BN_sub(s, EC_GROUP_get0_order(group.get()), ECDSA_SIG_get0_s(sig.get()));
  ECDSA_SIG_set0(sig.get(), r, s);
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(sig.get(), &der);
  const Bytes other(der, der + size);
  OPENSSL_free(der);
  EXPECT_NE(other, good);
  EXPECT_TRUE(key.public_key().verifies(kMessage, other));
}

// cosign signs images with Ed25519ph and files with the plain form. The key and signature are those of
// RFC 8032, section 7.3.
TEST(Key, TakesBothFormsOfEd25519) {
  const Bytes point = unhex("ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf");
  const OwnedKey raw(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, point.data(), point.size()),
                     EVP_PKEY_free);
  const PublicKey key = PublicKey::parse(pem_of(raw.get(), false)).value();
  const Bytes signature = unhex(
      "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41"
      "31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406");
  EXPECT_TRUE(key.verifies(bytes_of("abc"), signature));
  EXPECT_FALSE(key.verifies(bytes_of("abd"), signature));
}

TEST(Key, RefusesOtherAlgorithmsAndCurves) {
  for (const OwnedKey& key :
       {OwnedKey(EVP_RSA_gen(2048), EVP_PKEY_free), OwnedKey(EVP_EC_gen("P-384"), EVP_PKEY_free),
        OwnedKey(EVP_EC_gen("secp256k1"), EVP_PKEY_free),
        OwnedKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"), EVP_PKEY_free)}) {
    const auto read = PublicKey::parse(pem_of(key.get(), false));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code(), Code::kInvalidArgument);
    EXPECT_THAT(read.error().message(), HasSubstr("neither ECDSA on P-256 nor Ed25519"));
    EXPECT_FALSE(PrivateKey::parse(pem_of(key.get(), true), kNoPassword));
  }
}

// P-256 with every parameter spelled out: the form in which a generator of one's own could hide.
TEST(Key, RefusesCurvesThatAreSpelledOut) {
  const OwnedKey key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  ASSERT_EQ(EVP_PKEY_set_utf8_string_param(key.get(), "encoding", "explicit"), 1);
  const std::string pem = pem_of(key.get(), false);
  ASSERT_GT(pem.size(), 300);
  const auto read = PublicKey::parse(pem);
  EXPECT_FALSE(read) << "it was read as " << read->fingerprint();
}

TEST(Key, RefusesPointsThatAreNotOnTheCurve) {
  const PublicKey good = PrivateKey::generate(Algorithm::kEcdsaP256).value().public_key();
  std::string body = good.to_pem();
  const std::size_t begin = body.find('\n') + 1;
  const std::size_t end = body.find("\n-----END");
  std::string base64 = body.substr(begin, end - begin);
  std::erase(base64, '\n');
  Bytes der = from_base64(base64).value();
  der.back() ^= 1;
  EXPECT_FALSE(PublicKey::parse(body.substr(0, begin) + to_base64(der) + "\n-----END PUBLIC KEY-----\n"));
}

TEST(Key, SaysWhatIsWrongWithAPublicKey) {
  const PrivateKey pair = PrivateKey::generate(Algorithm::kEcdsaP256).value();
  const std::string good = pair.public_key().to_pem();
  const std::pair<std::string, const char*> wrong[] = {
      {"", "no PEM key"},
      {"hello", "no PEM key"},
      {"-----BEGIN PUBLIC KEY-----", "damaged"},
      {good.substr(0, good.size() / 2), "damaged"},
      {good + good, "more than one"},
      {pair.to_encrypted_pem(Secret("x")).value(), "private key; give the public one"},
      {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "it is a \"CERTIFICATE\""},
      {std::string(kMaxKeyFileBytes + 1, ' '), "65537 bytes"},
  };
  for (const auto& [pem, message] : wrong) {
    const auto read = PublicKey::parse(pem);
    ASSERT_FALSE(read) << message;
    EXPECT_EQ(read.error().code(), Code::kInvalidArgument);
    EXPECT_THAT(read.error().message(), HasSubstr(message));
  }
  EXPECT_TRUE(PublicKey::parse("# release key of 2026\n" + good)) << "text around the block is usual";
}

TEST(Key, SaysWhatIsWrongWithAPrivateKey) {
  const PrivateKey pair = PrivateKey::generate(Algorithm::kEcdsaP256).value();
  const std::string sealed = pair.to_encrypted_pem(Secret("right")).value();

  const auto wrong_password = PrivateKey::parse(sealed, password("wrong-hush"));
  ASSERT_FALSE(wrong_password);
  EXPECT_EQ(wrong_password.error().code(), Code::kPermissionDenied);
  EXPECT_THAT(wrong_password.error().to_string(), Not(HasSubstr("hush")));

  EXPECT_EQ(PrivateKey::parse(sealed, kNoPassword).error().message(), "no password here");
  EXPECT_THAT(PrivateKey::parse(pair.public_key().to_pem(), kNoPassword).error().message(),
              HasSubstr("it is a public key"));
  EXPECT_THAT(PrivateKey::parse(sealed.substr(0, 200), kNoPassword).error().message(), HasSubstr("damaged"));
  EXPECT_THAT(
      PrivateKey::parse("-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----\n", kNoPassword)
          .error()
          .message(),
      HasSubstr("\"DSA PRIVATE KEY\""));
  EXPECT_THAT(PrivateKey::parse("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", kNoPassword)
                  .error()
                  .message(),
              HasSubstr("damaged"));
}

// OpenSSL's own form under a password, which `openssl genpkey -aes256` writes.
TEST(Key, OpensPkcs8UnderAPassword) {
  const OwnedKey key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), EVP_aes_256_cbc(), "right", 5, nullptr, nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  const std::string text(data, static_cast<std::size_t>(size));
  EXPECT_TRUE(PrivateKey::parse(text, password("right")));
  EXPECT_EQ(PrivateKey::parse(text, password("wrong")).error().code(), Code::kPermissionDenied);
  EXPECT_EQ(PrivateKey::parse(text, kNoPassword).error().message(), "no password here");
}

TEST(Key, APasswordIsAskedForOnlyWhereThereIsOne) {
  const OwnedKey key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  EXPECT_TRUE(PrivateKey::parse(pem_of(key.get(), true), kNoPassword));
}

}  // namespace
}  // namespace berth::artifact::signature

// Policies: who must have signed what, and every way in which a signature is not the one that is asked for.
#include "artifact/signature/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "artifact/signature/limits.h"
#include "artifact/signature/test_signer.h"

namespace berth::artifact::signature {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const Digest kRun = digest_of_text("the manifest that is to run");
const Digest kOld = digest_of_text("the one before");

// Three who sign; keys take a while to make, so they are made once.
const TestSigner& ada() {
  static const TestSigner signer("ada");
  return signer;
}
const TestSigner& bob() {
  static const TestSigner signer("bob", Algorithm::kEd25519);
  return signer;
}
const TestSigner& eve() {
  static const TestSigner signer("eve");
  return signer;
}

Policy any_of(std::vector<TrustedKey> keys) { return {.require = Require::kAnyOf, .keys = std::move(keys)}; }
Policy all_of(std::vector<TrustedKey> keys) { return {.require = Require::kAllOf, .keys = std::move(keys)}; }
const Policy& only_ada() {
  static const Policy policy = any_of({ada().trusted()});
  return policy;
}

Finding finding(const Policy& policy, const Signature& signature) {
  return examine(policy, kRun, {signature}).signatures.at(0).finding;
}

TEST(Policy, NothingRequiredIsNothingChecked) {
  EXPECT_TRUE(check({}, kRun, {}));
  EXPECT_TRUE(check({}, kRun, {eve().sign(kOld)}));
}

TEST(Policy, AnyOfWantsOneKey) {
  const Policy policy = any_of({ada().trusted(), bob().trusted()});
  EXPECT_TRUE(check(policy, kRun, {ada().sign(kRun)}));
  EXPECT_TRUE(check(policy, kRun, {bob().sign(kRun)}));
  EXPECT_TRUE(check(policy, kRun, {eve().sign(kRun), bob().sign(kRun)}));
  EXPECT_FALSE(check(policy, kRun, {eve().sign(kRun)}));
  EXPECT_FALSE(check(policy, kRun, {}));
}

TEST(Policy, AllOfWantsEachKey) {
  const Policy policy = all_of({ada().trusted(), bob().trusted()});
  EXPECT_TRUE(check(policy, kRun, {bob().sign(kRun), ada().sign(kRun)}));
  EXPECT_FALSE(check(policy, kRun, {ada().sign(kRun)}));
  // Two signatures by one key are one key.
  EXPECT_FALSE(check(policy, kRun, {ada().sign(kRun), ada().sign(kRun)}));
  // Each for the digest that is to run.
  EXPECT_FALSE(check(policy, kRun, {ada().sign(kRun), bob().sign(kOld)}));
}

TEST(Policy, ARefusalNamesTheKeysThatAreMissingAndWhatToDo) {
  const auto refused = check(all_of({ada().trusted(), bob().trusted()}), kRun,
                             {ada().sign(kRun),
                              eve().sign(kRun),
                              bob().sign(kOld),
                              {.origin = "tag", .problem = "it is not base64"}});
  ASSERT_FALSE(refused);
  const Error& error = refused.error();
  EXPECT_EQ(error.code(), Code::kPermissionDenied);
  EXPECT_THAT(error.message(),
              AllOf(HasSubstr(kRun.to_string() + " is refused"), HasSubstr("\"bob.pub\" (sha256:"),
                    Not(HasSubstr("ada.pub")), HasSubstr("4 signatures were found"),
                    HasSubstr("berth sign --key FILE.key oci://REPOSITORY@" + kRun.to_string())));
  EXPECT_EQ(error.detail(),
            "signature 1: valid, by ada.pub\n"
            "signature 2: by another key, or damaged\n"
            "signature 3: by bob.pub, but of another component: " +
                kOld.to_string() +
                "\n"
                "signature 4: unusable: it is not base64");
}

TEST(Policy, ALongListOfFindingsIsCutShort) {
  const auto refused = check(only_ada(), kRun, std::vector<Signature>(20, eve().sign(kRun)));
  EXPECT_THAT(refused.error().detail(), testing::EndsWith("\n12 more signatures"));
}

TEST(Policy, WrongKey) { EXPECT_EQ(finding(only_ada(), eve().sign(kRun)), Finding::kOtherKey); }

// A tag was moved to another manifest, and the old one's signature lies beside the new one.
TEST(Policy, SignatureOfAnotherDigest) {
  EXPECT_EQ(finding(only_ada(), ada().sign(kOld)), Finding::kOtherDigest);
  EXPECT_FALSE(check(only_ada(), kRun, {ada().sign(kOld)}));
}

// The right payload with a signature of another one.
TEST(Policy, PayloadThatIsNotWhatWasSigned) {
  Signature swapped = ada().sign(kOld);
  swapped.payload = ada().sign(kRun).payload;
  EXPECT_EQ(finding(only_ada(), swapped), Finding::kOtherKey);
  Signature respelled = ada().sign(kRun);
  respelled.payload += " ";
  EXPECT_EQ(finding(only_ada(), respelled), Finding::kOtherKey);
}

TEST(Policy, StrippedSignature) {
  Signature stripped = ada().sign(kRun);
  stripped.value.clear();
  EXPECT_EQ(finding(only_ada(), stripped), Finding::kOtherKey);
  EXPECT_THAT(check(only_ada(), kRun, {}).error().message(), HasSubstr("nobody has signed it"));
}

TEST(Policy, GarbageAsASignature) {
  for (const Bytes& garbage :
       {Bytes{0}, Bytes(70, 0x30), Bytes(2000, 0xff), Bytes{0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 2, 1, 0}}) {
    Signature signature = ada().sign(kRun);
    signature.value = garbage;
    EXPECT_EQ(finding(only_ada(), signature), Finding::kOtherKey);
    EXPECT_EQ(finding(any_of({bob().trusted()}), signature), Finding::kOtherKey);
  }
}

TEST(Policy, GarbageHidesNoValidSignature) {
  Signature garbage = ada().sign(kRun);
  garbage.value = {1, 2, 3};
  EXPECT_TRUE(check(only_ada(), kRun, {garbage, {.problem = "too large"}, ada().sign(kRun)}));
}

// Signed by the right key, but not as a container signature: what another program signs with the same key
// must mean nothing here.
TEST(Policy, APayloadOfAnotherKind) {
  for (const std::string text : {"", "hello", "{}", "null"}) {
    EXPECT_EQ(finding(only_ada(), ada().sign_text(text)), Finding::kUnusable) << text;
  }
  Signature file = ada().sign_text("the bytes of a file");
  file.payload.clear();
  EXPECT_EQ(finding(only_ada(), file), Finding::kOtherKey);
}

TEST(Policy, AnotherRepositoryIsRefusedWhereNamesAreAskedFor) {
  const Signature elsewhere = ada().sign(kRun, "127.0.0.1:5000/mirror/core");
  // As cosign: the digest decides.
  EXPECT_TRUE(check(only_ada(), kRun, {elsewhere}));
  Policy named = only_ada();
  named.repositories = {"127.0.0.1:5000/gather/core"};
  EXPECT_EQ(finding(named, elsewhere), Finding::kOtherRepository);
  EXPECT_THAT(check(named, kRun, {elsewhere}).error().detail(),
              HasSubstr("by ada.pub, but for another name: 127.0.0.1:5000/mirror/core"));
  EXPECT_TRUE(check(named, kRun, {ada().sign(kRun, "127.0.0.1:5000/gather/core")}));
  EXPECT_TRUE(check(named, kRun, {ada().sign(kRun, "127.0.0.1:5000/gather/core:v1")}));
  EXPECT_FALSE(check(named, kRun, {ada().sign(kRun, "127.0.0.1:5000/gather/core-evil")}));
  EXPECT_FALSE(check(named, kRun, {ada().sign(kRun, "")}));
  named.repositories.emplace_back("127.0.0.1:5000/mirror/core");
  EXPECT_TRUE(check(named, kRun, {elsewhere}));
}

// What is written wrong must not mean "everything goes".
TEST(Policy, AMistakeRefuses) {
  const Policy mistakes[] = {any_of({}),
                             all_of({}),
                             {.require = Require::kNothing, .keys = {ada().trusted()}},
                             any_of(std::vector<TrustedKey>(kMaxKeys + 1, ada().trusted()))};
  for (const Policy& policy : mistakes) {
    const auto refused = check(policy, kRun, {ada().sign(kRun)});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Code::kInvalidArgument);
  }
  EXPECT_TRUE(check(any_of(std::vector<TrustedKey>(kMaxKeys, ada().trusted())), kRun, {ada().sign(kRun)}));
}

TEST(Policy, OnlySoManySignaturesAreLookedAt) {
  std::vector<Signature> many(kMaxSignatures - 1, eve().sign(kRun));
  many.push_back(ada().sign(kRun));
  EXPECT_TRUE(check(only_ada(), kRun, many));
  many.insert(many.begin(), 10'000, eve().sign(kRun));
  const auto begin = std::chrono::steady_clock::now();
  const auto refused = check(any_of(std::vector<TrustedKey>(kMaxKeys, ada().trusted())), kRun, many);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kPermissionDenied);
  // A quarter of a second unloaded, without a bound several minutes.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST(Policy, AnExaminationSaysWhoSignedWhat) {
  const Examination seen = examine(all_of({ada().trusted(), bob().trusted()}), kRun,
                                   {eve().sign(kRun), bob().sign(kRun), ada().sign(kOld)});
  EXPECT_EQ(seen.signed_by, (std::vector<bool>{false, true}));
  EXPECT_EQ(seen.signatures[0].key, std::nullopt);
  EXPECT_EQ(seen.signatures[1].key, 1);
  EXPECT_EQ(finding_name(seen.signatures[1].finding), "valid");
  EXPECT_EQ(seen.signatures[2].key, 0);
  EXPECT_EQ(seen.signatures[2].detail, kOld.to_string());
}

}  // namespace
}  // namespace berth::artifact::signature

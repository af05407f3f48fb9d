// Signatures of files, beside them.
#include "artifact/signature/detached.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "artifact/signature/limits.h"
#include "artifact/signature/test_signer.h"

namespace berth::artifact::signature {
namespace {

using ::testing::HasSubstr;

TEST(Detached, OneIsBareBase64AndMoreAreLines) {
  EXPECT_EQ(to_detached({Bytes{1, 2, 3}}), "AQID");
  EXPECT_EQ(to_detached({Bytes{1, 2, 3}, Bytes{4}}), "AQID\nBA==");
  const auto read = parse_detached("AQID\r\n\nBA==\n", "f.sig").value();
  ASSERT_EQ(read.size(), 2);
  EXPECT_EQ(read[0].value, (Bytes{1, 2, 3}));
  EXPECT_EQ(read[0].origin, "f.sig, line 1");
  EXPECT_EQ(read[1].origin, "f.sig, line 3");
  EXPECT_TRUE(parse_detached("", "f.sig").value().empty());
}

TEST(Detached, AWrongLineHidesNoOther) {
  const auto read =
      parse_detached("hello!\nAQID\n" + std::string(kMaxSignatureText + 1, 'A'), "f.sig").value();
  ASSERT_EQ(read.size(), 3);
  EXPECT_EQ(read[0].problem, "it is not base64");
  EXPECT_EQ(read[1].problem, "");
  EXPECT_THAT(read[2].problem, HasSubstr("2049 characters"));
}

TEST(Detached, HoldsAtMostSoManyLines) {
  std::string text;
  for (std::size_t i = 0; i < kMaxSignatures; ++i) text += "AQID\n";
  EXPECT_EQ(parse_detached(text, "f.sig").value().size(), kMaxSignatures);
  EXPECT_EQ(parse_detached(text + "AQID\n", "f.sig").error().code(), Code::kResourceExhausted);
  for (int i = 0; i < 10'000; ++i) text += "AQID\n";
  EXPECT_EQ(parse_detached(text, "f.sig").error().code(), Code::kResourceExhausted);
  EXPECT_EQ(parse_detached(std::string(max_detached_bytes(), '\n'), "f.sig").value().size(), 0)
      << "empty lines are free";
}

TEST(Detached, AFilesSignatureIsOfItsBytes) {
  const TestSigner ada("ada");
  const TestSigner bob("bob");
  const std::string content = "component";
  const std::string text = to_detached({ada.key.sign(bytes_of(content)).value()});
  const auto found = parse_detached(text, "f.sig").value();
  const Policy policy{.require = Require::kAnyOf, .keys = {ada.trusted()}};
  EXPECT_TRUE(check_file(policy, bytes_of(content), found));

  const auto changed = check_file(policy, bytes_of("Component"), found);
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code(), Code::kPermissionDenied);
  EXPECT_THAT(changed.error().detail(), HasSubstr("by another key, or damaged"));
  EXPECT_THAT(changed.error().message(), HasSubstr("berth sign --key"));
  EXPECT_FALSE(check_file({.require = Require::kAnyOf, .keys = {bob.trusted()}}, bytes_of(content), found));
  EXPECT_FALSE(check_file({.require = Require::kAllOf, .keys = {ada.trusted(), bob.trusted()}},
                          bytes_of(content), found));
  EXPECT_THAT(check_file(policy, bytes_of(content), {}).error().message(), HasSubstr("nobody has signed it"));

  const auto both =
      parse_detached(text + "\n" + to_detached({bob.key.sign(bytes_of(content)).value()}), "f.sig").value();
  EXPECT_TRUE(check_file({.require = Require::kAllOf, .keys = {ada.trusted(), bob.trusted()}},
                         bytes_of(content), both));
}

}  // namespace
}  // namespace berth::artifact::signature

// Payloads: the exact text, and what is refused.
#include "artifact/signature/payload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "artifact/oci/limits.h"
#include "artifact/signature/limits.h"
#include "artifact/signature/test_signer.h"

namespace berth::artifact::signature {
namespace {

using ::testing::HasSubstr;

const std::string kHex = "5ba2d4da916b3e185de4e7ffcd643ffeede5356330c95d2f45a81f3357c7721f";
// What cosign 2.6.5 wrote for this digest; tests/signatures compares with a cosign that runs.
const std::string kText =
    R"({"critical":{"identity":{"docker-reference":"127.0.0.1:5000/gather/core"},"image":{"docker-manifest-digest":"sha256:)" +
    kHex + R"("},"type":"cosign container image signature"},"optional":null})";

TEST(Payload, IsByteForByteWhatCosignWrites) {
  const Digest digest = Digest::parse("sha256:" + kHex).value();
  EXPECT_EQ(to_text({.repository = "127.0.0.1:5000/gather/core", .manifest = digest}), kText);
  const Payload read = parse_payload(kText).value();
  EXPECT_EQ(read.manifest, digest);
  EXPECT_EQ(read.repository, "127.0.0.1:5000/gather/core");
}

TEST(Payload, WhatASignerAddsIsIgnored) {
  std::string text = kText;
  text.replace(text.find("null"), 4, R"({"creator":"cosign","timestamp":1,"a":[{"b":{}}]})");
  EXPECT_TRUE(parse_payload(text));
}

TEST(Payload, RefusesEverythingElse) {
  const auto with = [](const std::string& from, const std::string& to) {
    std::string text = kText;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  const std::pair<std::string, const char*> wrong[] = {
      {"", "no JSON"},
      {"null", "no JSON object"},
      {"[]", "no JSON object"},
      {"{}", "no critical"},
      {R"({"critical":1})", "critical"},
      {kText + "x", "no JSON"},
      {kText.substr(0, kText.size() - 1), "no JSON"},
      {with("cosign container", "atomic container"), "type is not"},
      {with("\"type\":", "\"Type\":"), "no critical.type"},
      {with("\"cosign container image signature\"", "{}"), "type"},
      {with("sha256:" + kHex, "sha512:" + kHex), "another algorithm is not accepted"},
      {with("sha256:" + kHex, "sha256:" + kHex.substr(1)), "64"},
      {with("docker-manifest-digest", "x"), "no critical.image.docker-manifest-digest"},
      {with("docker-reference", "x"), "no critical.identity.docker-reference"},
      {with("\"image\"", "\"x\""), "no critical.image"},
      {with("\"identity\"", "\"x\""), "no critical.identity"},
      // Two digests: one reader would see the first, another the last.
      {with("\"image\":{", "\"image\":{\"docker-manifest-digest\":\"sha256:" + std::string(64, '0') + "\","),
       "twice"},
      {with("127.0.0.1", "\xff"), "no JSON"},
  };
  for (const auto& [text, message] : wrong) {
    const auto read = parse_payload(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code(), Code::kInvalidArgument) << text;
    EXPECT_THAT(read.error().message(), HasSubstr(message)) << text;
  }
}

TEST(Payload, IsBoundedInSizeAndDepth) {
  std::string text = kText;
  text.replace(text.find("null"), 4, "\"" + std::string(kMaxPayloadBytes, 'x') + "\"");
  EXPECT_EQ(parse_payload(text).error().code(), Code::kResourceExhausted);
  text = kText;
  text.replace(text.find("null"), 4, std::string(30'000, '[') + std::string(30'000, ']'));
  EXPECT_EQ(parse_payload(text).error().code(), Code::kResourceExhausted);
  text = kText;
  const std::size_t fits = oci::kMaxJsonDepth - 1;
  text.replace(text.find("null"), 4, std::string(fits, '[') + std::string(fits, ']'));
  EXPECT_TRUE(parse_payload(text));
}

TEST(Payload, AClaimIsARepositoryPerhapsWithTagAndDigest) {
  const auto claims = [](std::string claim, std::string_view repository) {
    return Payload{.repository = std::move(claim), .manifest = {}}.claims(repository);
  };
  const std::string digest = "@sha256:" + kHex;
  for (const std::string& claim :
       {std::string("h:5000/a"), std::string("h:5000/a:v1"), "h:5000/a" + digest, "h:5000/a:v1" + digest}) {
    EXPECT_TRUE(claims(claim, "h:5000/a")) << claim;
  }
  for (const std::string& claim :
       {std::string(), std::string("h:5000"), std::string("h:5000/ab"), std::string("h:5000/a/b"),
        std::string("h:5000/a:"), std::string("h:5000/a:v/1"), std::string("h:5000/a@sha256:1"),
        std::string("h:5000/a:@sha256:" + kHex), std::string("x/h:5000/a"), "h:5000/a" + digest + "x"}) {
    EXPECT_FALSE(claims(claim, "h:5000/a")) << claim;
  }
  // A host without its port is another one: "h:5000" is not the tag 5000 of "h".
  EXPECT_FALSE(claims("h:5000/a", "h"));
}

}  // namespace
}  // namespace berth::artifact::signature

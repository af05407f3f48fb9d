// Manifests of signatures: our own are read back, and what a stranger could put there is refused or harmless.
#include "artifact/signature/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "artifact/oci/media_type.h"
#include "artifact/signature/limits.h"
#include "artifact/signature/test_signer.h"

namespace berth::artifact::signature {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

const Digest kPayload = digest_of_text("payload");

std::vector<oci::Descriptor> layers(std::size_t count) {
  std::vector<oci::Descriptor> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(make_layer(kPayload, 7, bytes_of(std::to_string(i))));
  return all;
}

Result<std::vector<oci::Descriptor>> read(const oci::Manifest& manifest) {
  const oci::Content content = BERTH_TRY(oci::parse_content(oci::to_text(manifest), oci::kManifestType));
  return signature_layers(content);
}

TEST(SignatureManifest, IsReadBack) {
  const auto made = make_manifest(layers(3), std::nullopt).value();
  const auto found = read(made.manifest).value();
  ASSERT_EQ(found.size(), 3);
  EXPECT_EQ(found[1].digest, kPayload);
  EXPECT_EQ(text_of(signature_of(found[1]).value()), "1");
  EXPECT_EQ(made.manifest.config.media_type, "application/vnd.oci.image.config.v1+json");
  EXPECT_EQ(made.manifest.artifact_type, "");
  const Json config = Json::parse(made.config);
  EXPECT_EQ(config["rootfs"]["diff_ids"].size(), 3);
  EXPECT_EQ(config["history"].size(), 3);
}

TEST(SignatureManifest, AsAReferrerNamesItsSubject) {
  const oci::Descriptor subject = {
      .media_type = std::string(oci::kManifestType), .digest = digest_of_text("m"), .size = 1};
  const auto made = make_manifest(layers(1), subject).value();
  EXPECT_EQ(made.manifest.artifact_type, kReferrerType);
  EXPECT_EQ(made.manifest.config.media_type, kReferrerType);
  EXPECT_EQ(made.manifest.subject, subject);
  EXPECT_EQ(read(made.manifest).value().size(), 1);
}

TEST(SignatureManifest, TheTagNamesTheDigest) {
  EXPECT_EQ(signature_tag(kPayload), "sha256-" + kPayload.hex() + ".sig");
}

TEST(SignatureManifest, OtherLayersAreNoSignatures) {
  auto all = layers(1);
  all.push_back({.media_type = "application/vnd.in-toto+json", .digest = kPayload, .size = 1});
  EXPECT_EQ(read(make_manifest(all, std::nullopt)->manifest)->size(), 1);
  EXPECT_EQ(read(make_manifest({}, std::nullopt)->manifest)->size(), 0);
}

TEST(SignatureManifest, HoldsAtMostSoManySignatures) {
  EXPECT_EQ(read(make_manifest(layers(kMaxSignatures), std::nullopt)->manifest)->size(), kMaxSignatures);
  for (const std::size_t count : {kMaxSignatures + 1, std::size_t{10'000}}) {
    const auto found = read(make_manifest(layers(count), std::nullopt)->manifest);
    ASSERT_FALSE(found) << count;
    EXPECT_EQ(found.error().code(), Code::kResourceExhausted) << count;
  }
}

TEST(SignatureManifest, AnIndexIsNone) {
  const auto content = oci::parse_content(oci::to_text(oci::Index{}), oci::kIndexType).value();
  EXPECT_EQ(signature_layers(content).error().code(), Code::kInvalidArgument);
}

TEST(SignatureManifest, SaysWhyALayerCannotBeUsed) {
  const oci::Descriptor good = layers(1)[0];
  const auto with = [&](std::string_view signature) {
    oci::Descriptor layer = good;
    layer.annotations.begin()->second = signature;
    return signature_of(layer);
  };
  EXPECT_TRUE(with("AAAA"));
  for (const char* wrong : {"", "!", "AAA", "AAA=A", "AAAA\n", " AAAA", "AAAA====", "AB=="}) {
    EXPECT_THAT(with(wrong).error().message(), HasSubstr("not base64")) << wrong;
  }
  EXPECT_TRUE(with(std::string(kMaxSignatureText, 'A')));
  EXPECT_EQ(with(std::string(kMaxSignatureText + 4, 'A')).error().code(), Code::kResourceExhausted);
  oci::Descriptor layer = good;
  layer.size = kMaxPayloadBytes + 1;
  EXPECT_EQ(signature_of(layer).error().code(), Code::kResourceExhausted);
  layer = good;
  layer.annotations = {{"dev.sigstore.cosign/bundle", "{}"}};
  EXPECT_THAT(signature_of(layer).error().message(),
              HasSubstr("no annotation dev.cosignproject.cosign/signature"));
}

}  // namespace
}  // namespace berth::artifact::signature

// Digest: the published test vectors, strict parsing, and pieces that make the whole.
#include "artifact/digest.h"

#include <gtest/gtest.h>

#include <unordered_set>
#include <vector>

namespace berth::artifact {
namespace {

std::span<const std::uint8_t> bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

constexpr std::string_view kEmpty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr std::string_view kAbc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

// FIPS 180-2, appendix B.
TEST(Digest, IsSha256) {
  EXPECT_EQ(Digest::of(bytes(""))->to_string(), kEmpty);
  EXPECT_EQ(Digest::of(bytes("abc"))->to_string(), kAbc);
  const std::vector<std::uint8_t> million(1'000'000, 'a');
  EXPECT_EQ(Digest::of(million)->hex(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Digest, OfPiecesIsOfTheWhole) {
  for (std::size_t cut = 0; cut <= 3; ++cut) {
    Hasher hasher;
    hasher.update(bytes(std::string_view("abc").substr(0, cut)));
    hasher.update(bytes(std::string_view("abc").substr(cut)));
    EXPECT_EQ(hasher.finish()->to_string(), kAbc);
  }
}

TEST(Digest, HasherIsUsedOnce) {
  Hasher hasher;
  EXPECT_TRUE(hasher.finish());
  hasher.update(bytes("abc"));
  const auto again = hasher.finish();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code(), Code::kInternal);
}

TEST(Digest, ParsesWhatItPrints) {
  const auto digest = Digest::parse(kAbc);
  ASSERT_TRUE(digest);
  EXPECT_EQ(digest->to_string(), kAbc);
  EXPECT_EQ(*digest, *Digest::of(bytes("abc")));
  EXPECT_NE(*digest, Digest());
  EXPECT_LT(*digest, *Digest::parse(kEmpty));
  EXPECT_EQ((std::unordered_set<Digest>{*digest, *digest, Digest()}).size(), 2U);
}

TEST(Digest, RefusesEverythingElse) {
  const std::string hex(kAbc.substr(7));
  for (const std::string& text :
       {std::string(), hex, std::string("sha256:"), "sha256:" + hex.substr(1), "sha256:" + hex + "0",
        "SHA256:" + hex, "sha256:B" + hex.substr(1), "sha256:g" + hex.substr(1), " sha256:" + hex,
        "sha256:" + hex + " ", std::string("md5:d41d8cd98f00b204e9800998ecf8427e"),
        std::string("sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709"), "sha512:" + hex + hex, "sha256-" + hex,
        "sha256:-" + hex.substr(1), "sha256:0x" + hex.substr(2)}) {
    const auto digest = Digest::parse(text);
    ASSERT_FALSE(digest) << text;
    EXPECT_EQ(digest.error().code(), Code::kInvalidArgument);
  }
}

}  // namespace
}  // namespace berth::artifact

// Sealed: what was closed opens with its password only, and a changed file neither opens nor costs more.
#include "artifact/signature/sealed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "artifact/signature/limits.h"

namespace berth::artifact::signature {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

// "content", sealed with "right": made once, because a key is meant to take long.
const std::string& sealed() {
  static const std::string once = seal(Secret("content"), Secret("right")).value();
  return once;
}

TEST(Sealed, OpensWithItsPasswordOnly) {
  EXPECT_EQ(unseal(sealed(), Secret("right")).value().reveal(), "content");
  for (const char* wrong : {"", "Right", "right "}) {
    EXPECT_EQ(unseal(sealed(), Secret(wrong)).error().code(), Code::kPermissionDenied);
  }
  EXPECT_NE(seal(Secret("content"), Secret("right")).value(), sealed()) << "salt and nonce are new each time";
}

TEST(Sealed, AnEmptyPasswordIsAPassword) {
  const std::string sealed = seal(Secret("content"), Secret("")).value();
  EXPECT_EQ(unseal(sealed, Secret("")).value().reveal(), "content");
  EXPECT_FALSE(unseal(sealed, Secret("x")));
}

TEST(Sealed, WhatWasChangedDoesNotOpen) {
  const Json good = Json::parse(sealed());
  for (const char* at : {"/ciphertext", "/cipher/nonce", "/kdf/salt"}) {
    Json changed = good;
    std::string& text = changed.at(Json::json_pointer(at)).get_ref<std::string&>();
    text[4] = text[4] == 'A' ? 'B' : 'A';
    EXPECT_EQ(unseal(changed.dump(), Secret("right")).error().code(), Code::kPermissionDenied) << at;
  }
}

TEST(Sealed, RefusesWhatCosignWouldNotWrite) {
  const Json good = Json::parse(sealed());
  const std::pair<const char*, Json> changes[] = {
      {"/kdf/name", "pbkdf2"},
      {"/kdf/params/N", kMaxScryptCost * 2},
      {"/kdf/params/N", std::uint64_t{1} << 63},
      {"/kdf/params/N", 1024},
      {"/kdf/params/N", "65536"},
      {"/kdf/params/N", -65536},
      {"/kdf/params/r", 1 << 20},
      {"/kdf/params/p", 1 << 20},
      {"/kdf/params", nullptr},
      {"/kdf/salt", "!"},
      {"/cipher/name", "none"},
      {"/cipher/nonce", "AAAA"},
      {"/cipher", 1},
      {"/ciphertext", "AAAA"},
      {"/ciphertext", Json::array()},
  };
  for (const auto& [at, value] : changes) {
    Json changed = good;
    changed.at(Json::json_pointer(at)) = value;
    const auto opened = unseal(changed.dump(), Secret("right"));
    ASSERT_FALSE(opened) << at << " " << value;
    EXPECT_EQ(opened.error().code(), Code::kInvalidArgument) << at << " " << value;
    EXPECT_THAT(opened.error().message(), HasSubstr("as cosign does it")) << at;
  }
  for (const char* text : {"", "[]", "{}", "{\"kdf\":{\"name\":\"scrypt\"}}", "\xff"}) {
    EXPECT_EQ(unseal(text, Secret("right")).error().code(), Code::kInvalidArgument) << text;
  }
}

TEST(Sealed, TheStrongestThatCosignWritesOpens) {
  Json strong = Json::parse(sealed());
  strong["kdf"]["params"]["N"] = kMaxScryptCost;
  // Another cost gives another key: that it was tried shows in the code.
  EXPECT_EQ(unseal(strong.dump(), Secret("right")).error().code(), Code::kPermissionDenied);
}

}  // namespace
}  // namespace berth::artifact::signature

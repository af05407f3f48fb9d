// Key pairs in files.
#include "artifact/signature/key_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace berth::artifact::signature {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class KeyFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "berth-keys-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
  PrivateKey key_ = PrivateKey::generate(Algorithm::kEcdsaP256).value();
};

TEST_F(KeyFile, APairIsWrittenAndRead) {
  const KeyPairFiles files = write_key_pair(folder_ / "release", key_, Secret("hush")).value();
  EXPECT_EQ(files.private_key, folder_ / "release.key");
  EXPECT_EQ(fs::status(files.private_key).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  const TrustedKey trusted = read_trusted_key(files.public_key).value();
  EXPECT_EQ(trusted.name, (folder_ / "release.pub").string());
  EXPECT_EQ(trusted.key, key_.public_key());
  const auto hush = [] { return Result<Secret>(Secret("hush")); };
  EXPECT_EQ(read_private_key(files.private_key, hush).value().public_key(), key_.public_key());
}

TEST_F(KeyFile, NoFileIsOverwrittenAndNoHalfPairIsLeft) {
  ASSERT_TRUE(write_key_pair(folder_ / "a", key_, Secret("hush")));
  EXPECT_EQ(write_key_pair(folder_ / "a", key_, Secret("hush")).error().code(), Code::kAlreadyExists);
  std::ofstream(folder_ / "b.pub") << "mine";
  EXPECT_EQ(write_key_pair(folder_ / "b", key_, Secret("hush")).error().code(), Code::kAlreadyExists);
  EXPECT_FALSE(fs::exists(folder_ / "b.key"));
}

TEST_F(KeyFile, ErrorsNameTheFile) {
  std::ofstream(folder_ / "text") << "hello";
  const auto none = [] { return Result<Secret>(fail(Code::kFailedPrecondition, "no password")); };
  for (const char* name : {"text", "missing"}) {
    EXPECT_THAT(read_trusted_key(folder_ / name).error().message(), HasSubstr((folder_ / name).string()));
    EXPECT_THAT(read_private_key(folder_ / name, none).error().message(),
                HasSubstr((folder_ / name).string()));
  }
}

}  // namespace
}  // namespace berth::artifact::signature

// Credentials: where secrets are read from, and what is refused.
#include "artifact/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "artifact/limits.h"

namespace berth::artifact {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Credentials : public ::testing::Test {
 protected:
  Credentials() {
    std::string name = ::testing::TempDir() + "/berth-secret-XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~Credentials() override {
    std::filesystem::remove_all(folder_);
    ::unsetenv("BERTH_TEST_SECRET");
  }
  SecretPlace file(std::string_view content) {
    std::ofstream(folder_ / "secret", std::ios::binary) << content;
    return {.file = folder_ / "secret"};
  }
  static SecretPlace environment(const char* value) {
    ::setenv("BERTH_TEST_SECRET", value, 1);
    return {.environment = "BERTH_TEST_SECRET"};
  }
  std::filesystem::path folder_;
};

TEST_F(Credentials, AreReadWhereTheyAre) {
  EXPECT_EQ(read_secret(file("hunter2"))->reveal(), "hunter2");
  EXPECT_EQ(read_secret(file("hunter2\n"))->reveal(), "hunter2");
  EXPECT_EQ(read_secret(file("hunter2\r\n"))->reveal(), "hunter2");
  EXPECT_EQ(read_secret(file(" with spaces "))->reveal(), " with spaces ");
  EXPECT_EQ(read_secret(environment("hunter2"))->reveal(), "hunter2");
  EXPECT_EQ(read_secret(file(std::string(kMaxSecretBytes, 'x')))->reveal().size(), kMaxSecretBytes);
}

TEST_F(Credentials, WhatIsNoSecretIsRefusedWithItsPlaceAndNotItsText) {
  for (const char* content : {"", "\n", "hunter2\n\n", "hunter2\nmore", "hunter2\tx"}) {
    const auto secret = read_secret(file(content));
    ASSERT_FALSE(secret) << content;
    EXPECT_EQ(secret.error().code(), Code::kFailedPrecondition) << content;
    EXPECT_THAT(secret.error().message(), HasSubstr("secret"));
    EXPECT_THAT(secret.error().message(), Not(HasSubstr("hunter2")));
  }
  EXPECT_EQ(read_secret(file(std::string(kMaxSecretBytes + 1, 'x'))).error().code(),
            Code::kResourceExhausted);
  EXPECT_EQ(read_secret(environment(std::string(kMaxSecretBytes + 1, 'x').c_str())).error().code(),
            Code::kResourceExhausted);
  EXPECT_EQ(read_secret(environment("")).error().code(), Code::kFailedPrecondition);
  ::unsetenv("BERTH_TEST_SECRET");
  const auto unset = read_secret({.environment = "BERTH_TEST_SECRET"});
  EXPECT_EQ(unset.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(unset.error().message(), HasSubstr("BERTH_TEST_SECRET"));
  EXPECT_EQ(read_secret({.file = folder_ / "none"}).error().code(), Code::kNotFound);
  EXPECT_EQ(read_secret({.file = folder_}).error().code(), Code::kInvalidArgument);
}

TEST_F(Credentials, BecomeTheAuthorizationOfARequest) {
  EXPECT_TRUE(HttpCredentials().read()->empty());
  EXPECT_EQ((HttpCredentials{.bearer = environment("abc")}.read()->reveal()), "Bearer abc");
  // RFC 7617, 2.
  EXPECT_EQ((HttpCredentials{.user = "Aladdin", .password = environment("open sesame")}.read()->reveal()),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  EXPECT_EQ((HttpCredentials{.user = "a:b", .password = environment("c")}.read().error().code()),
            Code::kInvalidArgument);
  EXPECT_EQ((HttpCredentials{.bearer = environment("a"), .password = environment("c")}.read().error().code()),
            Code::kInvalidArgument);
}

TEST_F(Credentials, TlsFilesAreRead) {
  EXPECT_TRUE(TlsFiles().read()->extra_ca_pem.empty());
  const auto tls =
      TlsFiles{.extra_ca = file("ca").file, .certificate = file("x").file, .key = file("x").file}.read();
  EXPECT_EQ(tls->extra_ca_pem, "x");
  EXPECT_EQ(tls->key_pem.reveal(), "x");
  EXPECT_EQ((TlsFiles{.key = folder_ / "none"}.read().error().code()), Code::kNotFound);
  EXPECT_EQ((TlsFiles{.extra_ca = file(std::string(net::kMaxPemBytes + 1, 'x')).file}.read().error().code()),
            Code::kResourceExhausted);
}

// A Secret has no way into a text: this must not compile.
template <class T>
concept Printable = requires(T secret, std::ostream& out) { out << secret; };
static_assert(!Printable<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string> &&
              !std::is_convertible_v<Secret, std::string_view>);

}  // namespace
}  // namespace berth::artifact

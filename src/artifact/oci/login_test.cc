// Challenges, links, scopes, tokens and credentials: everything of a login that needs no registry.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "artifact/oci/challenge.h"
#include "artifact/oci/credentials.h"
#include "artifact/oci/limits.h"
#include "artifact/oci/scope.h"
#include "artifact/oci/token.h"

namespace berth::artifact::oci {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// --- WWW-Authenticate ---

TEST(Challenge, ReadsSchemesAndParameters) {
  const auto found = *parse_challenges(
      R"(Basic realm="a, b", BEARER Realm="https://h/token" , service = svc,scope="repository:a/b:pull,push")");
  ASSERT_EQ(found.size(), 2);
  EXPECT_EQ(found[0].scheme, "basic");
  EXPECT_EQ(found[0].find("realm"), "a, b");
  EXPECT_EQ(found[1].scheme, "bearer");
  EXPECT_EQ(found[1].find("realm"), "https://h/token");
  EXPECT_EQ(found[1].find("service"), "svc");
  EXPECT_EQ(found[1].find("scope"), "repository:a/b:pull,push");
  EXPECT_EQ(found[1].find("error"), std::nullopt);
}

TEST(Challenge, ReadsWhatElseTheGrammarAllows) {
  EXPECT_EQ(parse_challenges("Negotiate")->size(), 1);
  EXPECT_EQ(parse_challenges("Negotiate abc+/==, Bearer realm=x")->at(1).find("realm"), "x");
  EXPECT_EQ(parse_challenges(R"(Bearer realm="a\"b\\c")")->at(0).find("realm"), "a\"b\\c");
  EXPECT_TRUE(parse_challenges("")->empty());
  EXPECT_EQ(parse_challenges(",, Basic realm=x ,,")->size(), 1);
}

TEST(Challenge, RefusesWhatIsReadInTwoWays) {
  for (const std::string wrong :
       {"=", "Bearer realm", "Bearer realm=", "Bearer realm=\"", "Bearer realm=\"a", "Bearer =a",
        "Bearer realm=\"a\"b", "Bearer realm=\"a\x01\"", "Bearer realm=\"a\r\nX: y\"",
        "Bearer realm=\"\xc3\xa9\"", "Bearer,realm=\"a\"", "Bearer realm=\"a\",realm=\"b\"",
        "Bearer realm=\"a\",REALM=\"b\"", "\"a\"",
        "Basic abc==", "Negotiate =", "Negotiate a=b=", "Negotiate a==b", "Negotiate a b"}) {
    EXPECT_FALSE(parse_challenges(wrong)) << wrong;
  }
}

TEST(Challenge, ReachesItsLimits) {
  std::string many = "Basic realm=x";
  for (std::size_t i = 1; i < kMaxChallenges; ++i) many += ", Basic realm=x";
  EXPECT_EQ(parse_challenges(many)->size(), kMaxChallenges);
  EXPECT_EQ(parse_challenges(many + ", Basic realm=x").error().code(), Code::kResourceExhausted);
  std::string wide = "Bearer a0=x";
  for (std::size_t i = 1; i < kMaxChallengeParameters; ++i) wide += fmt::format(", a{}=x", i);
  EXPECT_TRUE(parse_challenges(wide));
  EXPECT_EQ(parse_challenges(wide + ", b=x").error().code(), Code::kResourceExhausted);
  EXPECT_EQ(parse_challenges("Bearer realm=\"" + std::string(kMaxChallengeBytes, 'x') + "\"").error().code(),
            Code::kResourceExhausted);
}

// --- Link ---

TEST(Link, FindsTheNextPage) {
  EXPECT_EQ(*parse_next_link("</v2/a/tags/list?last=b&n=2>; rel=\"next\""), "/v2/a/tags/list?last=b&n=2");
  EXPECT_EQ(*parse_next_link("<a>; rel=prev, <b>; title=\"x, y; z\"; REL=\"start NEXT\""), "b");
  EXPECT_EQ(*parse_next_link("<a>; rel=prev; rel=next"), std::nullopt);
  EXPECT_EQ(*parse_next_link("<a>"), std::nullopt);
  EXPECT_EQ(*parse_next_link(""), std::nullopt);
}

TEST(Link, RefusesWhatIsNone) {
  for (const std::string wrong :
       {"a", "<a", "<a> rel=next", "<a>; rel=", "<a\n>; rel=next", "<a>; rel=next, <b>; rel=next"}) {
    EXPECT_FALSE(parse_next_link(wrong)) << wrong;
  }
  EXPECT_EQ(parse_next_link("<" + std::string(kMaxLinkBytes, 'x') + ">").error().code(),
            Code::kResourceExhausted);
}

// --- scopes ---

TEST(Scope, AsksForWhatIsNeededAndNoMore) {
  const std::array pull = {Scope{"a/b", Action::kPull}};
  const std::array mount = {Scope{"a/b", Action::kPush}, Scope{"c", Action::kPull}};
  EXPECT_THAT(scopes_to_ask(pull, ""), ElementsAre("repository:a/b:pull"));
  EXPECT_THAT(scopes_to_ask(mount, ""), ElementsAre("repository:a/b:pull,push", "repository:c:pull"));
  for (const char* wide : {"repository:a/b:pull,push,delete", "repository:a/b:*", "repository:other:pull",
                           "registry:catalog:*", "repository:a/b:pull repository:other:push",
                           "a:b&scope=repository:x:push", "repository:a/b:metadata_write"}) {
    EXPECT_THAT(scopes_to_ask(pull, wide), ElementsAre("repository:a/b:pull")) << wide;
  }
  EXPECT_THAT(scopes_to_ask(pull, "repository:a/b:metadata_read"),
              ElementsAre("repository:a/b:pull,metadata_read"));
  EXPECT_THAT(scopes_to_ask(mount, "repository:a/b:metadata_read,metadata_write repository:c:metadata_write"),
              ElementsAre("repository:a/b:pull,push,metadata_read,metadata_write", "repository:c:pull"));
}

TEST(Scope, KnowsWhatIsWithinAnother) {
  const std::array<std::string, 2> asked = {"repository:a:pull,push", "repository:b:pull"};
  for (const char* inside : {"", "repository:a:pull", "repository:b:pull repository:a:push,pull"}) {
    EXPECT_TRUE(within(inside, asked)) << inside;
  }
  for (const char* outside : {"repository:b:push", "repository:c:pull", "repository:a:*", "repository:a", "*",
                              "repository:a:pull,delete"}) {
    EXPECT_FALSE(within(outside, asked)) << outside;
  }
}

// --- tokens ---

const net::Origin kTls{.https = true, .host = "registry.test", .port = 443};
const net::Origin kPlain{.https = false, .host = "127.0.0.1", .port = 5000};
const std::array kPull = {Scope{"a/b", Action::kPull}};

Result<TokenRequest> request(const std::string& parameters, const net::Origin& registry = kTls,
                             std::vector<std::string> token_hosts = {}) {
  const auto challenges = parse_challenges("Bearer " + parameters);
  EXPECT_TRUE(challenges) << parameters;
  return token_request(challenges->at(0), registry, token_hosts, kPull);
}

TEST(Token, IsAskedForAtTheRegistrysOwnHost) {
  const auto asked =
      request(R"(realm="https://registry.test/token",service="registry.test",scope="repository:a/b:pull")");
  ASSERT_TRUE(asked) << asked.error().message();
  EXPECT_EQ(asked->url.to_string(),
            "https://registry.test/token?service=registry.test&scope=repository%3Aa%2Fb%3Apull");
  EXPECT_TRUE(request(R"(realm="https://registry.test:8443/token")"));
  EXPECT_TRUE(request(R"(realm="http://127.0.0.1:5001/token")", kPlain));
}

TEST(Token, IsNotAskedForElsewhere) {
  for (const char* realm :
       {"https://other.test/token", "https://registry.test.other.test/token", "https://127.0.0.1/token",
        "https://169.254.169.254/latest/meta-data/", "https://[::1]/token", "http://registry.test/token"}) {
    const auto asked = request(fmt::format("realm=\"{}\"", realm));
    ASSERT_FALSE(asked) << realm;
    EXPECT_EQ(asked.error().code(), Code::kPermissionDenied) << realm;
  }
  for (const char* realm :
       {"", "/token", "file:///etc/passwd", "ftp://registry.test/", "https://user@registry.test/",
        "https://registry.test\\\\@other.test/", "https://0x7f.1/",
        "https://registry.test/token?scope=repository:x:push", "https://registry.test/token?account=root"}) {
    const auto asked = request(fmt::format("realm=\"{}\"", realm));
    ASSERT_FALSE(asked) << realm;
    EXPECT_EQ(asked.error().code(), Code::kInvalidArgument) << realm;
  }
  EXPECT_FALSE(request("service=x"));
}

TEST(Token, IsAskedForWhereTheUserAllowsIt) {
  EXPECT_TRUE(request(R"(realm="https://auth.test/token")", kTls, {"auth.test"}));
  EXPECT_TRUE(request(R"(realm="https://auth.test:8443/token")", kTls, {"auth.test:8443"}));
  EXPECT_TRUE(request(R"(realm="http://127.0.0.2:81/token")", kTls, {"http://127.0.0.2:81"}));
  EXPECT_FALSE(request(R"(realm="https://auth.test:8443/token")", kTls, {"auth.test:8444"}));
  EXPECT_FALSE(request(R"(realm="http://auth.test/token")", kTls, {"auth.test"}));
  EXPECT_FALSE(request(R"(realm="https://auth.test/token")", kTls, {"http://auth.test"}));
  const auto refused = request(R"(realm="https://auth.test:8443/token")");
  EXPECT_THAT(refused.error().message(), HasSubstr("--token-host auth.test:8443"));
}

TEST(Token, ParametersCannotInjectOthers) {
  const auto asked = request(
      R"(realm="https://registry.test/t",service="x&scope=repository:other:push#",scope="y&account=root")");
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->url.query(),
            "service=x%26scope%3Drepository%3Aother%3Apush%23&scope=repository%3Aa%2Fb%3Apull");
  const Secret form = token_form(*asked, Secret("id&x=y"));
  EXPECT_THAT(form.reveal(),
              HasSubstr("&service=x%26scope%3Drepository%3Aother%3Apush%23&scope=repository%3Aa%2Fb%3Apull"
                        "&refresh_token=id%26x%3Dy"));
}

TEST(Token, ComesUnderEitherName) {
  const std::array<std::string, 1> asked = {"repository:a:pull"};
  EXPECT_EQ(parse_token(R"({"token":"abc"})", asked)->text.reveal(), "abc");
  EXPECT_EQ(parse_token(R"({"access_token":"abc","expires_in":300})", asked)->life,
            std::chrono::seconds(300));
  EXPECT_EQ(parse_token(R"({"token":"abc"})", asked)->life, kDefaultTokenLife);
  EXPECT_EQ(parse_token(R"({"token":"abc","expires_in":300000000000})", asked)->life, kMaxTokenLife);
  EXPECT_TRUE(parse_token(R"({"token":"abc","scope":"repository:a:pull"})", asked));
}

TEST(Token, IsRefusedWhereItIsNoneOrForMore) {
  const std::array<std::string, 1> asked = {"repository:a:pull"};
  for (const char* wrong :
       {"", "[]", "{}", R"({"token":""})", R"({"token":7})", R"({"token":"a b"})", R"({"token":"a\r\nX: y"})",
        R"({"token":"abc","expires_in":-1})", R"({"token":"abc","expires_in":"5"})"}) {
    EXPECT_EQ(parse_token(wrong, asked).error().code(), Code::kInvalidArgument) << wrong;
  }
  EXPECT_EQ(parse_token(R"({"token":"abc","scope":"repository:a:pull,push"})", asked).error().code(),
            Code::kPermissionDenied);
  EXPECT_TRUE(parse_token(fmt::format(R"({{"token":"{}"}})", std::string(kMaxTokenBytes, 'x')), asked));
  EXPECT_FALSE(parse_token(fmt::format(R"({{"token":"{}"}})", std::string(kMaxTokenBytes + 1, 'x')), asked));
}

TEST(Token, BasicIsBase64) {
  EXPECT_EQ(basic_authorization({.user = "Aladdin", .password = Secret("open sesame")}).reveal(),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

// --- docker's config.json ---

std::optional<Credential> login(const DockerConfig& config, std::string_view registry,
                                std::string_view repository = "a/b") {
  auto found = config.find(registry, repository, {});
  EXPECT_TRUE(found) << found.error().message();
  return found ? *found : std::nullopt;
}

TEST(DockerConfig, FindsTheLongestEntry) {
  // user:pass, other:word
  const auto config = DockerConfig::parse(R"({"auths":{"registry.test":{"auth":"dXNlcjpwYXNz"},
      "registry.test/a":{"auth":"b3RoZXI6d29yZA=="},"https://old.test/v1/":{"auth":"dXNlcjpwYTpzcw=="},
      "token.test":{"auth":"dXNlcjo=","identitytoken":"idt"},"empty.test":{}}})",
                                          "config.json");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(login(*config, "registry.test", "x")->user, "user");
  EXPECT_EQ(login(*config, "registry.test", "a/b")->user, "other");
  EXPECT_EQ(login(*config, "registry.test", "ab")->user, "user");
  EXPECT_EQ(login(*config, "old.test")->password.reveal(), "pa:ss");
  EXPECT_EQ(login(*config, "token.test")->identity_token.reveal(), "idt");
  EXPECT_FALSE(login(*config, "empty.test"));
  EXPECT_FALSE(login(*config, "registry.test:5000"));
}

TEST(DockerConfig, RefusesWhatItCannotRead) {
  for (const char* wrong :
       {"", "[]", R"({"auths":[]})", R"({"auths":{"a":1}})", R"({"auths":{"a":{"auth":"!"}}})",
        R"({"auths":{"a":{"auth":"dXNlcg=="}}})", R"({"auths":{"a":{"auth":7}}})",
        R"({"credHelpers":{"a":7}})", R"({"credsStore":7})"}) {
    const auto config = DockerConfig::parse(wrong, "/x/config.json");
    ASSERT_FALSE(config) << wrong;
    EXPECT_THAT(config.error().message(), HasSubstr("/x/config.json"));
  }
}

TEST(DockerConfig, ItsErrorsHoldNoSecret) {
  const auto config = DockerConfig::parse(R"({"auths":{"a":{"auth":"c2VjcmV0"}}})", "c");
  EXPECT_THAT(config.error().message(), Not(HasSubstr("c2VjcmV0")));
}

// --- helpers: real programs ---

// Programs named docker-credential-NAME at the front of PATH. One thread at a time.
class CredentialPrograms final {
 public:
  CredentialPrograms() {
    std::string name = (std::filesystem::temp_directory_path() / "berth-helpers-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    old_path_ = std::getenv("PATH");
    ::setenv("PATH", (folder_.string() + ":" + old_path_).c_str(), 1);
  }
  ~CredentialPrograms() {
    ::setenv("PATH", old_path_.c_str(), 1);
    std::filesystem::remove_all(folder_);
  }
  CredentialPrograms(const CredentialPrograms&) = delete;
  CredentialPrograms& operator=(const CredentialPrograms&) = delete;
  void add(const std::string& name, const std::string& script) const {
    const auto file = folder_ / ("docker-credential-" + name);
    std::ofstream(file) << "#!/bin/sh\n" << script << "\n";
    ::chmod(file.c_str(), 0700);
  }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
  std::string old_path_;
};

TEST(CredentialHelper, IsAskedForTheServer) {
  const CredentialPrograms helpers;
  helpers.add(
      "one",
      R"(read server; echo "{\"ServerURL\":\"$server\",\"Username\":\"$1-$server\",\"Secret\":\"word\"}")");
  helpers.add("token", R"(echo '{"Username":"<token>","Secret":"idt"}')");
  const auto found = ask_helper("one", "registry.test:5000", {});
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ((*found)->user, "get-registry.test:5000");
  EXPECT_EQ((*found)->password.reveal(), "word");
  EXPECT_EQ((*ask_helper("token", "x", {}))->identity_token.reveal(), "idt");

  const auto config = DockerConfig::parse(R"({"credHelpers":{"b.test":"token"},"credsStore":"one",
      "auths":{"c.test":{"auth":"dXNlcjpwYXNz"},"d.test":{}}})",
                                          "config.json");
  EXPECT_EQ(login(*config, "b.test")->identity_token.reveal(), "idt");
  EXPECT_EQ(login(*config, "c.test")->user, "user");
  EXPECT_EQ(login(*config, "d.test")->user, "get-d.test");
}

TEST(CredentialHelper, MayKnowNothing) {
  const CredentialPrograms helpers;
  helpers.add("none", "echo 'credentials not found in native keychain'; exit 1");
  EXPECT_EQ(*ask_helper("none", "x", {}), std::nullopt);
}

TEST(CredentialHelper, ThatFailsIsNamedAndItsSecretIsNot) {
  const CredentialPrograms helpers;
  helpers.add("broken", "echo secret; exit 3");
  helpers.add("wrong", "echo '{\"Username\":\"secret\"}'");
  for (const char* name : {"broken", "wrong"}) {
    const auto found = ask_helper(name, "x", {});
    ASSERT_FALSE(found);
    EXPECT_THAT(found.error().message(), HasSubstr(std::string("docker-credential-") + name));
    EXPECT_THAT(found.error().message(), Not(HasSubstr("secret")));
  }
  EXPECT_EQ(ask_helper("missing", "x", {}).error().code(), Code::kNotFound);
}

TEST(CredentialHelper, HasANameAndNoPath) {
  for (const char* wrong : {"", "../x", "a/b", "a b", "a;b"}) {
    EXPECT_EQ(ask_helper(wrong, "x", {}).error().code(), Code::kInvalidArgument) << wrong;
  }
}

TEST(CredentialHelper, ThatFloodsIsEnded) {
  const CredentialPrograms helpers;
  helpers.add("flood", "yes");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(ask_helper("flood", "x", {}).error().code(), Code::kResourceExhausted);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST(CredentialHelper, ThatHangsIsEndedOnAStopRequestWithWhatItStarted) {
  const CredentialPrograms helpers;
  const auto pid_file = helpers.folder() / "pid";
  helpers.add("hang", fmt::format("sleep 600 & echo $! > {}; wait", pid_file.string()));
  std::stop_source stop;
  std::jthread later([&] {
    while (!std::filesystem::exists(pid_file) || std::filesystem::file_size(pid_file) == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    stop.request_stop();
  });
  EXPECT_EQ(ask_helper("hang", "x", stop.get_token()).error().code(), Code::kCancelled);
  pid_t pid = 0;
  std::ifstream(pid_file) >> pid;
  ASSERT_GT(pid, 0);
  // Killed; it may take a moment until somebody has waited for it, so its state counts too.
  const auto gone = [&] {
    std::ifstream stat(fmt::format("/proc/{}/stat", pid));
    std::string number, name, state;
    return !(stat >> number >> name >> state) || state == "Z";
  };
  for (int i = 0; i < 500 && !gone(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(gone());
}

TEST(CredentialHelper, ThatHangsIsEndedAfterItsTime) {
  const CredentialPrograms helpers;
  helpers.add("hang", "sleep 600");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(ask_helper("hang", "x", {}, std::chrono::milliseconds(300)).error().code(),
            Code::kDeadlineExceeded);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST(CredentialHelper, DoesNotWaitForWhatItLeavesBehind) {
  const CredentialPrograms helpers;
  helpers.add("leaves", R"(echo '{"Username":"u","Secret":"s"}'; sleep 5 &)");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ((*ask_helper("leaves", "x", {}))->user, "u");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(4));
}

}  // namespace
}  // namespace berth::artifact::oci

// Where an API is: kubeconfigs good and bad, pods, tokens on disk; what a list keeps on disk; discovery.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "capabilities/kubernetes/api/cluster_config.h"
#include "capabilities/kubernetes/api/credentials.h"
#include "capabilities/kubernetes/api/discovery.h"
#include "capabilities/kubernetes/api/spool.h"
#include "capabilities/kubernetes/limits.h"

namespace berth::kubernetes {
namespace {

namespace fs = std::filesystem;

class Config : public testing::Test {
 protected:
  Config() {
    std::string name = ::testing::TempDir() + "/berth-kubeconfig-XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~Config() override { fs::remove_all(folder_); }
  void write(const std::string& name, std::string_view text) const { std::ofstream(folder_ / name) << text; }
  // A kubeconfig of one cluster and one user.
  Result<ClusterConfig> read(const std::string& cluster, const std::string& user,
                             std::string_view context = "") const {
    write("config",
          "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{ name: c, context: { cluster: k, "
          "user: u } }]\n"
          "clusters:\n  - name: k\n    cluster: " +
              cluster + "\nusers:\n  - name: u\n    user: " + user + "\n");
    return read_kubeconfig(folder_ / "config", context);
  }
  fs::path folder_;
};

TEST_F(Config, IsRead) {
  write("ca.pem", "the CA");
  const auto inlined = read(
      "{ server: \"https://10.0.0.1:6443/base\", certificate-authority-data: dGhlIENB }", "{ token: t-1 }");
  ASSERT_TRUE(inlined) << inlined.error().to_string();
  EXPECT_EQ(inlined->name, "c");
  EXPECT_EQ(inlined->server.to_string(), "https://10.0.0.1:6443/base");
  EXPECT_EQ(inlined->tls.extra_ca_pem, "the CA");
  EXPECT_FALSE(inlined->tls.system_ca);
  EXPECT_EQ(inlined->token.reveal(), "t-1");
  const auto files = read(
      "{ server: \"https://api.example\", certificate-authority: ca.pem, proxy-url: \"http://proxy:3128\" }",
      "{ tokenFile: t, client-certificate-data: Y2VydA==, client-key: ca.pem, token: other }");
  ASSERT_TRUE(files) << files.error().to_string();
  EXPECT_EQ(files->tls.extra_ca_pem, "the CA");
  EXPECT_EQ(files->tls.certificate_pem, "cert");
  EXPECT_EQ(files->tls.key_pem.reveal(), "the CA");
  EXPECT_EQ(files->token_file, folder_ / "t");
  EXPECT_TRUE(files->token.empty()) << "the file is the one that counts";
  EXPECT_EQ(files->proxy.for_https->url.host(), "proxy");
  EXPECT_TRUE(read("{ server: \"https://api.example\" }", "{}")->tls.system_ca);
}

TEST_F(Config, MistakesAreNamedAndNothingSecretIsShown) {
  const std::string good = "{ server: \"https://api.example\" }";
  const struct {
    std::string cluster, user, context, expected;
  } cases[] = {
      {"{ server: \"https://a\", insecure-skip-tls-verify: true }", "{ token: s3cret }", "",
       "anybody on the way could read"},
      {"{ server: \"http://a\" }", "{ token: s3cret }", "", "would send credentials over http"},
      {"{ server: \"https://a\", tls-server-name: b }", "{ token: s3cret }", "", "tls-server-name"},
      {"{ server: \"https://a\", proxy-url: \"socks5://b\" }", "{ token: s3cret }", "", "proxy-url"},
      {"{ server: s3cret }", "{}", "", "a cluster's server is no URL"},
      {"{}", "{}", "", "a cluster's server is no URL"},
      {good, "{ exec: { command: s3cret } }", "", "gets its credentials from a program (exec)"},
      {good, "{ auth-provider: { name: gcp } }", "", "auth-provider"},
      {good, "{ username: admin, password: s3cret }", "", "user name and password"},
      {good, "{ token: s3cret, as: root }", "", "impersonates"},
      {good, "{ client-certificate-data: \"s3cret!\" }", "", "client-certificate-data that is no base64"},
      {good, "{ client-key: none.pem }", "", "none.pem"},
      {good, "{ token: s3cret }", "other", "has no context named \"other\""},
      {"[]", "{ token: s3cret }", "", "has no cluster named \"k\""},
  };
  for (const auto& c : cases) {
    const auto read_it = read(c.cluster, c.user, c.context);
    ASSERT_FALSE(read_it) << c.expected;
    const std::string shown = read_it.error().to_string();
    EXPECT_TRUE(shown.contains(c.expected)) << shown;
    EXPECT_FALSE(shown.contains("s3cret")) << shown;
  }
  EXPECT_TRUE(read_kubeconfig(folder_ / "nothing", "").error().message().contains("nothing"));
  for (const char* text : {"", "[]", "a: &x 1", "{", "just text"}) {
    write("config", text);
    EXPECT_FALSE(read_kubeconfig(folder_ / "config", "")) << text;
  }
}

TEST_F(Config, PodsHaveAnAccount) {
  write("ca.crt", "the CA");
  write("token", "t-1\n");
  const auto v4 = read_pod_account({.folder = folder_, .host = "10.0.0.1", .port = "443"});
  ASSERT_TRUE(v4) << v4.error().to_string();
  EXPECT_EQ(v4->server.to_string(), "https://10.0.0.1/");
  EXPECT_EQ(v4->token_file, folder_ / "token");
  EXPECT_FALSE(v4->tls.system_ca);
  EXPECT_EQ(read_pod_account({.folder = folder_, .host = "fd00::1", .port = "6443"})->server.authority(),
            "[fd00::1]:6443");
  EXPECT_FALSE(read_pod_account({.folder = folder_, .host = "a b", .port = "1"}));
  EXPECT_FALSE(read_pod_account({.folder = folder_ / "none", .host = "10.0.0.1", .port = "443"}));
}

TEST_F(Config, ATokenFileIsReadAgainWhenItIsRefused) {
  write("token", "first\n");
  Credentials credentials(Secret(), folder_ / "token");
  const Secret first = credentials.header().value();
  EXPECT_EQ(first.reveal(), "Bearer first");
  EXPECT_FALSE(credentials.renewed_since(first));
  write("token", "second");
  EXPECT_EQ(credentials.header()->reveal(), "Bearer first") << "not at every request";
  EXPECT_TRUE(credentials.renewed_since(first));
  EXPECT_EQ(credentials.header()->reveal(), "Bearer second");
  fs::remove(folder_ / "token");
  EXPECT_FALSE(credentials.renewed_since(credentials.header().value()));
  EXPECT_EQ(credentials.header()->reveal(), "Bearer second") << "it is being replaced";
  EXPECT_FALSE(Credentials(Secret(), folder_ / "token").header());
  write("token", "\n");
  EXPECT_FALSE(Credentials(Secret(), folder_ / "token").header());
  write("token", std::string(kMaxTokenBytes + 1, 'a'));
  EXPECT_FALSE(Credentials(Secret(), folder_ / "token").header());
  EXPECT_EQ(Credentials(Secret("t"), {}).header()->reveal(), "Bearer t");
  EXPECT_TRUE(Credentials(Secret(), {}).header()->empty());
}

TEST(Spool, GivesBackWhatWasCommitted) {
  auto spool = Spool::create().value();
  std::uint64_t at = 0;
  ASSERT_TRUE(spool->append("ns", "lost", "{}"));
  spool->rewind();
  const std::string large(kBatchBytes * 2, 'x');
  for (int i = 0; i < 1000; ++i)
    ASSERT_TRUE(
        spool->append(i % 2 == 0 ? "" : "ns", std::to_string(i), i == 500 ? large : std::string(1000, 'o')));
  const std::uint64_t end = spool->commit().value();
  ASSERT_TRUE(spool->append("ns", "later", "{}"));
  int next = 0;
  std::size_t batches = 0;
  while (at < end) {
    const auto items = spool->read(at, end).value();
    ASSERT_FALSE(items.empty());
    ++batches;
    for (const Item& item : items) {
      EXPECT_EQ(item.name, std::to_string(next));
      EXPECT_EQ(item.ns, next % 2 == 0 ? "" : "ns");
      EXPECT_EQ(item.object.size(), next == 500 ? large.size() : 1000);
      ++next;
    }
  }
  EXPECT_EQ(next, 1000);
  EXPECT_LT(batches, 10U);
  EXPECT_TRUE(spool->read(at, end).value().empty());
}

TEST(Discovery, ReadsBothForms) {
  const auto aggregated =
      read_groups(R"({"kind":"APIGroupDiscoveryList","items":[{"metadata":{"name":"apps"},"versions":[
    {"version":"v1","resources":[{"resource":"deployments","responseKind":{"kind":"Deployment"},"scope":"Namespaced",
    "verbs":["get"],"subresources":[{"subresource":"scale","responseKind":{"kind":"Scale"},"verbs":["patch"]}]}]}]}]})");
  ASSERT_TRUE(aggregated);
  ASSERT_EQ(aggregated->resources.size(), 2U);
  EXPECT_EQ(aggregated->resources[1].resource.shown(), "deployments/scale.apps");
  EXPECT_TRUE(aggregated->resources[0].namespaced);
  EXPECT_EQ(read_groups(R"({"kind":"APIVersions","versions":["v1","../x",7]})")->versions,
            std::vector<std::string>{"/api/v1"});
  EXPECT_EQ(
      read_groups(
          R"({"kind":"APIGroupList","groups":[{"name":"a.b","versions":[{"version":"v2"}]},{"name":"../x"}]})")
          ->versions,
      std::vector<std::string>{"/apis/a.b/v2"});
  const auto resources = read_resources(
      R"({"groupVersion":"a.b/v2","resources":[{"name":"cs/status","kind":"C","namespaced":false,"verbs":["get",1]},5]})");
  ASSERT_TRUE(resources);
  EXPECT_EQ((*resources)[0].resource, (ResourceType{"a.b", "v2", "cs/status"}));
  for (const std::string& bad : {std::string("{"), std::string("[]"), std::string("{}"),
                                 std::string(100'000, '['), std::string(R"({"kind":"Status"})")})
    EXPECT_FALSE(read_groups(bad)) << bad.substr(0, 50);
}

}  // namespace
}  // namespace berth::kubernetes
